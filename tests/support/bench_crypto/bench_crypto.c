/* bench-crypto: what certificates cost, each figure beside its limit of the same run: inventory
 * parse beside a bare d2i loop, issuing and signing beside a bare P-256 signature, verification
 * beside a bare verification. One line a figure: name, rate per second, name of the limit, its
 * rate, ratio. One thread, CPU seconds. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "cms/cms.h"
#include "x509/csr.h"
#include "x509/openssl.h"
#include "x509_world.h"

enum { ROUND = 64 };
static const double seconds_each = 0.5;

static struct world w;
static struct tg_buf cms = TG_BUF(TG_MAX_CMS), csr = TG_BUF(TG_MAX_CSR), signature = TG_BUF(4096);
static const uint8_t message[256];
static struct tg_cert *pin;
static X509 *scratch;

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static double rate_of(void (*once)(void))
{
    once(); /* fetches and models are made once */
    double start = cpu_seconds(), now;
    long n = 0;
    do {
        for (int i = 0; i < ROUND; i++)
            once();
        n += ROUND;
        now = cpu_seconds();
    } while (now - start < seconds_each);
    return (double)n / (now - start);
}

static void must(int rc)
{
    if (rc < 0) fprintf(stderr, "bench-crypto: %d\n", rc), exit(1);
}

static void bare_d2i(void)
{
    size_t len;
    const uint8_t *at = tg_cert_der(w.old, &len);
    scratch = X509_new_ex(tg_openssl_null_ctx(), NULL);
    if (!d2i_X509(&scratch, &at, (long)len)) exit(1);
    X509_free(scratch);
    ERR_clear_error();
}

static void default_d2i(void)
{
    size_t len;
    const uint8_t *at = tg_cert_der(w.old, &len);
    X509_free(d2i_X509(NULL, &at, (long)len));
}

static void parse(void)
{
    size_t len;
    const uint8_t *der = tg_cert_der(w.old, &len);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    must(tg_cert_parse(der, len, &cert, NULL));
}

static void bare_sign(void)
{
    must(tg_key_sign(w.root_key, message, sizeof message, &signature, NULL));
}

static void bare_verify(void)
{
    must(tg_cert_verify_signature(w.root, message, sizeof message, signature.data, signature.len,
                                  NULL));
}

static void issue(void)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CERT);
    struct tg_issue_spec spec = world_spec(&w, w.old, NULL, 0);
    must(tg_issue(&spec, &der, NULL));
}

static void cms_sign(void)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CMS);
    must(tg_cms_sign(w.old_key, pin, message, sizeof message, &der, NULL));
}

static void cms_holder(void)
{
    must(tg_cms_verify_under(cms.data, cms.len, message, sizeof message, pin, NULL));
}

static void cms_pin(void)
{
    struct tg_cms_signer signer = {0};
    must(tg_cms_verify(cms.data, cms.len, message, sizeof message, TG_CMS_PIN, &signer, NULL));
    tg_cms_signer_done(&signer);
}

static void csr_make(void)
{
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CSR);
    must(tg_csr_make(w.new_key, w.old, &der, NULL));
}

static void csr_prove(void)
{
    TG_AUTO(csr) struct tg_csr *one = NULL;
    must(tg_csr_parse(csr.data, csr.len, &one, NULL));
    must(tg_csr_verify(one, NULL));
}

static void print(const char *name, double rate, const char *limit, double limit_rate)
{
    printf("%-28s %9.0f/s   %-22s %9.0f/s   ratio %.2f\n", name, rate, limit, limit_rate,
           rate / limit_rate);
}

int main(void)
{
    struct tg_err err = {0};
    world_init(&w);
    world_must(tg_cms_self_signed(w.old_key, "pin", WORLD_NOW, WORLD_NOW + TG_DAY, &pin, &err),
               &err);
    world_must(tg_cms_sign(w.old_key, pin, message, sizeof message, &cms, &err), &err);
    world_must(tg_csr_make(w.new_key, w.old, &csr, &err), &err);
    double d2i = rate_of(bare_d2i), sign = rate_of(bare_sign), verify = rate_of(bare_verify);
    print("inventory parse, all facts", rate_of(parse), "bare d2i, null context", d2i);
    print("inventory parse, all facts", rate_of(parse), "bare d2i, default", rate_of(default_d2i));
    print("issue P-256", rate_of(issue), "sign P-256", sign);
    print("CSR make", rate_of(csr_make), "sign P-256", sign);
    print("CSR parse and prove", rate_of(csr_prove), "verify P-256", verify);
    print("CMS sign (CAdES)", rate_of(cms_sign), "sign P-256", sign);
    print("CMS verify, holder", rate_of(cms_holder), "verify P-256", verify);
    print("CMS verify, pin (twice)", rate_of(cms_pin), "verify P-256", verify);
    tg_buf_done(&cms);
    tg_buf_done(&csr);
    tg_buf_done(&signature);
    tg_cert_unref(pin);
    world_done(&w);
    return 0;
}
