/* What the issuing process does with one request. Every check is seal's; here is only their order.
 */
#include "base/bytes.h"
#include "base/str.h"
#include "base/times.h"
#include "issuer_in.h"
#include "seal/recall.h"
#include "x509/chain.h"
#include "x509/csr.h"
#include "x509/issue.h"

enum { BACKDATE_S = 300, CRL_DAYS = 7 }; /* workstations' clocks lag; A2 allows no later start */

static struct tg_knowledge knowledge(const struct issuer *is, int64_t now)
{
    return (struct tg_knowledge){.chain = is->chain,
                                 .recalled = (const char(*)[TG_SEAL_HEX])is->recalled,
                                 .recalled_count = is->recalled_count,
                                 .now = now};
}

static int malformed(struct tg_err *err)
{
    return TG_FAIL(err, TG_E_INPUT, "V1: the request to the issuing process is malformed");
}

static void say_ready(struct issuer *is, uint32_t id)
{
    size_t len, begin = ca_frame_begin(&is->out, CA_READY, id);
    const char *realm = tg_trust_chain_realm(is->chain);
    const uint8_t *der = tg_cert_der(is->cert, &len);
    ca_frame_u32(&is->out, CA_PROTOCOL);
    ca_frame_u32(&is->out, tg_trust_chain_version(is->chain));
    ca_frame_bytes(&is->out, realm, strlen(realm));
    ca_frame_bytes(&is->out, der, len);
    ca_frame_end(&is->out, begin);
}

static void say_certificate(struct issuer *is, uint32_t id, const void *der, size_t len)
{
    size_t begin = ca_frame_begin(&is->out, CA_CERT, id);
    ca_frame_bytes(&is->out, der, len);
    ca_frame_end(&is->out, begin);
}

/* --- trust and recalls --- */

static size_t get_cms(struct ca_frame *f, struct tg_blob *ret, size_t max)
{
    uint32_t count = ca_frame_get_u32(f);
    if (count > max) {
        f->bad = true;
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        ret[i] = ca_frame_get(f, TG_MAX_CMS);
    return count;
}

static int take_trust(struct issuer *is, struct ca_frame *f, struct tg_err *err)
{
    struct tg_blob cms[TG_SEAL_TRUST_CMS_MAX];
    struct tg_blob text = ca_frame_get(f, TG_MAX_TRUST);
    size_t count = get_cms(f, cms, TG_SEAL_TRUST_CMS_MAX);
    if (!ca_frame_done(f)) return malformed(err);
    TG_TRY(tg_trust_chain_add(is->chain, text, cms, count, err));
    return issuer_home_keep_trust(is, err);
}

static int take_recall(struct issuer *is, struct ca_frame *f, int64_t now, struct tg_err *err)
{
    struct tg_blob text = ca_frame_get(f, TG_RECALL_MAX), cms = ca_frame_get(f, TG_MAX_CMS);
    struct tg_recall recall;
    if (!ca_frame_done(f)) return malformed(err);
    if (tg_recall_parse(text.data, text.len, &recall, err) == 0 &&
        issuer_recall_known(is, recall.statement))
        return 0; /* recalls come again at every start */
    TG_TRY(tg_recall_check(is->chain, text, cms, now, &recall, err));
    ca_store_put_recall(is->store, text, cms);
    issuer_recall_add(is, recall.statement);
    return 0;
}

/* --- statements --- */

static int check_slot(struct issuer *is, struct issuer_slot *s, int64_t now, struct tg_err *err)
{
    struct tg_knowledge k = knowledge(is, now);
    struct tg_blob cms[TG_SEAL_CMS_MAX];
    struct tg_signed signed_ = {TG_BLOB(s->text.data, s->text.len), cms, s->cms_count};
    if (s->text.len == 0)
        return TG_FAIL(err, TG_E_CA, "the issuing process has no statement there; ask again");
    for (size_t i = 0; i < s->cms_count; i++)
        cms[i] = TG_BLOB(s->cms[i].data, s->cms[i].len);
    if (s->checked) return tg_check_still(&k, &s->result, err);
    TG_TRY(tg_check_statement(&k, &signed_, &s->result, err));
    s->checked = true;
    return 0;
}

static void refill(struct tg_buf *b, struct tg_blob bytes, size_t max)
{
    tg_buf_done(b);
    tg_buf_init(b, max);
    tg_buf_add(b, bytes.data, bytes.len);
}

static int take_statement(struct issuer *is, struct ca_frame *f, int64_t now, struct tg_err *err)
{
    struct tg_blob cms[TG_SEAL_CMS_MAX];
    uint32_t at = ca_frame_get_u32(f);
    struct tg_blob text = ca_frame_get(f, TG_MAX_STATEMENT);
    size_t count = get_cms(f, cms, TG_SEAL_CMS_MAX);
    if (!ca_frame_done(f) || at >= CA_SLOTS) return malformed(err);
    struct issuer_slot *s = &is->slots[at];
    refill(&s->text, text, TG_MAX_STATEMENT);
    for (size_t i = 0; i < count; i++)
        refill(&s->cms[i], cms[i], TG_MAX_CMS);
    s->cms_count = count;
    s->checked = false;
    return check_slot(is, s, now, err);
}

/* --- issuing --- */

struct request {
    uint32_t slot;
    struct tg_leaf_place place;
    struct tg_request request;
    struct tg_blob old_der;
    struct tg_merkle_hash proofs[2][TG_SEAL_PROOF_MAX];
    struct tg_cert *old;
    struct tg_csr *csr;
    uint8_t leaf_sha[TG_SHA256];
};

static size_t get_proof(struct ca_frame *f, struct tg_merkle_hash ret[TG_SEAL_PROOF_MAX])
{
    struct tg_blob bytes = ca_frame_get(f, sizeof(struct tg_merkle_hash) * TG_SEAL_PROOF_MAX);
    if (bytes.len % TG_SHA256 != 0) f->bad = true;
    for (size_t i = 0; i < bytes.len / TG_SHA256; i++)
        memcpy(ret[i].b, bytes.data + i * TG_SHA256, TG_SHA256);
    return bytes.len / TG_SHA256;
}

static int get_request(struct ca_frame *f, struct request *r, struct tg_err *err)
{
    r->slot = ca_frame_get_u32(f);
    r->place.index = ca_frame_get_u32(f);
    r->place.line = ca_frame_get(f, TG_MAX_LEAF);
    r->place.proof_count = get_proof(f, r->proofs[0]);
    r->place.proof = r->proofs[0];
    r->request.decision = ca_frame_get(f, TG_MAX_LEAF);
    r->request.proof_count = get_proof(f, r->proofs[1]);
    r->request.proof = r->proofs[1];
    r->request.csr = ca_frame_get(f, TG_MAX_CSR);
    r->request.holder_cms = ca_frame_get(f, TG_MAX_CMS);
    r->old_der = ca_frame_get(f, TG_MAX_CERT);
    if (!ca_frame_done(f) || r->slot >= CA_SLOTS) return malformed(err);
    tg_sha256(r->place.line.data, r->place.line.len, r->leaf_sha);
    if (r->old_der.len) TG_TRY(tg_cert_parse(r->old_der.data, r->old_der.len, &r->old, err));
    return tg_csr_parse(r->request.csr.data, r->request.csr.len, &r->csr, err);
}

static void request_done(struct request *r)
{
    tg_cert_unref(r->old);
    tg_csr_free(r->csr);
}

/* V1-V7 and S5, and that it is our key that was approved as issuer. */
static int check_request(struct issuer *is, const struct request *r, int64_t now,
                         struct tg_err *err)
{
    struct issuer_slot *s = &is->slots[r->slot];
    TG_TRY(check_slot(is, s, now, err));
    TG_TRY(tg_check_window(&s->result, now, err));
    TG_TRY(tg_check_leaf(&s->result, &r->place, r->old, &is->leaf, err));
    TG_TRY(tg_check_request(&s->result, &r->place, &is->leaf, &r->request, r->old, err));
    if (strcmp(is->leaf.issuer, is->spki) != 0)
        return TG_FAIL(err, TG_E_MISMATCH, "A2: issuer: %s was approved for another CA than this",
                       is->leaf.no);
    return 0;
}

static int64_t ends_at(const struct issuer *is, int64_t begins)
{
    int64_t end = begins + (int64_t)is->leaf.days * TG_DAY - 1; /* notAfter is part of it */
    int64_t last = tg_cert_facts(is->cert)->not_after;
    return end < last ? end : last;
}

static int make_certificate(struct issuer *is, const struct request *r, int64_t now,
                            struct tg_buf *der, struct tg_err *err)
{
    struct tg_issue_spec spec = {.old = r->old,
                                 .changes = is->leaf.changes,
                                 .n = is->leaf.changes_count,
                                 .not_before = now - BACKDATE_S,
                                 .not_after = ends_at(is, now - BACKDATE_S),
                                 .issuer = is->cert,
                                 .issuer_key = is->key};
    if (!r->old)
        return TG_FAIL(err, TG_E_UNSUPPORTED,
                       "A2: content: %s has no old certificate to carry the content from",
                       is->leaf.no);
    spec.spki = tg_csr_spki(r->csr, &spec.spki_len);
    tg_serial_random(spec.serial);
    return tg_issue(&spec, der, err);
}

/* A2 on what we made ourselves: the same function as on the agent. */
static int check_made(const struct issuer *is, const struct request *r, const struct tg_buf *der,
                      int64_t now, struct tg_err *err)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    const struct tg_cert *issuers[] = {is->cert};
    struct tg_knowledge k = knowledge(is, now);
    TG_TRY(tg_cert_parse(der->data, der->len, &cert, err));
    struct tg_issued issued = {r->old, cert, issuers, 1};
    return tg_check_certificate(&k, &is->leaf, &issued, err);
}

/* The same key and leaf again: the stored certificate. The key of another leaf: never two of one.
 */
static int find_stored(struct issuer *is, const struct request *r, struct tg_buf *der,
                       struct tg_err *err)
{
    uint8_t leaf[TG_SHA256];
    TG_TRY(ca_store_find(is->store, tg_csr_spki_sha256(r->csr), leaf, der, err));
    if (memcmp(leaf, r->leaf_sha, TG_SHA256) == 0) return 0;
    return TG_FAIL(err, TG_E_EXISTS,
                   "V7: this public key has a certificate by another application already");
}

static int issue(struct issuer *is, struct request *r, int64_t now, struct tg_buf *der,
                 struct tg_err *err)
{
    int rc = find_stored(is, r, der, err);
    if (rc != TG_E_NOT_FOUND) return rc;
    TG_TRY(check_request(is, r, now, err));
    TG_TRY(make_certificate(is, r, now, der, err));
    TG_TRY(check_made(is, r, der, now, err));
    ca_store_put_certificate(is->store, tg_csr_spki_sha256(r->csr), r->leaf_sha,
                             TG_BLOB(der->data, der->len));
    is->fresh++;
    return 0;
}

static int answer_issue(struct issuer *is, struct ca_frame *f, int64_t now, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct request r = {0};
    int rc = get_request(f, &r, err);
    if (rc == 0) rc = issue(is, &r, now, &der, err);
    request_done(&r);
    if (rc == 0) say_certificate(is, f->id, der.data, der.len);
    return rc;
}

static int answer_find(struct issuer *is, struct ca_frame *f, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    uint8_t leaf[TG_SHA256];
    struct tg_blob spki = ca_frame_get(f, TG_SHA256);
    if (!ca_frame_done(f) || spki.len != TG_SHA256) return malformed(err);
    TG_TRY(ca_store_find(is->store, spki.data, leaf, &der, err));
    say_certificate(is, f->id, der.data, der.len);
    return 0;
}

/* Nothing can be revoked yet: the list says so, freshly signed. */
static int answer_crl(struct issuer *is, struct ca_frame *f, int64_t now, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    if (!ca_frame_done(f)) return malformed(err);
    TG_TRY(tg_crl_make(is->cert, is->key, NULL, 0, now, now + CRL_DAYS * TG_DAY, (uint64_t)now,
                       &der, err));
    say_certificate(is, f->id, der.data, der.len);
    return 0;
}

static int act(struct issuer *is, struct ca_frame *f, int64_t now, bool *ret_answered,
               struct tg_err *err)
{
    *ret_answered = false;
    switch (f->type) {
    case CA_TRUST:
        return take_trust(is, f, err);
    case CA_RECALL:
        return take_recall(is, f, now, err);
    case CA_STATEMENT:
        return take_statement(is, f, now, err);
    default:
        *ret_answered = true;
    }
    switch (f->type) {
    case CA_HELLO:
        if (ca_frame_get_u32(f) != CA_PROTOCOL || !ca_frame_done(f))
            return TG_FAIL(err, TG_E_VERSION, "another tamgad than this issuing process");
        say_ready(is, f->id);
        return 0;
    case CA_ISSUE:
        return answer_issue(is, f, now, err);
    case CA_FIND:
        return answer_find(is, f, err);
    case CA_CRL:
        return answer_crl(is, f, now, err);
    default:
        return malformed(err);
    }
}

void issuer_answer(struct issuer *is, struct ca_frame *f, int64_t now)
{
    struct tg_err err = {0};
    bool answered;
    if (act(is, f, now, &answered, &err) < 0) {
        ca_frame_error(&is->out, f->id, &err);
    } else if (!answered) {
        size_t begin = ca_frame_begin(&is->out, CA_DONE, f->id);
        ca_frame_end(&is->out, begin);
    }
}
