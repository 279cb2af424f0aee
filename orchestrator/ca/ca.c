#include "ca/ca.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"

struct ca_connector *ca_connector_new(const char *name, const struct ca_ops *ops, void *self)
{
    struct ca_connector *c = TG_NEW(struct ca_connector);
    c->ops = ops;
    c->self = self;
    TG_CHECK(tg_copy(c->name, sizeof c->name, name)); /* settings bound it */
    const struct tg_cert *issuer = ca_issuer(c);
    if (issuer) tg_hex(tg_cert_facts(issuer)->spki_sha256, TG_SHA256, c->issuer_spki);
    return c;
}

/* The memory of a connector outlives its other half. */
struct closing {
    struct ca_connector *c;
    ca_closed_fn closed;
    void *data;
};

static void on_closed(void *data)
{
    struct closing *closing = data;
    free(closing->c);
    if (closing->closed) closing->closed(closing->data);
    free(closing);
}

void ca_close(struct ca_connector *c, ca_closed_fn closed, void *data)
{
    struct closing *closing = TG_NEW(struct closing);
    *closing = (struct closing){c, closed, data};
    c->ops->close(c->self, on_closed, closing);
}

void ca_trust(const struct ca_connector *c, const struct tg_trust_chain *chain)
{
    c->ops->trust(c->self, chain);
}

void ca_recall(const struct ca_connector *c, struct tg_blob text, struct tg_blob cms)
{
    c->ops->recall(c->self, text, cms);
}

int ca_submit(const struct ca_connector *c, struct ca_call *call, const struct ca_ask *ask,
              struct tg_err *err)
{
    return c->ops->submit(c->self, call, ask, err);
}

int ca_find(const struct ca_connector *c, struct ca_call *call, const uint8_t spki_sha256[32],
            struct tg_err *err)
{
    return c->ops->find(c->self, call, spki_sha256, err);
}

const char *ca_issuer_spki(const struct ca_connector *c)
{
    return c->issuer_spki[0] ? c->issuer_spki : NULL;
}

const struct tg_cert *ca_issuer(const struct ca_connector *c)
{
    return c->ops->issuer(c->self);
}
