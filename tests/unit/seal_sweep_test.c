/* seal sweep (FAILURES story 7): one bit of every byte of every signed thing flipped, and nothing
 * passes. */
// uses: base json merkle x509 cms seal seal_world
#include "cms/cms.h"
#include "seal_world/refuse.h"

/* Under the sanitizers a flip costs ten times as much: there every fifth byte, in a release all.
 * 5 and 8 have no common factor, so each bit still takes its turn. */
#ifdef __SANITIZE_ADDRESS__
enum { FLIP_STEP = 5 };
#else
enum { FLIP_STEP = 1 };
#endif

static struct tg_offline_report report;

static int offline(void)
{
    struct tg_offline in = seal_world_offline(&w);
    return tg_offline_verify(&in, &report, &err);
}

typedef int ask_fn(void);

/* The refusal must name a check, and each bit of a byte takes its turn. */
static void flip_each(const char *what, uint8_t *bytes, size_t len, ask_fn *ask)
{
    static const char checks[] = "VSAF";
    passed(ask());
    for (size_t i = 0; i < len; i += FLIP_STEP) {
        uint8_t bit = (uint8_t)(1u << (i % 8));
        bytes[i] ^= bit;
        int rc = ask();
        bytes[i] ^= bit;
        if (rc == 0) fail_msg("%s: byte %zu of %zu may be anything", what, i, len);
        if (!strchr(checks, err.text[0]) || err.text[1] < '1' || err.text[1] > '9')
            fail_msg("%s: byte %zu: no check is named: %s", what, i, err.text);
    }
    passed(ask());
    print_message("%s: %zu flips refused\n", what, (len + FLIP_STEP - 1) / FLIP_STEP);
}

static void batch_files(void **state)
{
    (void)state;
    flip_each("snapshot", w.snapshot.data, w.snapshot.len, offline);
    flip_each("decisions", w.decisions.data, w.decisions.len, offline);
    flip_each("statement", w.statement.data, w.statement.len, offline);
    flip_each("cms", w.cms.data, w.cms.len, offline);
}

static int trust_again(void)
{
    TG_AUTO(trust_chain)
    struct tg_trust_chain *chain = tg_trust_chain_new(tg_trust_chain_realm(w.chain));
    const struct tg_blob cms[] = {seal_blob(&w.trust_cms[0]), seal_blob(&w.trust_cms[1])};
    return tg_trust_chain_add(chain, seal_blob(&w.trust_text), cms, 2, &err);
}

static void trust_files(void **state)
{
    (void)state;
    flip_each("trust", w.trust_text.data, w.trust_text.len, trust_again);
    flip_each("trust cms", w.trust_cms[0].data, w.trust_cms[0].len, trust_again);
}

static int place_of_0(void)
{
    return leaf_check(0);
}

static int request_of_0(void)
{
    return request_check(0);
}

static void one_application(void **state)
{
    (void)state;
    struct seal_app *a = &w.apps[0];
    passed(statement_check());
    flip_each("leaf", a->line.data, a->line.len, place_of_0);
    flip_each("decision", a->decision_line.data, a->decision_line.len, request_of_0);
    flip_each("csr", a->csr.data, a->csr.len, request_of_0);
    flip_each("holder cms", a->holder.data, a->holder.len, request_of_0);
}

static uint8_t der[TG_MAX_CERT];
static size_t der_len;

static int certificate_of_0(void)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    if (tg_cert_parse(der, der_len, &cert, &err) < 0) return tg_err_wrap(&err, "V1");
    const struct tg_issued issued = {w.apps[0].old, cert,
                                     (const struct tg_cert *const *)&w.issuer.cert, 1};
    return tg_check_certificate(&w.knowledge, &leaf, &issued, &err);
}

static void the_certificate(void **state)
{
    (void)state;
    passed(statement_check());
    passed(leaf_check(0));
    const uint8_t *bytes = tg_cert_der(w.apps[0].cert, &der_len);
    memcpy(der, bytes, der_len);
    flip_each("certificate", der, der_len, certificate_of_0);
}

static struct tg_buf pack;

static int evidence_of_0(void)
{
    static struct tg_evidence_report found;
    TG_AUTO(evidence) struct tg_evidence *e = NULL;
    if (tg_evidence_parse(pack.data, pack.len, &e, &err) < 0) return tg_err_wrap(&err, "V1");
    return tg_evidence_verify(e, tg_trust_chain_realm(w.chain), w.now, &found, &err);
}

/* Bundle and evidence pack as they travel: JSON, base64 and all that is inside. Of the issuer's
 * certificate only its key counts (the leaf pins it), as of a root's: those bytes are left out
 * here, and A2's chain is asked about them below. */
static void the_pack(void **state)
{
    (void)state;
    static const char from[] = "\"chain\":[\"", to[] = "\"],\"status\"";
    tg_buf_init(&pack, TG_EVIDENCE_MAX);
    seal_world_evidence(&w, 0, &pack);
    uint8_t *chain = memmem(pack.data, pack.len, from, sizeof from - 1);
    uint8_t *end = memmem(pack.data, pack.len, to, sizeof to - 1);
    assert_true(chain && end && chain < end);
    flip_each("evidence and bundle, before the chain", pack.data,
              (size_t)(chain - pack.data) + sizeof from - 1, evidence_of_0);
    flip_each("evidence and bundle, after the chain", end, (size_t)(pack.data + pack.len - end),
              evidence_of_0);
    tg_buf_done(&pack);
}

static void the_chain(void **state)
{
    (void)state;
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    const uint8_t *bytes = tg_cert_der(w.issuer.cert, &der_len);
    struct tg_issued issued = seal_world_issued(&w, 0);
    passed(tg_check_chain(&issued, &err));
    memcpy(der, bytes, der_len);
    der[der_len - 1] ^= 1; /* of its signature */
    passed(tg_cert_parse(der, der_len, &cert, &err));
    issued.issuers = (const struct tg_cert *const *)&cert;
    refused_somehow(tg_check_chain(&issued, &err), "A2: chain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(batch_files),     WORLD_TEST(trust_files), WORLD_TEST(one_application),
        WORLD_TEST(the_certificate), WORLD_TEST(the_pack),    WORLD_TEST(the_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
