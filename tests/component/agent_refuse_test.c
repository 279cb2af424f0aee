/* agent_refuse: every check of TRUST §3 that an agent makes reaches the job's child, and a refusal
 * leaves every byte where it was. */
// uses: base json merkle x509 cms seal seal_world agent_world agent_platform agent_job | libs: crypto jansson uv
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent_job.h"
#include "x509/csr.h"

/* The draft is the server's word; name, id, old and ends are this keystore's. */
static void prepare_with(void (*change)(struct tg_leaf *leaf), const char *text)
{
    TG_AUTO(buf) struct tg_buf app = TG_BUF(TG_MAX_LEAF), b64 = TG_BUF(2 * TG_MAX_LEAF);
    struct tg_leaf *leaf = TG_NEW(struct tg_leaf);
    *leaf = w.seal.apps[0].leaf;
    change(leaf);
    passed(tg_app_print(leaf, TG_APP_DRAFT, &app, &err));
    tg_base64(&b64, app.data, app.len);
    TG_AUTO(json) json_t *request = json_deep_copy(w.prepare);
    json_object_set_new(request, "app", json_string(tg_buf_text(&b64)));
    UNTOUCHED(agent_world_call(&w, "prepare", request, agent_world_password(&w), NULL, &err),
              TG_E_MISMATCH, text);
    free(leaf);
}

static void other_name(struct tg_leaf *l)
{
    (void)tg_copy(l->name, sizeof l->name, "Somebody Else");
}

static void other_id(struct tg_leaf *l)
{
    (void)tg_copy(l->id, sizeof l->id, "IIN900101300123");
}

static void other_end(struct tg_leaf *l)
{
    (void)tg_copy(l->ends, sizeof l->ends, "2031-01-01T00:00:00Z");
}

static void other_agent(struct tg_leaf *l)
{
    l->agent[0] = 'f';
}

static void other_host(struct tg_leaf *l)
{
    l->host[0] = 'x';
}

static void other_store(struct tg_leaf *l)
{
    (void)tg_copy(l->store, sizeof l->store, "nss");
}

static void other_algorithm(struct tg_leaf *l)
{
    (void)tg_copy(l->alg, sizeof l->alg, "rsa-4096");
}

static void prepare_signs_only_what_is_here(void **state)
{
    (void)state;
    agent_world_init(&w, AGENT_PEM, NULL);
    prepare_with(other_name, "name");
    prepare_with(other_id, "id");
    prepare_with(other_end, "ends");
    prepare_with(other_agent, "agent");
    prepare_with(other_host, "host");
    prepare_with(other_store, "store");
    prepare_with(other_algorithm, "alg");
    TG_AUTO(json) json_t *request = json_deep_copy(w.prepare);
    json_object_set_new(request, "application", json_string("26-004218-5"));
    UNTOUCHED(agent_world_call(&w, "prepare", request, NULL, NULL, &err), TG_E_MISMATCH, "no");
    json_object_set_new(request, "application", json_string("../../x"));
    UNTOUCHED(agent_world_call(&w, "prepare", request, NULL, NULL, &err), TG_E_MISMATCH, "no");
    passed(agent_world_prepare(&w, &err));
}

/* The bundle of the good request, changed and printed again. */
static void rebundle(json_t *request, void (*change)(struct tg_bundle *b))
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_BUNDLE), b64 = TG_BUF(2 * TG_MAX_BUNDLE);
    TG_AUTO(bundle) struct tg_bundle *b = NULL;
    passed(tg_json_base64(request, "bundle", &text, &err));
    passed(tg_bundle_parse(text.data, text.len, &b, &err));
    change(b);
    tg_buf_reset(&text);
    passed(tg_bundle_print(b, &text, &err));
    tg_base64(&b64, text.data, text.len);
    json_object_set_new(request, "bundle", json_string(tg_buf_text(&b64)));
}

static uint8_t *copy_of(struct tg_blob *blob)
{
    static uint8_t room[65536];
    assert_true(blob->len <= sizeof room);
    memcpy(room, blob->data, blob->len);
    blob->data = room;
    return room;
}

static void flip_at(struct tg_blob *blob, const char *before)
{
    uint8_t *room = copy_of(blob), *at = memmem(room, blob->len, before, strlen(before));
    assert_non_null(at);
    at += strlen(before);
    *at = *at == '1' ? '2' : '1';
}

static void flip_leaf(struct tg_bundle *b)
{
    flip_at(&b->leaf, "\"holder\":\"E-000");
}

static void flip_review(struct tg_bundle *b)
{
    flip_at(&b->leaf, "\"policy\":\"employee-file-key");
}

static void flip_statement(struct tg_bundle *b)
{
    flip_at(&b->statement, "nonce: ");
}

static void flip_cms(struct tg_bundle *b)
{
    copy_of(&b->cms[0])[b->cms[0].len - 5] ^= 1;
}

static void flip_proof(struct tg_bundle *b)
{
    assert_true(b->proof_count > 0);
    b->proof[0].b[3] ^= 1;
}

static void other_index(struct tg_bundle *b)
{
    b->index++;
}

static struct tg_blob der_of(const struct tg_cert *cert)
{
    struct tg_blob ret = {0};
    ret.data = tg_cert_der(cert, &ret.len);
    return ret;
}

static void other_certificate(struct tg_bundle *b)
{
    b->certificate = der_of(w.seal.apps[1].cert);
}

static void other_old(struct tg_bundle *b)
{
    b->old = der_of(w.seal.apps[1].old);
}

static void no_old(struct tg_bundle *b)
{
    b->old.len = 0;
}

static void no_chain(struct tg_bundle *b)
{
    b->chain_count = 0;
}

static void foreign_chain(struct tg_bundle *b)
{
    b->chain[0] = der_of(w.seal.stranger.cert);
}

static void flip_certificate(struct tg_bundle *b)
{
    copy_of(&b->certificate)[b->certificate.len - 5] ^= 1;
}

static void every_byte_of_the_bundle_counts(void **state)
{
    (void)state;
    static const struct {
        void (*change)(struct tg_bundle *b);
        int code;
        const char *text;
    } cases[] = {
        {flip_leaf, TG_E_MISMATCH, "V7"},
        {flip_review, TG_E_MISMATCH, "V7"},
        {flip_statement, TG_E_SIGNATURE, "V3"},
        {flip_cms, TG_E_SIGNATURE, "V3"},
        {flip_proof, TG_E_MISMATCH, "V7"},
        {other_index, TG_E_MISMATCH, "V7"},
        {other_certificate, TG_E_MISMATCH, "A2"},
        {other_old, TG_E_MISMATCH, "V7: old"},
        {no_old, TG_E_MISMATCH, "A1"},
        {no_chain, TG_E_UNTRUSTED, "A2: issuer"},
        {foreign_chain, TG_E_UNTRUSTED, "A2"},
        {flip_certificate, TG_E_SIGNATURE, "A2"},
    };
    agent_world_init(&w, AGENT_P12, NULL);
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
    for (size_t i = 0; i < TG_COUNT(cases); i++) {
        TG_AUTO(json) json_t *request = json_deep_copy(w.install);
        rebundle(request, cases[i].change);
        UNTOUCHED(agent_world_call(&w, "install", request, agent_world_password(&w), NULL, &err),
                  cases[i].code, cases[i].text);
    }
    install_once(false);
}

/* A field of the request one level down, its first hex digit changed. */
static json_t *with_pending(const char *field)
{
    json_t *request = json_deep_copy(w.install), *pending = json_object_get(request, "pending");
    char text[80];
    assert_true(tg_copy(text, sizeof text, json_string_value(json_object_get(pending, field))));
    text[0] = text[0] == 'a' ? 'b' : 'a';
    json_object_set_new(pending, field, json_string(text));
    return request;
}

static void install_refused(json_t *request, int code, const char *text)
{
    UNTOUCHED(agent_world_call(&w, "install", request, agent_world_password(&w), NULL, &err), code,
              text);
    json_decref(request);
}

static void the_binding_record_binds(void **state)
{
    (void)state;
    char hex[TG_HEX256];
    agent_world_init(&w, AGENT_P12_MANY, NULL);
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
    install_refused(with_pending("agent"), TG_E_MISMATCH, "A1: agent");
    install_refused(with_pending("app"), TG_E_MISMATCH, "A1: app");
    install_refused(with_pending("key"), TG_E_MISMATCH, "A1: key");
    install_refused(with_pending("old"), TG_E_MISMATCH, "A1: old");
    json_t *request = json_deep_copy(w.install);
    json_object_set_new(request, "application", json_string("26-004218-5"));
    install_refused(request, TG_E_MISMATCH, "A1: the bundle is for");
    request = json_deep_copy(w.install);
    json_object_set_new(request, "secret", json_string("another secret"));
    install_refused(request, TG_E_MISMATCH, ".tamga-26-004217-4.key");
    request = json_deep_copy(w.install);
    tg_sha256_hex(w.seal.statement.data, w.seal.statement.len, hex);
    json_object_set_new(request, "recalled", json_pack("[s]", hex));
    install_refused(request, TG_E_REVOKED, "V5");
    request = json_deep_copy(w.install);
    hex[0] = hex[0] == 'a' ? 'b' : 'a';
    json_object_set_new(json_object_get(request, "trust"), "realm", json_string(hex));
    install_refused(request, TG_E_UNTRUSTED, "V2");
    install_once(false);
}

/* A whole world in which one thing is otherwise, well signed by those who may. */
static void ready(void)
{
    agent_world_init(&w, AGENT_PEM, NULL);
    passed(agent_world_prepare(&w, &err));
    agent_world_approve(&w);
}

static void otherwise(int code, const char *text)
{
    agent_world_bundle(&w);
    UNTOUCHED(agent_world_install(&w, NULL, &err), code, text);
    agent_world_done(&w);
}

static void a_window_is_kept(void **state)
{
    (void)state;
    ready();
    w.seal.st.release = w.seal.now + 3600;
    seal_world_sign(&w.seal);
    otherwise(TG_E_EARLY, "V6");
    ready();
    w.seal.st.taken = w.seal.now - 91 * TG_DAY;
    w.seal.st.sign_by = w.seal.st.taken + 300;
    w.seal.st.release = w.seal.st.taken;
    w.seal.st.install_by = w.seal.now - TG_DAY;
    seal_world_sign(&w.seal);
    otherwise(TG_E_EXPIRED, "V6");
    ready();
}

static void trust_decides_who_may(void **state)
{
    (void)state;
    ready();
    seal_world_cms(&w.seal.stranger, seal_blob(&w.seal.statement), &w.seal.cms);
    w.seal.cms_blob = seal_blob(&w.seal.cms);
    otherwise(TG_E_UNTRUSTED, "V4");
    ready();
    w.seal.trust.revoked_count = 1;
    (void)tg_copy(w.seal.trust.revoked[0], TG_SEAL_HEX, w.seal.ceo.spki);
    seal_world_publish(&w.seal);
    otherwise(TG_E_REVOKED, "V5");
    ready();
    w.seal.trust.revoked_count = 1;
    (void)tg_copy(w.seal.trust.revoked[0], TG_SEAL_HEX, w.seal.issuer.spki);
    seal_world_publish(&w.seal);
    otherwise(TG_E_REVOKED, "A2: issuer");
    ready();
    w.seal.trust.approvers[0].until = w.seal.now - 1;
    seal_world_publish(&w.seal);
    otherwise(TG_E_EXPIRED, "V4");
    ready();
    w.seal.trust.expires = w.seal.now - 1;
    seal_world_publish(&w.seal);
    otherwise(TG_E_EXPIRED, "V2");
    ready();
}

/* Under the same name as the right CA, with another key. */
static void false_issuer(struct seal_party *ret)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    const struct tg_issue_root_spec spec = {"Alatau Issuing CA", "Alatau", w.seal.now - TG_DAY,
                                            w.seal.now + 999 * TG_DAY, -1};
    *ret = (struct seal_party){0};
    passed(tg_key_generate("ec-p256", &ret->key, &err));
    passed(tg_issue_root(ret->key, &spec, &der, &err));
    passed(tg_cert_parse(der.data, der.len, &ret->cert, &err));
}

/* A certificate for the right key, but not the one that was approved. issuer NULL: a false one. */
static void reissue(const struct tg_cert *old, int64_t begin, int64_t seconds,
                    const struct seal_party *issuer)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    struct seal_app *a = &w.seal.apps[0];
    struct seal_party other = {0};
    if (!issuer) false_issuer(&other);
    struct tg_issue_spec spec = {.old = old,
                                 .not_before = begin,
                                 .not_after = begin + seconds - 1,
                                 .issuer = issuer ? issuer->cert : other.cert,
                                 .issuer_key = issuer ? issuer->key : other.key};
    passed(tg_csr_parse(a->csr.data, a->csr.len, &csr, &err));
    spec.spki = tg_csr_spki(csr, &spec.spki_len);
    tg_serial_random(spec.serial);
    passed(tg_issue(&spec, &der, &err));
    tg_cert_unref(a->cert);
    a->cert = NULL;
    passed(tg_cert_parse(der.data, der.len, &a->cert, &err));
    tg_key_free(other.key);
    tg_cert_unref(other.cert);
}

static void issued_is_what_was_approved(void **state)
{
    (void)state;
    ready();
    reissue(w.seal.apps[0].old, w.seal.now, 366 * TG_DAY, &w.seal.issuer);
    otherwise(TG_E_MISMATCH, "A2: content");
    ready();
    reissue(w.seal.apps[0].old, w.seal.now + 3600, 30 * TG_DAY, &w.seal.issuer);
    otherwise(TG_E_EARLY, "A2");
    ready();
    reissue(w.seal.apps[1].old, w.seal.now, 365 * TG_DAY, &w.seal.issuer);
    otherwise(TG_E_MISMATCH, "A2: content");
    ready();
    reissue(w.seal.apps[0].old, w.seal.now, 365 * TG_DAY, NULL);
    otherwise(TG_E_SIGNATURE, "A2: issuer");
    ready();
}

/* The holder renewed by another hand meanwhile. */
static void the_old_pair_must_still_stand(void **state)
{
    (void)state;
    struct agent_world other;
    TG_AUTO(buf) struct tg_buf bytes = TG_BUF(1 << 20);
    ready();
    agent_world_init(&other, AGENT_PEM, NULL);
    passed(tg_file_read(other.path, &bytes, &err));
    passed(tg_file_replace(w.path, bytes.data, bytes.len, 0600, &err));
    UNTOUCHED(agent_world_install(&w, NULL, &err), TG_E_NOT_FOUND, "A1");
    assert_int_equal(unlink(w.path), 0);
    UNTOUCHED(agent_world_install(&w, NULL, &err), TG_E_NOT_FOUND, w.path);
    agent_world_done(&other);
}

int main(int argc, char **argv)
{
    agent_world_child(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(prepare_signs_only_what_is_here), TEST(every_byte_of_the_bundle_counts),
        TEST(the_binding_record_binds),        TEST(a_window_is_kept),
        TEST(trust_decides_who_may),           TEST(issued_is_what_was_approved),
        TEST(the_old_pair_must_still_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
