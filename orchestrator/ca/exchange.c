/* The exchange connector: people carry the requests out and the certificates in (issue room:
 * issue_exchange_list, issue_exchange_import). Nothing is sent, so nothing can be lost: what is
 * requested waits until its certificate is brought. */
#include "base/mem.h"
#include "ca/ca.h"
#include "files.h"
#include "loop/loop.h"

enum { WINDOW = 256 };

struct exchange {
    struct tg_cert *issuer;
    struct tg_list calls;
    struct tg_deadline later;
    bool closing;
    ca_closed_fn closed;
    void *closed_data;
};

static void finish_calls(struct exchange *x)
{
    struct tg_list calls;
    struct ca_call *call;
    tg_list_init(&calls);
    while ((call = tg_list_first(&x->calls, struct ca_call, node))) {
        tg_list_del(&call->node);
        tg_list_add(&calls, &call->node);
    }
    while ((call = tg_list_first(&calls, struct ca_call, node))) {
        tg_list_del(&call->node);
        call->outcome = CA_PENDING;
        call->done(call);
    }
}

static void on_later(struct tg_deadline *d, void *data)
{
    (void)d;
    finish_calls(data);
}

static int pend(struct exchange *x, struct ca_call *call, struct tg_err *err)
{
    if (x->closing) return TG_FAIL(err, TG_E_CANCELLED, "tamgad is stopping");
    tg_list_add(&x->calls, &call->node);
    if (!tg_deadline_active(&x->later)) tg_deadline_start(&x->later, 0, on_later);
    return 0;
}

static int exchange_submit(void *self, struct ca_call *call, const struct ca_ask *ask,
                           struct tg_err *err)
{
    (void)ask;
    return pend(self, call, err);
}

static int exchange_find(void *self, struct ca_call *call, const uint8_t spki_sha256[32],
                         struct tg_err *err)
{
    (void)spki_sha256;
    return pend(self, call, err);
}

static const struct tg_cert *exchange_issuer(void *self)
{
    return ((struct exchange *)self)->issuer;
}

/* The CA beyond the files knows neither trust nor recalls: S5 and A2 are made on our side. */
static void exchange_trust(void *self, const struct tg_trust_chain *chain)
{
    (void)self;
    (void)chain;
}

static void exchange_recall(void *self, struct tg_blob text, struct tg_blob cms)
{
    (void)self;
    (void)text;
    (void)cms;
}

static void on_closed(struct tg_deadline *d, void *data)
{
    struct exchange *x = data;
    ca_closed_fn closed = x->closed;
    void *closed_data = x->closed_data;
    (void)d;
    finish_calls(x);
    tg_cert_unref(x->issuer);
    free(x);
    if (closed) closed(closed_data);
}

static void exchange_close(void *self, ca_closed_fn closed, void *data)
{
    struct exchange *x = self;
    x->closing = true;
    x->closed = closed;
    x->closed_data = data;
    tg_deadline_close(&x->later, on_closed);
}

static const struct ca_ops exchange_ops = {.kind = "exchange",
                                           .pending = true,
                                           .window = WINDOW,
                                           .issuer = exchange_issuer,
                                           .trust = exchange_trust,
                                           .recall = exchange_recall,
                                           .submit = exchange_submit,
                                           .find = exchange_find,
                                           .close = exchange_close};

int ca_exchange_new(struct tg_loop *loop, const char *name, const char *issuer,
                    struct ca_connector **ret, struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    if (ca_cert_load(issuer, &cert, err) < 0) return tg_err_wrap(err, "connector %s", name);
    if (!tg_cert_facts(cert)->is_ca)
        return TG_FAIL(err, TG_E_INPUT, "connector %s: %s: it is not a CA's certificate", name,
                       issuer);
    struct exchange *x = TG_NEW(struct exchange);
    x->issuer = TG_TAKE(cert);
    tg_list_init(&x->calls);
    tg_deadline_init(&x->later, loop, x);
    *ret = ca_connector_new(name, &exchange_ops, x);
    return 0;
}
