/* fuzz: any bytes as a certificate; what parses is compared with itself, renewed and asked who
 * signed it. */
// uses: base x509 | libs: crypto
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "x509/chain.h"
#include "x509/content.h"
#include "x509/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    TG_AUTO(cert) struct tg_cert *cert = NULL;
    struct tg_change rows[TG_MAX_CHANGES] = {0};
    struct tg_err err = {0};
    size_t n = 0;
    if (tg_cert_parse(data, size, &cert, &err) < 0) return 0;
    const struct tg_cert_facts *facts = tg_cert_facts(cert);
    TG_CHECK(tg_utf8_valid(facts->subject, strlen(facts->subject)));
    TG_CHECK(tg_utf8_valid(facts->cn, strlen(facts->cn)));
    if (tg_cert_diff(cert, cert, rows, TG_MAX_CHANGES, &n, &err) == 0) TG_CHECK(n == 0);
    n = 0;
    (void)!tg_cert_signed_by(cert, cert, &err);
    if (tg_change_subject(cert, "email", "a@b.example", rows, &n, &err) == 0)
        TG_CHECK(tg_changes_fit(cert, rows, n, &err) == 0);
    if (tg_change_subject(cert, "locality", "Астана", rows, &n, &err) == 0)
        TG_CHECK(tg_changes_fit(cert, rows, n, &err) == 0);
    return 0;
}
