/* fuzz: any bytes as a certificate signing request, PEM or DER. */
// uses: base x509 | libs: crypto
#include "base/limits.h"
#include "x509/csr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TG_AUTO(csr) struct tg_csr *csr = NULL;
    TG_AUTO(buf) struct tg_buf der = TG_BUF(TG_MAX_CSR);
    struct tg_err err = {0};
    if (tg_csr_read(data, size, &der, &err) < 0) return 0;
    if (tg_csr_parse(der.data, der.len, &csr, &err) < 0) return 0;
    TG_CHECK(tg_csr_subject(csr) && tg_csr_key_algorithm(csr)[0]);
    (void)!tg_csr_verify(csr, &err);
    return 0;
}
