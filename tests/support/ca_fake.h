/* ca_fake: a second implementation of a connector, over a seal_world: a CA that remembers by public
 * key, and that can lose answers, be away, answer later, or issue the wrong thing. For cmocka
 * programs. */
#pragma once

#include "ca/ca.h"
#include "loop/loop.h"
#include "seal_world/seal_world.h"

struct ca_fake {
    struct seal_world *w;
    struct tg_loop *loop;
    struct ca_ops ops;
    /* how it behaves */
    bool away;    /* TG_E_CA, nothing happens */
    bool loses;   /* issues, and the answer does not come back: TG_E_CA */
    bool wrong;   /* another holder's content */
    bool pending; /* people carry it */
    int refuses;  /* code, or 0 */
    /* what happened */
    size_t submits, finds, issued, trusts, recalls;
    struct tg_list calls; /* that are answered in the next turn */
    struct tg_deadline later;
    ca_closed_fn closed;
    void *closed_data;
};

static inline struct seal_app *ca_fake_app(struct ca_fake *c, const uint8_t spki[32])
{
    for (size_t i = 0; i < c->w->count; i++) {
        uint8_t own[32];
        tg_key_spki_sha256(c->w->apps[i].new_key, own);
        if (memcmp(own, spki, 32) == 0) return &c->w->apps[i];
    }
    return NULL;
}

static inline void ca_fake_answer(struct tg_deadline *d, void *data)
{
    struct ca_fake *c = data;
    struct ca_call *call;
    (void)d;
    while ((call = tg_list_first(&c->calls, struct ca_call, node))) {
        tg_list_del(&call->node);
        call->done(call);
    }
}

static inline int ca_fake_later(struct ca_fake *c, struct ca_call *call, enum ca_outcome outcome)
{
    call->outcome = outcome;
    tg_list_add(&c->calls, &call->node);
    if (!tg_deadline_active(&c->later)) tg_deadline_start(&c->later, 1, ca_fake_answer);
    return 0;
}

static inline int ca_fake_give(struct ca_fake *c, struct ca_call *call, const struct seal_app *app)
{
    size_t len;
    const uint8_t *der = tg_cert_der(app->cert, &len);
    call->certificate = TG_BLOB(der, len);
    return ca_fake_later(c, call, CA_ISSUED);
}

static inline void ca_fake_issue(struct ca_fake *c, struct seal_app *app)
{
    size_t i = (size_t)(app - c->w->apps);
    if (c->wrong) { /* more days than approved */
        app->leaf.days++;
        seal_world_issue(c->w, i);
        app->leaf.days--;
    } else {
        seal_world_issue(c->w, i);
    }
    c->issued++;
}

static inline int ca_fake_submit(void *self, struct ca_call *call, const struct ca_ask *ask,
                                 struct tg_err *err)
{
    struct ca_fake *c = self;
    TG_AUTO(mem) struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    uint8_t spki[32];
    c->submits++;
    if (tg_leaf_parse(ask->place.line.data, ask->place.line.len, leaf, err) < 0) return err->code;
    TG_CHECK(tg_unhex(leaf->key, 64, spki));
    struct seal_app *app = ca_fake_app(c, spki);
    if (c->pending) return ca_fake_later(c, call, CA_PENDING);
    if (c->away || c->refuses || !app) {
        (void)TG_FAIL(&call->err, c->refuses ? c->refuses : TG_E_CA, "the CA is away");
        return ca_fake_later(c, call, CA_REFUSED);
    }
    TG_CHECK(!app->cert); /* never two of one key */
    ca_fake_issue(c, app);
    if (!c->loses) return ca_fake_give(c, call, app);
    (void)TG_FAIL(&call->err, TG_E_CA, "the answer was lost");
    return ca_fake_later(c, call, CA_REFUSED);
}

static inline int ca_fake_find(void *self, struct ca_call *call, const uint8_t spki[32],
                               struct tg_err *err)
{
    struct ca_fake *c = self;
    struct seal_app *app = ca_fake_app(c, spki);
    (void)err;
    c->finds++;
    if (c->pending) return ca_fake_later(c, call, CA_PENDING);
    if (app && app->cert && !c->away) return ca_fake_give(c, call, app);
    (void)TG_FAIL(&call->err, c->away ? TG_E_CA : TG_E_NOT_FOUND, "nothing of this key");
    return ca_fake_later(c, call, CA_REFUSED);
}

static inline const struct tg_cert *ca_fake_issuer(void *self)
{
    return ((struct ca_fake *)self)->w->issuer.cert;
}

static inline void ca_fake_trust(void *self, const struct tg_trust_chain *chain)
{
    (void)chain;
    ((struct ca_fake *)self)->trusts++;
}

static inline void ca_fake_recall(void *self, struct tg_blob text, struct tg_blob cms)
{
    (void)text;
    (void)cms;
    ((struct ca_fake *)self)->recalls++;
}

static inline void ca_fake_closed(struct tg_deadline *d, void *data)
{
    struct ca_fake *c = data;
    (void)d;
    if (c->closed) c->closed(c->closed_data);
}

static inline void ca_fake_close(void *self, ca_closed_fn closed, void *data)
{
    struct ca_fake *c = self;
    c->closed = closed;
    c->closed_data = data;
    tg_deadline_close(&c->later, ca_fake_closed);
}

/* The world's certificates are forgotten: from now on only this CA makes them. */
static inline struct ca_connector *ca_fake_new(struct ca_fake *c, struct seal_world *w,
                                               struct tg_loop *loop, const char *name)
{
    *c = (struct ca_fake){.w = w, .loop = loop};
    c->ops = (struct ca_ops){.kind = "fake",
                             .window = 64,
                             .issuer = ca_fake_issuer,
                             .trust = ca_fake_trust,
                             .recall = ca_fake_recall,
                             .submit = ca_fake_submit,
                             .find = ca_fake_find,
                             .close = ca_fake_close};
    for (size_t i = 0; i < w->count; i++)
        tg_cert_unref(TG_TAKE(w->apps[i].cert));
    tg_list_init(&c->calls);
    tg_deadline_init(&c->later, loop, c);
    return ca_connector_new(name, &c->ops, c);
}
