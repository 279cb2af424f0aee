/* fuzz: any bytes as a bundle or an evidence pack (TRUST F4); what parses prints as the same bytes.
 */
// uses: base json merkle x509 cms seal
#include "base/err.h"
#include "base/limits.h"
#include "seal/bundle.h"
#include "seal/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct tg_buf *out, const uint8_t *data, size_t size)
{
    TG_CHECK(out->len == size && memcmp(out->data, data, size) == 0);
}

static void try_bundle(const uint8_t *data, size_t size)
{
    TG_AUTO(bundle) struct tg_bundle *b = NULL;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_MAX_BUNDLE);
    struct tg_err err = {0};
    if (tg_bundle_parse(data, size, &b, &err) < 0) return;
    TG_CHECK(tg_bundle_print(b, &out, &err) == 0);
    same(&out, data, size);
}

static void try_evidence(const uint8_t *data, size_t size)
{
    TG_AUTO(evidence) struct tg_evidence *e = NULL;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(TG_EVIDENCE_MAX);
    struct tg_err err = {0};
    if (tg_evidence_parse(data, size, &e, &err) < 0) return;
    TG_CHECK(tg_evidence_print(e, &out, &err) == 0);
    same(&out, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_bundle(data, size);
    try_evidence(data, size);
    return 0;
}
