/* fuzz: any bytes as a trust document (TRUST F5); what parses prints as the same bytes. */
// uses: base json merkle x509 cms seal
#include "base/err.h"
#include "base/limits.h"
#include "seal/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tg_trust value;
    struct tg_err err = {0};
    if (tg_trust_parse(data, size, &value, &err) < 0) return 0;
    struct tg_buf out = TG_BUF(TG_MAX_TRUST);
    TG_CHECK(tg_trust_print(&value, &out, &err) == 0);
    TG_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    tg_buf_done(&out);
    return 0;
}
