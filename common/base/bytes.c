#include "base/bytes.h"

#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

static const char hex_digits[] = "0123456789abcdef";

/* Fetched once: the implicit fetch behind EVP_sha256() costs more than hashing a leaf. Never freed,
 * so that hashing works until the last exit handler. The context is reused, one per thread. */
static EVP_MD *sha256;
static pthread_key_t ctx_key;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void free_ctx(void *ctx)
{
    EVP_MD_CTX_free(ctx);
}

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    TG_CHECK(sha256);
    TG_CHECK(pthread_key_create(&ctx_key, free_ctx) == 0);
}

static EVP_MD_CTX *begin_sha256(void)
{
    pthread_once(&sha256_once, fetch_sha256);
    EVP_MD_CTX *ctx = pthread_getspecific(ctx_key);
    if (!ctx) {
        ctx = EVP_MD_CTX_new();
        TG_CHECK(ctx && pthread_setspecific(ctx_key, ctx) == 0);
    }
    TG_CHECK(EVP_DigestInit_ex2(ctx, sha256, NULL) == 1);
    return ctx;
}

void tg_sha256(const void *bytes, size_t len, uint8_t ret[TG_SHA256])
{
    tg_sha256_2(bytes, len, NULL, 0, ret);
}

void tg_sha256_2(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t ret[TG_SHA256])
{
    EVP_MD_CTX *ctx = begin_sha256();
    TG_CHECK(EVP_DigestUpdate(ctx, a, a_len) == 1);
    if (b_len) TG_CHECK(EVP_DigestUpdate(ctx, b, b_len) == 1);
    TG_CHECK(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
}

void tg_sha256_hex(const void *bytes, size_t len, char ret[TG_HEX256])
{
    uint8_t hash[TG_SHA256];
    tg_sha256(bytes, len, hash);
    tg_hex(hash, sizeof hash, ret);
}

void tg_hex(const void *bytes, size_t len, char *ret)
{
    const uint8_t *in = bytes;
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = hex_digits[in[i] >> 4];
        ret[2 * i + 1] = hex_digits[in[i] & 15];
    }
    ret[2 * len] = '\0';
}

/* Value + 1 of each lower-case digit. A table, because digits are random and branches would be
 * mispredicted: batches of 100,000 leaves are mostly hex. */
static const uint8_t hex_plus_1[256] =
    {['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
     ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16};

static int hex_value(char c)
{
    return (int)hex_plus_1[(unsigned char)c] - 1;
}

bool tg_unhex(const char *hex, size_t hex_len, uint8_t *ret)
{
    if (hex_len % 2) return false;
    for (size_t i = 0; i < hex_len; i++)
        if (hex_value(hex[i]) < 0) return false;
    for (size_t i = 0; i < hex_len; i += 2)
        ret[i / 2] = (uint8_t)(hex_value(hex[i]) * 16 + hex_value(hex[i + 1]));
    return true;
}

bool tg_is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (hex_value(text[i]) < 0) return false; /* a NUL ends here too */
    return text[len] == '\0';
}

bool tg_equal(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void tg_base64(struct tg_buf *out, const void *bytes, size_t len)
{
    TG_CHECK(len < INT_MAX / 2);
    uint8_t *room = tg_buf_grow(out, (len + 2) / 3 * 4);
    if (room && len) EVP_EncodeBlock(room, bytes, (int)len); /* its NUL falls on ours */
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

int tg_unbase64(const char *text, size_t len, struct tg_buf *out, struct tg_err *err)
{
    if (len % 4) return TG_FAIL(err, TG_E_INPUT, "base64: the length is not a multiple of 4");
    if (len == 0) return 0;
    size_t pad = text[len - 1] != '=' ? 0 : text[len - 2] != '=' ? 1 : 2;
    size_t digits = len - pad, start = out->len;
    uint8_t *room = tg_buf_grow(out, len / 4 * 3 - pad);
    if (!room) return tg_buf_ok(out, err);
    uint32_t bits = 0;
    size_t n = 0, held = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = base64_value(text[i]);
        if (value < 0) {
            out->len = start;
            out->data[start] = 0;
            return TG_FAIL(err, TG_E_INPUT, "base64: a character outside of the alphabet at %zu",
                           i);
        }
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        held += 6;
        if (held < 8) continue;
        held -= 8;
        room[n++] = (uint8_t)(bits >> held);
    }
    if (bits & ((1U << held) - 1)) { /* canonical: unused bits are zero */
        out->len = start;
        out->data[start] = 0;
        return TG_FAIL(err, TG_E_INPUT, "base64: the last character is not canonical");
    }
    return 0;
}

void tg_random(void *ret, size_t len)
{
    uint8_t *at = ret;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        TG_CHECK(n > 0);
        at += n;
        len -= (size_t)n;
    }
}

uint32_t tg_random_below(uint32_t bound)
{
    TG_CHECK(bound > 0);
    /* Values below this would make small results more likely. */
    uint32_t unfair = (0U - bound) % bound, value;
    do
        tg_random(&value, sizeof value);
    while (value < unfair);
    return value % bound;
}
