/* cms_digest: SHA-2, fetched once. */
#include <pthread.h>
#include <string.h>

#include "cms_private.h"

static const struct cms_digest digests[] = {
    {"SHA256", "2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2", 32},
    {"SHA384", "2.16.840.1.101.3.4.2.2", "1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3", 48},
    {"SHA512", "2.16.840.1.101.3.4.2.3", "1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4", 64},
};
static EVP_MD *fetched[TG_COUNT(digests)]; /* for the process */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    for (size_t i = 0; i < TG_COUNT(digests); i++) {
        fetched[i] = EVP_MD_fetch(NULL, digests[i].name, NULL);
        TG_CHECK(fetched[i]);
    }
}

const struct cms_digest *cms_digest_by_oid(const char *oid)
{
    for (size_t i = 0; i < TG_COUNT(digests); i++)
        if (strcmp(digests[i].oid, oid) == 0) return &digests[i];
    return NULL;
}

const struct cms_digest *cms_digest_by_name(const char *name)
{
    for (size_t i = 0; i < TG_COUNT(digests); i++)
        if (strcmp(digests[i].name, name) == 0) return &digests[i];
    return NULL;
}

void cms_hash(const struct cms_digest *digest, const void *bytes, size_t len,
              uint8_t ret[EVP_MAX_MD_SIZE])
{
    pthread_once(&once, fetch);
    TG_CHECK(EVP_Digest(bytes, len, ret, NULL, fetched[digest - digests], NULL) == 1);
}
