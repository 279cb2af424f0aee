/* fuzz: any bytes as a recall (TRUST F6); what parses prints as the same bytes. */
// uses: base json merkle x509 cms seal
#include "base/err.h"
#include "base/limits.h"
#include "seal/recall.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tg_recall value;
    struct tg_err err = {0};
    if (tg_recall_parse(data, size, &value, &err) < 0) return 0;
    struct tg_buf out = TG_BUF(TG_RECALL_MAX);
    TG_CHECK(tg_recall_print(&value, &out, &err) == 0);
    TG_CHECK(out.len == size && memcmp(out.data, data, size) == 0);
    tg_buf_done(&out);
    return 0;
}
