/* fuzz: PKCS#12 through the renewal: whatever opens is renewed and proven by use. No key is
 * committed: keystores are made at the first input; the bytes of each input choose one and say
 * where it is changed. */
// uses: base json x509 keystore | libs: crypto
#include "keystore/keystore.h"
#include "make_keystore.h"
#include "x509/openssl.h"

#define PASSWORD "pw"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mk_pair fresh;
static struct tg_buf bases[3];
static struct tg_key *key;
static struct tg_cert *cert;

/* Tiny keystores in the styles that exist, with one iteration so that many inputs fit into a
 * second. */
static void make_bases(void)
{
    struct tg_err err;
    struct mk_pair old = mk_pair("ec", "old", NULL, "critical,digitalSignature,keyAgreement");
    const struct mk_entry entry = {.pair = &old,
                                   .name = "o",
                                   .id = (const unsigned char *)"id",
                                   .id_len = 2};
    for (int style = MK_MODERN; style <= MK_RC2; style++) {
        bases[style] = TG_BUF(1 << 16);
        mk_p12(&bases[style], &entry, 1, (enum mk_style)style, style == MK_3DES ? NULL : PASSWORD,
               1, style == MK_MODERN);
    }
    mk_free(&old);
    fresh = mk_pair("ec", "new", NULL, "critical,digitalSignature");
    TG_CHECK(tg_key_from_evp(fresh.key, &key, &err) == 0);
    TG_CHECK(tg_cert_from_x509(fresh.cert, &cert, &err) == 0);
}

/* Pairs of input bytes change one byte each: where, and with what. */
static void lay_over(const uint8_t *data, size_t size, struct tg_buf *file)
{
    for (size_t i = 1; i + 2 < size; i += 3) {
        size_t at = ((size_t)data[i] << 8 | data[i + 1]) % file->len;
        file->data[at] ^= data[i + 2];
    }
}

static void renew_all(const struct tg_buf *file, const struct tg_secret *secret)
{
    struct tg_keystore *ks = tg_keystore_scan_bytes("fuzz", file->data, file->len, secret, 1);
    for (size_t i = 0; i < ks->count; i++) {
        struct tg_err err = {0};
        if (!ks->entries[i].cert) continue;
        const struct tg_keystore_renewal renewal = {.password = secret,
                                                    .old_sha256 =
                                                        tg_cert_facts(ks->entries[i].cert)->sha256,
                                                    .key = key,
                                                    .cert = cert,
                                                    .keep_old = true,
                                                    .keep_iterations = true};
        struct tg_buf out = TG_BUF(1 << 20);
        if (tg_keystore_replace(file->data, file->len, &renewal, &out, &err) == 0)
            TG_CHECK(tg_keystore_prove(out.data, out.len, NULL, 0, secret,
                                       tg_cert_facts(cert)->sha256, &err) == 0);
        tg_buf_done(&out);
    }
    tg_keystore_free(ks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tg_secret secret = {0};
    if (!key) make_bases();
    if (size == 0) return 0;
    tg_secret_set(&secret, PASSWORD, sizeof PASSWORD - 1);
    const struct tg_buf *base = &bases[data[0] % TG_COUNT(bases)];
    struct tg_buf file = TG_BUF(1 << 17);
    tg_buf_add(&file, base->data, base->len);
    lay_over(data, size, &file);
    renew_all(&file, &secret);
    tg_buf_reset(&file);
    tg_buf_add(&file, data, size); /* and the input as it is */
    renew_all(&file, &secret);
    tg_buf_done(&file);
    tg_secret_done(&secret);
    return 0;
}
