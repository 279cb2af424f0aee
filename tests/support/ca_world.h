/* ca_world: the embedded CA of a test is the issuer of its seal_world: its key and certificate are
 * put into the folder before the issuing process starts. The process is the test program itself:
 * its main begins with CA_WORLD_MAIN. */
#pragma once

#include <sys/stat.h>

#include "base/bytes.h"
#include "ca/ca.h"
#include "ca/issuer.h"
#include "loop/loop.h"
#include "seal_world/seal_world.h"
#include "x509/pem.h"

#define CA_WORLD_MAIN(argc, argv)                                                                  \
    if ((argc) > 1 && strcmp((argv)[1], "--issuer") == 0) return ca_issuer_main((argc), (argv))

/* The world stands still at its own hour; processes look at the real clock, moved there. */
static inline void ca_world_clock(int64_t now)
{
    char shift[32];
    int64_t real =
        tg_clock_wall(tg_clock_system()); /* this process read its shift at the first look */
    (void)snprintf(shift, sizeof shift, "%lld", (long long)(now - real));
    (void)setenv("TAMGA_CLOCK", shift, 1);
}

static inline void ca_world_home(const struct seal_world *w, const char *dir)
{
    struct tg_err e = {0};
    char path[4096];
    size_t len;
    struct tg_buf key = TG_BUF(64 * 1024), pem = TG_BUF(TG_MAX_CERT * 2);
    const uint8_t *der = tg_cert_der(w->issuer.cert, &len);
    tg_pem_write("CERTIFICATE", der, len, &pem);
    (void)mkdir(dir, 0700);
    (void)snprintf(path, sizeof path, "%s/ca.key", dir);
    TG_CHECK(tg_key_to_pem(w->issuer.key, NULL, 0, &key, &e) == 0);
    TG_CHECK(tg_file_replace(path, key.data, key.len, 0600, &e) == 0);
    (void)snprintf(path, sizeof path, "%s/ca.crt", dir);
    TG_CHECK(tg_file_replace(path, pem.data, pem.len, 0644, &e) == 0);
    tg_buf_done(&key);
    tg_buf_done(&pem);
}

static inline struct ca_connector *ca_world_start(struct tg_loop *loop, const char *dir)
{
    struct ca_connector *ret = NULL;
    struct tg_err e = {0};
    struct ca_embedded_config config = {.name = "corporate",
                                        .dir = dir,
                                        .self_exe = "/proc/self/exe",
                                        .organization = "Alatau"};
    if (ca_embedded_new(loop, &config, &ret, &e) < 0) {
        (void)fprintf(stderr, "ca_world: %s\n", e.text);
        abort();
    }
    return ret;
}

static inline void ca_world_closed(void *data)
{
    *(bool *)data = true;
}

static inline bool ca_world_is(void *data)
{
    return *(bool *)data;
}

static inline void ca_world_stop(struct tg_loop *loop, struct ca_connector *c)
{
    bool closed = false;
    ca_close(c, ca_world_closed, &closed);
    TG_CHECK(tg_loop_until(loop, ca_world_is, &closed, 20 * 1000));
}

/* One call, waited for. The certificate (yours) or NULL and err. */
struct ca_world_call {
    struct ca_call call;
    bool told;
    enum ca_outcome outcome;
    struct tg_cert *cert;
    struct tg_err err;
};

static inline void ca_world_told(struct ca_call *call)
{
    struct ca_world_call *c = call->data;
    struct tg_err e = {0};
    c->outcome = call->outcome;
    c->err = call->err;
    if (call->outcome == CA_ISSUED)
        TG_CHECK(tg_cert_parse(call->certificate.data, call->certificate.len, &c->cert, &e) == 0);
    c->told = true;
}

static inline void ca_world_submit(const struct ca_connector *connector, const struct ca_ask *ask,
                                   struct ca_world_call *c)
{
    *c = (struct ca_world_call){.call = {.done = ca_world_told, .data = c}};
    if (ca_submit(connector, &c->call, ask, &c->err) == 0) return;
    c->outcome = CA_REFUSED;
    c->told = true;
}

static inline void ca_world_find(const struct ca_connector *connector, const uint8_t spki[32],
                                 struct ca_world_call *c)
{
    *c = (struct ca_world_call){.call = {.done = ca_world_told, .data = c}};
    if (ca_find(connector, &c->call, spki, &c->err) == 0) return;
    c->outcome = CA_REFUSED;
    c->told = true;
}

static inline void ca_world_wait(struct tg_loop *loop, struct ca_world_call *c)
{
    TG_CHECK(tg_loop_until(loop, ca_world_is, &c->told, 60 * 1000));
}

struct ca_world_ask {
    struct tg_merkle_proof proofs[2];
    struct ca_statement statement;
    struct ca_ask ask;
};

static inline struct ca_ask *ca_world_ask(struct seal_world *w, size_t i, struct ca_world_ask *room)
{
    size_t len;
    const uint8_t *old = tg_cert_der(w->apps[i].old, &len);
    tg_sha256_hex(w->statement.data, w->statement.len, room->statement.sha256);
    room->statement.signed_ = w->signed_;
    room->ask = (struct ca_ask){.reference = w->apps[i].leaf.no,
                                .statement = &room->statement,
                                .place = seal_world_place(w, i, &room->proofs[0]),
                                .request = seal_world_request(w, i, &room->proofs[1]),
                                .old = TG_BLOB(old, len)};
    return &room->ask;
}
