/* fuzz: any bytes as a detached CMS over "content"; what the strict rule accepts, the wide one
 * does. */
// uses: base x509 cms | libs: crypto
#include "cms/cms.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tg_cms_signer strict = {0}, holder = {0};
    struct tg_err err = {0};
    int a = tg_cms_verify(data, size, "content", 7, TG_CMS_ROLE, &strict, &err);
    int b = tg_cms_verify(data, size, "content", 7, TG_CMS_HOLDER, &holder, &err);
    TG_CHECK(a < 0 || b == 0); /* HOLDER is the wider rule */
    tg_cms_signer_done(&strict);
    tg_cms_signer_done(&holder);
    return 0;
}
