/* fuzz: any bytes as a decision line (TRUST F9); what parses prints as the same bytes. */
// uses: base json merkle x509 cms seal
#include "base/err.h"
#include "base/limits.h"
#include "seal/decisions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tg_decision value;
    struct tg_err err = {0};
    if (tg_decision_parse(data, size, &value, &err) < 0) return 0;
    struct tg_buf out = TG_BUF(TG_DECISION_MAX);
    TG_CHECK(tg_decision_print(&value, &out, &err) == 0);
    TG_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    tg_buf_done(&out);
    return 0;
}
