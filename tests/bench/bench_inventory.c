/* bench-inventory: certificates read with all their facts, beside a bare d2i_X509() of the same
 * bytes in the same library context without providers (PKI §7). One thread, CPU seconds. */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "bench.h"
#include "x509/openssl.h"
#include "x509_world.h"

enum { KINDS = 3, ROUNDS = 7, STEP = 64 };
static const double seconds_each = 0.4;
static const char *const algorithms[KINDS] = {"ec-p256", "rsa-2048", "ec-p384"};

static struct world w;
static struct tg_cert *fleet[KINDS];
static unsigned turn;

static const uint8_t *next(size_t *ret_len)
{
    return tg_cert_der(fleet[turn++ % KINDS], ret_len);
}

static void parse(void)
{
    size_t len;
    const uint8_t *der = next(&len);
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    TG_CHECK(tg_cert_parse(der, len, &cert, NULL) == 0);
    TG_CHECK(tg_cert_facts(cert)->role == TG_ROLE_EMPLOYEE);
}

static void bare(void)
{
    size_t len;
    const uint8_t *der = next(&len);
    X509 *cert = X509_new_ex(tg_openssl_null_ctx(), NULL);
    TG_CHECK(cert && d2i_X509(&cert, &der, (long)len));
    X509_free(cert);
    ERR_clear_error();
}

static double rate_of(void (*once)(void))
{
    double start = bench_cpu_seconds(), now;
    long n = 0;
    do {
        for (int i = 0; i < STEP; i++)
            once();
        n += STEP;
        now = bench_cpu_seconds();
    } while (now - start < seconds_each);
    return (double)n / (now - start);
}

int main(void)
{
    struct bench b = {"inventory-parse", "certificates/s", BENCH_VALUE_LEAST, 10000, {0}, {0}, 0};
    world_init(&w);
    for (size_t i = 0; i < KINDS; i++) {
        struct tg_err err = {0};
        struct tg_key *key = NULL;
        world_must(tg_key_generate(algorithms[i], &key, &err), &err);
        fleet[i] = world_old_cert(&w, &(struct world_old){.key = key});
        tg_key_free(key);
    }
    parse();
    bare(); /* fetches are made once */
    for (int i = 0; i < ROUNDS; i++) {
        double limit = rate_of(bare);
        bench_add(&b, rate_of(parse), limit);
    }
    bench_print(&b);
    for (size_t i = 0; i < KINDS; i++)
        tg_cert_unref(fleet[i]);
    world_done(&w);
    return 0;
}
