#include "world.h"

#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/times.h"
#include "cms/cms.h"
#include "seal/holder.h"
#include "seal/session.h"
#include "x509/csr.h"

static struct tg_err err;
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            (void)fprintf(stderr, "bench-issue: %s: %s\n", #call, err.text);                       \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void make_old(const struct bench_world *b, struct bench_app *a, size_t i,
                     const struct tg_key *key)
{
    char cn[64], email[64];
    struct tg_buf der = TG_BUF(TG_MAX_CERT);
    (void)snprintf(cn, sizeof cn, "Holder %zu", i);
    (void)snprintf(email, sizeof email, "holder%zu@alatau.example", i);
    struct tg_issue_identity_spec spec = {.cn = cn,
                                          .organization = "Alatau",
                                          .email = email,
                                          .not_before = b->w.now - 355 * TG_DAY,
                                          .not_after = b->w.now + 10 * TG_DAY,
                                          .issuer = b->w.issuer.cert,
                                          .issuer_key = b->w.issuer.key};
    spec.spki = tg_key_spki_der(key, &spec.spki_len);
    tg_serial_random(spec.serial);
    MUST(tg_issue_identity(&spec, &der, &err));
    MUST(tg_cert_parse(der.data, der.len, &a->old, &err));
    tg_buf_done(&der);
}

static void fill_leaf(const struct bench_world *b, const struct bench_app *a, size_t i,
                      struct tg_leaf *leaf)
{
    *leaf = (struct tg_leaf){0};
    MUST(tg_leaf_from_old(leaf, a->old, &err));
    leaf->number = (struct tg_number){26, (uint32_t)(i + 1)};
    tg_number_print(leaf->number, leaf->no);
    (void)snprintf(leaf->holder, sizeof leaf->holder, "E-%06zu", i);
    (void)snprintf(leaf->agent, sizeof leaf->agent, "%032zx", i + 1);
    (void)snprintf(leaf->host, sizeof leaf->host, "ws-%zu.alatau.example", i);
    (void)tg_copy(leaf->store, sizeof leaf->store, "pkcs12");
    (void)tg_copy(leaf->alg, sizeof leaf->alg, "ec-p256");
    (void)tg_copy(leaf->issuer, sizeof leaf->issuer, b->w.issuer.spki);
    tg_hex(a->spki, TG_SHA256, leaf->key);
    leaf->days = 365;
    leaf->consent = TG_CONSENT_KEY;
    (void)tg_copy(leaf->policy, sizeof leaf->policy, SEAL_WORLD_POLICY);
    (void)tg_copy(leaf->department, sizeof leaf->department, "Finance");
}

static void sign_app(const struct bench_world *b, struct bench_app *a, const struct tg_key *old_key,
                     const struct tg_key *new_key, const struct tg_leaf *leaf)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(2 * TG_MAX_LEAF);
    struct tg_decision d = {.kind = TG_DECISION_APPROVE};
    tg_buf_init(&a->app, TG_MAX_LEAF);
    tg_buf_init(&a->csr, TG_MAX_CSR);
    tg_buf_init(&a->holder, TG_MAX_CMS);
    tg_buf_init(&a->line, TG_MAX_LEAF);
    tg_buf_init(&a->decision, TG_DECISION_MAX);
    MUST(tg_app_print(leaf, TG_APP_FULL, &a->app, &err));
    MUST(tg_csr_make(new_key, a->old, &a->csr, &err));
    MUST(tg_holder_text(tg_trust_chain_realm(b->w.chain), seal_blob(&a->app), &text, &err));
    MUST(tg_cms_sign(old_key, a->old, text.data, text.len, &a->holder, &err));
    MUST(tg_leaf_join(seal_blob(&a->app), leaf, &a->line, &err));
    tg_sha256_hex(a->csr.data, a->csr.len, d.csr);
    tg_sha256_hex(a->holder.data, a->holder.len, d.cms);
    (void)tg_copy(d.status, sizeof d.status, "-");
    MUST(tg_decision_print(&d, &a->decision, &err));
}

static void make_app(struct bench_world *b, size_t i, struct tg_leaf *leaf)
{
    struct bench_app *a = &b->apps[i];
    TG_AUTO(key) struct tg_key *old_key = NULL, *new_key = NULL;
    MUST(tg_key_generate("ec-p256", &old_key, &err));
    MUST(tg_key_generate("ec-p256", &new_key, &err));
    tg_key_spki_sha256(new_key, a->spki);
    make_old(b, a, i, old_key);
    fill_leaf(b, a, i, leaf);
    sign_app(b, a, old_key, new_key, leaf);
}

static const char *hash_of(const char *name, void *data)
{
    (void)data;
    static char hash[TG_HEX256];
    tg_sha256_hex(name, strlen(name), hash);
    return hash;
}

static void seal(struct bench_world *b)
{
    TG_AUTO(session) struct tg_session *s = tg_session_new();
    TG_AUTO(mem) struct tg_totals *totals = TG_NEW(struct tg_totals);
    size_t n = 0;
    for (size_t i = 0; i < b->count; i++)
        MUST(tg_session_add(s, seal_blob(&b->apps[i].line), seal_blob(&b->apps[i].decision), &err));
    tg_session_totals(s, totals);
    const struct tg_merkle_hash *hashes = tg_session_approved(s, &n);
    tg_merkle_tree_init(&b->approved, hashes, n);
    hashes = tg_session_evidence(s, &n);
    tg_merkle_tree_init(&b->evidence, hashes, n);
    b->st = b->w.st; /* realm, batch, trust, audit */
    b->st.taken = b->w.now - 60;
    MUST(tg_totals_fill(totals, hash_of, NULL, &b->st, &err));
    tg_statement_mint(&b->st, b->w.now, TG_SIGN_MINUTES, 0);
    tg_buf_init(&b->statement, TG_MAX_STATEMENT);
    tg_buf_init(&b->cms, TG_MAX_CMS);
    MUST(tg_statement_print(&b->st, &b->statement, &err));
    seal_world_cms(&b->w.ceo, seal_blob(&b->statement), &b->cms);
    b->cms_blob = seal_blob(&b->cms);
    b->signed_.signed_ = (struct tg_signed){seal_blob(&b->statement), &b->cms_blob, 1};
    tg_sha256_hex(b->statement.data, b->statement.len, b->signed_.sha256);
}

void bench_world_make(struct bench_world *b, size_t count, int64_t now)
{
    TG_AUTO(mem) struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    *b = (struct bench_world){.count = count};
    seal_world_init_at(&b->w, 1, now);
    b->apps = tg_calloc(count, sizeof *b->apps);
    for (size_t i = 0; i < count; i++)
        make_app(b, i, leaf);
    seal(b);
}

void bench_world_done(struct bench_world *b)
{
    for (size_t i = 0; i < b->count; i++) {
        struct bench_app *a = &b->apps[i];
        tg_cert_unref(a->old);
        tg_buf_done(&a->app);
        tg_buf_done(&a->csr);
        tg_buf_done(&a->holder);
        tg_buf_done(&a->line);
        tg_buf_done(&a->decision);
    }
    free(b->apps);
    tg_merkle_tree_done(&b->approved);
    tg_merkle_tree_done(&b->evidence);
    tg_buf_done(&b->statement);
    tg_buf_done(&b->cms);
    seal_world_done(&b->w);
}
