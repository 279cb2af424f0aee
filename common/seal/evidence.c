#include "seal/evidence.h"

#include "base/limits.h"
#include "json_private.h"
#include "seal/decisions.h"
#include "seal/offline.h"
#include "text.h"

static int put_evidence(const struct tg_evidence *e, struct tg_buf *out, struct tg_err *err)
{
    tg_buf_puts(out, "{\"v\":1,\"bundle\":");
    TG_TRY(tg_bundle_print(e->bundle, out, err));
    tg_buf_puts(out, ",\"decision\":");
    seal_put_base64(out, e->decision);
    tg_buf_puts(out, ",\"proof\":");
    seal_put_hashes(out, e->proof, e->proof_count);
    tg_buf_puts(out, ",\"csr\":");
    seal_put_base64(out, e->csr);
    tg_buf_puts(out, ",\"holder\":");
    seal_put_base64(out, e->holder);
    tg_buf_putc(out, '}');
    return tg_buf_ok(out, err);
}

int tg_evidence_print(const struct tg_evidence *e, struct tg_buf *out, struct tg_err *err)
{
    if (e->proof_count > TG_SEAL_PROOF_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "evidence: the proof is too long");
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_EVIDENCE_MAX);
    TG_TRY(put_evidence(e, &text, err));
    tg_buf_add(out, text.data, text.len);
    return tg_buf_ok(out, err);
}

/* The bundle ends where its own last field ends; a string of it is base64 or hex, so this text
 * stands nowhere else. */
static int get_bundle(struct seal_json *j, struct tg_evidence *e, struct tg_err *err)
{
    static const char after[] = "},\"decision\":";
    TG_TRY(seal_json_need(j, "{\"v\":1,\"bundle\":", err));
    const char *end = memmem(j->p, (size_t)(j->end - j->p), after, sizeof after - 1);
    if (!end) return TG_FAIL(err, TG_E_INPUT, "evidence: \"decision\" is expected");
    TG_TRY(tg_bundle_parse(j->p, (size_t)(end + 1 - j->p), &e->bundle, err));
    j->p = end + 1;
    return 0;
}

static int get_rest(struct seal_json *j, struct tg_evidence *e, struct tg_err *err)
{
    TG_TRY(seal_json_need(j, ",\"decision\":", err));
    TG_TRY(seal_json_base64(j, TG_DECISION_MAX, &e->decision, err));
    TG_TRY(seal_json_need(j, ",\"proof\":", err));
    TG_TRY(seal_json_hashes(j, e->proof, TG_SEAL_PROOF_MAX, &e->proof_count, err));
    TG_TRY(seal_json_need(j, ",\"csr\":", err));
    TG_TRY(seal_json_base64(j, TG_MAX_CSR, &e->csr, err));
    TG_TRY(seal_json_need(j, ",\"holder\":", err));
    TG_TRY(seal_json_base64(j, TG_MAX_CMS, &e->holder, err));
    TG_TRY(seal_json_need(j, "}", err));
    if (j->p == j->end) return 0;
    return TG_FAIL(err, TG_E_INPUT, "evidence: bytes after its end");
}

int tg_evidence_parse(const void *text, size_t len, struct tg_evidence **ret, struct tg_err *err)
{
    if (len > TG_EVIDENCE_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "evidence: %zu bytes, at most %d", len, TG_EVIDENCE_MAX);
    TG_AUTO(evidence) struct tg_evidence *e = TG_NEW(struct tg_evidence);
    e->memory = tg_alloc(len + 1);
    struct seal_json j = {"evidence", text, (const char *)text + len, e->memory, len};
    TG_TRY(get_bundle(&j, e, err));
    TG_TRY(get_rest(&j, e, err));
    TG_AUTO(buf) struct tg_buf again = TG_BUF(TG_EVIDENCE_MAX);
    TG_TRY(put_evidence(e, &again, err));
    TG_TRY(seal_same("evidence", &again, text, len, err));
    *ret = TG_TAKE(e);
    return 0;
}

void tg_evidence_free(struct tg_evidence *e)
{
    if (!e) return;
    tg_bundle_free(e->bundle);
    free(e->memory);
    free(e);
}

struct certificates {
    struct tg_cert *old, *cert, *chain[TG_SEAL_CHAIN_MAX];
};

static void certificates_done(struct certificates *c)
{
    tg_cert_unref(c->old);
    tg_cert_unref(c->cert);
    for (size_t i = 0; i < TG_SEAL_CHAIN_MAX; i++)
        tg_cert_unref(c->chain[i]);
}

static int read_certificates(const struct tg_bundle *b, struct certificates *ret,
                             struct tg_err *err)
{
    if (b->old.len) TG_TRY(tg_cert_parse(b->old.data, b->old.len, &ret->old, err));
    TG_TRY(tg_cert_parse(b->certificate.data, b->certificate.len, &ret->cert, err));
    for (size_t i = 0; i < b->chain_count; i++)
        TG_TRY(tg_cert_parse(b->chain[i].data, b->chain[i].len, &ret->chain[i], err));
    return 0;
}

static int verify_pack(const struct tg_evidence *e, const struct tg_knowledge *k,
                       const struct certificates *c, struct tg_evidence_report *ret,
                       struct tg_err *err)
{
    const struct tg_bundle *b = e->bundle;
    const struct tg_leaf_place place = {b->leaf, b->index, b->proof, b->proof_count};
    const struct tg_request request = {e->decision, e->proof, e->proof_count, e->csr, e->holder};
    const struct tg_signed statement = {b->statement, b->cms, b->cms_count};
    const struct tg_issued issued = {c->old, c->cert, (const struct tg_cert *const *)c->chain,
                                     b->chain_count};
    TG_TRY(tg_offline_statement(k, &statement, &ret->checked, &ret->time_proven, err));
    TG_TRY(tg_check_leaf(&ret->checked, &place, c->old, &ret->leaf, err));
    TG_TRY(tg_check_request(&ret->checked, &place, &ret->leaf, &request, c->old, err));
    TG_TRY(tg_check_certificate(k, &ret->leaf, &issued, err));
    return tg_check_chain(&issued, err);
}

int tg_evidence_verify(const struct tg_evidence *e, const char *realm, int64_t now,
                       struct tg_evidence_report *ret, struct tg_err *err)
{
    TG_AUTO(trust_chain) struct tg_trust_chain *chain = tg_trust_chain_new(realm);
    TG_TRY(tg_bundle_feed(e->bundle, chain, err));
    struct certificates c = {0};
    const struct tg_knowledge k = {.chain = chain, .now = now};
    int rc = seal_named(read_certificates(e->bundle, &c, err), "V1", err);
    if (rc == 0) rc = verify_pack(e, &k, &c, ret, err);
    certificates_done(&c);
    return rc;
}
