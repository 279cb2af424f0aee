/* fuzz: any bytes as a PEM bundle, and each of its private keys as a key. */
// uses: base x509 | libs: crypto
#include "base/limits.h"
#include "x509/key.h"
#include "x509/pem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_block(const struct tg_pem_block *block, void *data, struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    (void)data;
    TG_CHECK(block->der_len > 0);
    if (tg_pem_is_key(block->label))
        (void)!tg_key_from_pkcs8(block->der, block->der_len, NULL, &key, err);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tg_err err = {0};
    (void)!tg_pem_or_der_read(data, size, on_block, NULL, &err);
    return 0;
}
