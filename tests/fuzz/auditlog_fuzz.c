/* fuzz: any bytes as an export of the audit log, line by line; and as a checkpoint. */
// uses: base json merkle x509 auditlog
#include <string.h>

#include "auditlog/auditlog.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tg_audit_verify v;
    struct tg_audit_checkpoint c;
    struct tg_err err = {0};
    const char *p = (const char *)data, *end = p + size;
    (void)!tg_audit_note_parse(p, size, NULL, &c, &err);
    tg_audit_verify_init(&v, NULL, NULL, NULL);
    while (p < end) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        tg_audit_verify_line(&v, p, (size_t)((lf ? lf : end) - p));
        p = lf ? lf + 1 : end;
    }
    (void)!tg_audit_verify_end(&v, &err);
    TG_CHECK(v.covered <= v.next);
    return 0;
}
