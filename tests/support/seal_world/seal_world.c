#include "seal_world/seal_world.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/str.h"
#include "cms/cms.h"
#include "seal/holder.h"
#include "x509/csr.h"

static struct tg_err world_err;

/* A test world that cannot be built ends the test with the reason. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            (void)fprintf(stderr, "seal_world: %s: %s\n", #call, world_err.text);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
#define ERR (&world_err)

enum { MINUTES = 5, DAYS = 365 };

struct tg_blob seal_blob(const struct tg_buf *b)
{
    return TG_BLOB(b->data, b->len);
}

void seal_world_party(struct seal_party *p, const char *cn, int64_t now)
{
    MUST(tg_key_generate("ec-p256", &p->key, ERR));
    MUST(tg_cms_self_signed(p->key, cn, now - TG_DAY, now + DAYS * TG_DAY, &p->cert, ERR));
    tg_key_spki_hex(p->key, p->spki);
}

static void make_issuer(struct seal_party *p, int64_t now)
{
    struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_root_spec spec = {"Alatau Issuing CA", "Alatau", now - TG_DAY,
                                      now + 10 * DAYS * TG_DAY, -1};
    MUST(tg_key_generate("ec-p256", &p->key, ERR));
    MUST(tg_issue_root(p->key, &spec, &der, ERR));
    MUST(tg_cert_parse(der.data, der.len, &p->cert, ERR));
    tg_key_spki_hex(p->key, p->spki);
    tg_buf_done(&der);
}

static void party_done(struct seal_party *p)
{
    tg_key_free(p->key);
    tg_cert_unref(p->cert);
}

void seal_world_cms(const struct seal_party *by, struct tg_blob bytes, struct tg_buf *out)
{
    tg_buf_done(out);
    tg_buf_init(out, TG_MAX_CMS);
    MUST(tg_cms_sign(by->key, by->cert, bytes.data, bytes.len, out, ERR));
}

static void first_trust(struct seal_world *w)
{
    struct tg_trust *t = &w->trust;
    t->created = w->now - TG_DAY;
    t->expires = w->now + DAYS * TG_DAY;
    (void)tg_copy(t->organization, sizeof t->organization, "123456789021");
    t->root_threshold = 2;
    t->roots_count = SEAL_WORLD_ROOTS;
    for (size_t i = 0; i < SEAL_WORLD_ROOTS; i++)
        (void)tg_copy(t->roots[i], TG_SEAL_HEX, w->roots[i].spki);
    t->approval_threshold = 1;
    t->approvers_count = t->issuers_count = t->servers_count = 1;
    (void)tg_copy(t->approvers[0].spki, TG_SEAL_HEX, w->ceo.spki);
    t->approvers[0].until = w->now + DAYS / 2 * TG_DAY;
    (void)tg_copy(t->issuers[0], TG_SEAL_HEX, w->issuer.spki);
    (void)tg_copy(t->servers[0], TG_SEAL_HEX, w->server.spki);
}

void seal_world_publish(struct seal_world *w)
{
    struct tg_blob earlier = seal_blob(&w->trust_text), cms[2];
    struct tg_buf text = TG_BUF(TG_MAX_TRUST);
    MUST(tg_trust_make(&w->trust, earlier, &text, ERR));
    tg_buf_done(&w->trust_text);
    w->trust_text = text;
    for (size_t i = 0; i < 2; i++) {
        seal_world_cms(&w->roots[i], seal_blob(&w->trust_text), &w->trust_cms[i]);
        cms[i] = seal_blob(&w->trust_cms[i]);
    }
    MUST(tg_trust_chain_add(w->chain, seal_blob(&w->trust_text), cms, 2, ERR));
}

/* An employee's certificate that runs out in ten days. */
static void make_old(struct seal_world *w, struct seal_app *a, size_t i)
{
    char cn[64], email[64];
    size_t spki_len;
    struct tg_buf der = TG_BUF(TG_MAX_CERT);
    (void)snprintf(cn, sizeof cn, "Holder %zu \xd0\x90", i);
    (void)snprintf(email, sizeof email, "holder%zu@alatau.example", i);
    MUST(tg_key_generate("ec-p256", &a->old_key, ERR));
    const uint8_t *spki = tg_key_spki_der(a->old_key, &spki_len);
    struct tg_issue_identity_spec spec = {.cn = cn,
                                          .organization = "Alatau",
                                          .email = email,
                                          .spki = spki,
                                          .spki_len = spki_len,
                                          .not_before = w->now - (DAYS - 10) * TG_DAY,
                                          .not_after = w->now + 10 * TG_DAY,
                                          .issuer = w->issuer.cert,
                                          .issuer_key = w->issuer.key};
    tg_serial_random(spec.serial);
    MUST(tg_issue_identity(&spec, &der, ERR));
    MUST(tg_cert_parse(der.data, der.len, &a->old, ERR));
    tg_buf_done(&der);
}

static void fill_leaf(struct seal_world *w, struct seal_app *a, size_t i)
{
    struct tg_leaf *l = &a->leaf;
    MUST(tg_leaf_from_old(l, a->old, ERR));
    tg_number_print((struct tg_number){26, (uint32_t)(4217 + i)}, l->no);
    (void)snprintf(l->holder, sizeof l->holder, "E-%04zu", i);
    (void)snprintf(l->agent, sizeof l->agent, "%032zx", i + 1);
    (void)snprintf(l->host, sizeof l->host, "ws-%zu.alatau.example", i);
    (void)tg_copy(l->store, sizeof l->store, "pkcs12");
    (void)tg_copy(l->alg, sizeof l->alg, "ec-p256");
    (void)tg_copy(l->issuer, sizeof l->issuer, w->issuer.spki);
    tg_key_spki_hex(a->new_key, l->key);
    l->days = DAYS;
    l->consent = TG_CONSENT_KEY;
    (void)tg_copy(l->policy, sizeof l->policy, SEAL_WORLD_POLICY);
    (void)tg_copy(l->department, sizeof l->department, "Finance \"A\"");
}

static void refill(struct tg_buf *b, size_t max)
{
    tg_buf_done(b);
    tg_buf_init(b, max);
}

static void sign_app(struct seal_world *w, struct seal_app *a)
{
    struct tg_buf text = TG_BUF(2 * TG_MAX_LEAF);
    refill(&a->app, TG_MAX_LEAF);
    refill(&a->csr, TG_MAX_CSR);
    refill(&a->holder, TG_MAX_CMS);
    MUST(tg_app_print(&a->leaf, TG_APP_FULL, &a->app, ERR));
    MUST(tg_csr_make(a->new_key, a->old, &a->csr, ERR));
    MUST(tg_holder_text(tg_trust_chain_realm(w->chain), seal_blob(&a->app), &text, ERR));
    MUST(tg_cms_sign(a->old_key, a->old, text.data, text.len, &a->holder, ERR));
    tg_buf_done(&text);
}

static void decide(struct seal_app *a)
{
    if (a->decision.kind == TG_DECISION_APPROVE) {
        tg_sha256_hex(a->csr.data, a->csr.len, a->decision.csr);
        tg_sha256_hex(a->holder.data, a->holder.len, a->decision.cms);
        (void)tg_copy(a->decision.status, TG_SEAL_HEX, "-");
    }
    refill(&a->decision_line, TG_DECISION_MAX);
    MUST(tg_decision_print(&a->decision, &a->decision_line, ERR));
}

void seal_world_app(struct seal_world *w, size_t i)
{
    struct seal_app *a = &w->apps[i];
    sign_app(w, a);
    refill(&a->line, TG_MAX_LEAF);
    MUST(tg_leaf_join(seal_blob(&a->app), &a->leaf, &a->line, ERR));
    decide(a);
}

static void make_app(struct seal_world *w, size_t i)
{
    struct seal_app *a = &w->apps[i];
    make_old(w, a, i);
    MUST(tg_key_generate("ec-p256", &a->new_key, ERR));
    fill_leaf(w, a, i);
    if (w->count >= 3 && i + 2 == w->count) a->decision.kind = TG_DECISION_HOLD;
    if (w->count >= 3 && i + 1 == w->count) {
        a->decision.kind = TG_DECISION_RETURN;
        (void)tg_copy(a->decision.reason, sizeof a->decision.reason, "wrong \"department\"");
    }
    seal_world_app(w, i);
}

static const char *hash_of(const char *name, void *data)
{
    (void)data;
    static char hash[TG_HEX256];
    tg_sha256_hex(name, strlen(name), hash);
    return hash;
}

static void make_trees(struct seal_world *w, const struct tg_session *s)
{
    size_t n;
    if (w->trees) {
        tg_merkle_tree_done(&w->approved);
        tg_merkle_tree_done(&w->evidence);
    }
    const struct tg_merkle_hash *hashes = tg_session_approved(s, &n);
    tg_merkle_tree_init(&w->approved, hashes, n);
    hashes = tg_session_evidence(s, &n);
    tg_merkle_tree_init(&w->evidence, hashes, n);
    w->trees = true;
}

void seal_world_sign(struct seal_world *w)
{
    refill(&w->statement, TG_MAX_STATEMENT);
    MUST(tg_statement_print(&w->st, &w->statement, ERR));
    seal_world_cms(&w->ceo, seal_blob(&w->statement), &w->cms);
    w->cms_blob = seal_blob(&w->cms);
    w->signed_ = (struct tg_signed){seal_blob(&w->statement), &w->cms_blob, 1};
    w->knowledge = (struct tg_knowledge){.chain = w->chain, .now = w->now};
}

void seal_world_seal(struct seal_world *w)
{
    TG_AUTO(session) struct tg_session *s = tg_session_new();
    refill(&w->snapshot, SEAL_WORLD_APPS * (TG_MAX_LEAF + 1));
    refill(&w->decisions, SEAL_WORLD_APPS * (TG_DECISION_MAX + 1));
    for (size_t i = 0; i < w->count; i++) {
        struct seal_app *a = &w->apps[i];
        MUST(tg_session_add(s, seal_blob(&a->line), seal_blob(&a->decision_line), ERR));
        a->index = tg_session_last_index(s);
        tg_buf_add(&w->snapshot, a->line.data, a->line.len);
        tg_buf_putc(&w->snapshot, '\n');
        tg_buf_add(&w->decisions, a->decision_line.data, a->decision_line.len);
        tg_buf_putc(&w->decisions, '\n');
    }
    tg_session_totals(s, &w->totals);
    make_trees(w, s);
    w->st.taken = w->now - 60;
    w->st.trust = tg_trust_chain_version(w->chain);
    (void)tg_copy(w->st.realm, TG_SEAL_HEX, tg_trust_chain_realm(w->chain));
    (void)tg_copy(w->st.batch, sizeof w->st.batch, "26-47");
    (void)tg_copy(w->st.previous, TG_SEAL_HEX, TG_HEX_ZEROS);
    (void)tg_copy(w->st.audit_root, TG_SEAL_HEX, TG_HEX_EMPTY);
    MUST(tg_totals_fill(&w->totals, hash_of, NULL, &w->st, ERR));
    tg_statement_mint(&w->st, w->now, MINUTES, 0);
    seal_world_sign(w);
}

void seal_world_issue(struct seal_world *w, size_t i)
{
    struct seal_app *a = &w->apps[i];
    size_t spki_len;
    const uint8_t *spki = tg_key_spki_der(a->new_key, &spki_len);
    struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_spec spec = {.old = a->old,
                                 .changes = a->leaf.changes,
                                 .n = a->leaf.changes_count,
                                 .spki = spki,
                                 .spki_len = spki_len,
                                 .not_before = w->now,
                                 .not_after = w->now + (int64_t)a->leaf.days * TG_DAY - 1,
                                 .issuer = w->issuer.cert,
                                 .issuer_key = w->issuer.key};
    tg_serial_random(spec.serial);
    MUST(tg_issue(&spec, &der, ERR));
    tg_cert_unref(TG_TAKE(a->cert));
    MUST(tg_cert_parse(der.data, der.len, &a->cert, ERR));
    tg_buf_done(&der);
}

void seal_world_init(struct seal_world *w, size_t count)
{
    seal_world_init_at(w, count, SEAL_WORLD_NOW);
}

void seal_world_init_at(struct seal_world *w, size_t count, int64_t now)
{
    TG_CHECK(count >= 1 && count <= SEAL_WORLD_APPS);
    *w = (struct seal_world){.now = now, .count = count};
    static const char *const names[] = {"Root 1", "Root 2", "Root 3"};
    for (size_t i = 0; i < SEAL_WORLD_ROOTS; i++)
        seal_world_party(&w->roots[i], names[i], w->now);
    seal_world_party(&w->ceo, "CEO", w->now);
    seal_world_party(&w->server, "tamgad", w->now);
    seal_world_party(&w->stranger, "Stranger", w->now);
    make_issuer(&w->issuer, w->now);
    w->chain = tg_trust_chain_new(NULL);
    first_trust(w);
    seal_world_publish(w);
    for (size_t i = 0; i < count; i++)
        make_app(w, i);
    seal_world_seal(w);
    for (size_t i = 0; i < count; i++)
        seal_world_issue(w, i);
}

static void app_done(struct seal_app *a)
{
    tg_key_free(a->old_key);
    tg_key_free(a->new_key);
    tg_cert_unref(a->old);
    tg_cert_unref(a->cert);
    tg_buf_done(&a->app);
    tg_buf_done(&a->csr);
    tg_buf_done(&a->holder);
    tg_buf_done(&a->line);
    tg_buf_done(&a->decision_line);
}

void seal_world_done(struct seal_world *w)
{
    for (size_t i = 0; i < SEAL_WORLD_ROOTS; i++)
        party_done(&w->roots[i]);
    party_done(&w->ceo);
    party_done(&w->issuer);
    party_done(&w->server);
    party_done(&w->stranger);
    for (size_t i = 0; i < w->count; i++)
        app_done(&w->apps[i]);
    tg_trust_chain_free(w->chain);
    tg_buf_done(&w->trust_text);
    tg_buf_done(&w->trust_cms[0]);
    tg_buf_done(&w->trust_cms[1]);
    tg_buf_done(&w->snapshot);
    tg_buf_done(&w->decisions);
    tg_buf_done(&w->statement);
    tg_buf_done(&w->cms);
    if (!w->trees) return;
    tg_merkle_tree_done(&w->approved);
    tg_merkle_tree_done(&w->evidence);
}
