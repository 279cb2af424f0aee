#include "seal/chain.h"

#include "base/bytes.h"
#include "base/str.h"
#include "cms/cms.h"
#include "text.h"

struct version {
    struct tg_blob text;
    size_t cms_count;
    struct tg_blob cms[TG_SEAL_TRUST_CMS_MAX];
    uint8_t *memory;
};

struct tg_trust_chain {
    char realm[TG_SEAL_HEX]; /* pinned by the caller, or of version 1; "" = not known yet */
    uint32_t count;          /* versions are 1..count: there are no gaps */
    struct version versions[TG_SEAL_TRUST_MAX];
    struct tg_trust current;
};

struct tg_trust_chain *tg_trust_chain_new(const char *realm)
{
    struct tg_trust_chain *chain = TG_NEW(struct tg_trust_chain);
    /* A pin that is no hash never matches: the first version is then refused. */
    if (realm && !tg_copy(chain->realm, sizeof chain->realm, realm)) chain->realm[0] = '?';
    return chain;
}

void tg_trust_chain_free(struct tg_trust_chain *chain)
{
    if (!chain) return;
    for (uint32_t i = 0; i < chain->count; i++)
        free(chain->versions[i].memory);
    free(chain);
}

uint32_t tg_trust_chain_version(const struct tg_trust_chain *chain)
{
    return chain->count;
}

const struct tg_trust *tg_trust_chain_current(const struct tg_trust_chain *chain)
{
    return chain->count ? &chain->current : NULL;
}

const char *tg_trust_chain_realm(const struct tg_trust_chain *chain)
{
    return chain->realm;
}

struct tg_blob tg_trust_chain_text(const struct tg_trust_chain *chain, uint32_t version)
{
    TG_CHECK(version >= 1 && version <= chain->count);
    return chain->versions[version - 1].text;
}

size_t tg_trust_chain_cms(const struct tg_trust_chain *chain, uint32_t version,
                          const struct tg_blob **ret)
{
    TG_CHECK(version >= 1 && version <= chain->count);
    *ret = chain->versions[version - 1].cms;
    return chain->versions[version - 1].cms_count;
}

/* The documents whose roots must have signed: the new one, and the one before it. */
struct signing {
    const struct tg_trust *earlier, *next; /* earlier NULL for version 1 */
    unsigned of_earlier, of_next;
    size_t seen_count;
    char seen[TG_SEAL_TRUST_CMS_MAX][TG_SEAL_HEX];
};

static int count_signer(struct signing *s, const char *spki, struct tg_err *err)
{
    for (size_t i = 0; i < s->seen_count; i++) {
        if (strcmp(s->seen[i], spki) == 0)
            return TG_FAIL(err, TG_E_UNTRUSTED, "V2: trust %u: root %.16s... signed twice",
                           s->next->version, spki);
    }
    (void)tg_copy(s->seen[s->seen_count++], TG_SEAL_HEX, spki);
    bool of_next = tg_trust_has_root(s->next, spki);
    bool of_earlier = s->earlier && tg_trust_has_root(s->earlier, spki);
    if (!of_next && !of_earlier)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V2: trust %u: signed by %.16s..., who is no root",
                       s->next->version, spki);
    s->of_next += of_next;
    s->of_earlier += of_earlier;
    return 0;
}

static int check_signatures(struct signing *s, struct tg_blob text, const struct tg_blob *cms,
                            size_t cms_count, struct tg_err *err)
{
    for (size_t i = 0; i < cms_count; i++) {
        struct tg_cms_signer signer = {0};
        int rc =
            tg_cms_verify(cms[i].data, cms[i].len, text.data, text.len, TG_CMS_PIN, &signer, err);
        TG_TRY(seal_named(rc, "V2: trust: V3", err));
        rc = count_signer(s, signer.spki, err);
        tg_cms_signer_done(&signer);
        TG_TRY(rc);
    }
    if (s->of_next < s->next->root_threshold)
        return TG_FAIL(err, TG_E_UNTRUSTED,
                       "V2: trust %u: %u of its own roots signed, %u are needed", s->next->version,
                       s->of_next, s->next->root_threshold);
    if (s->earlier && s->of_earlier < s->earlier->root_threshold)
        return TG_FAIL(err, TG_E_UNTRUSTED,
                       "V2: trust %u: %u roots of version %u signed, %u are needed",
                       s->next->version, s->of_earlier, s->earlier->version,
                       s->earlier->root_threshold);
    return 0;
}

/* Realm, previous, version: where the document stands. */
static int check_place(const struct tg_trust_chain *chain, const struct tg_trust *next,
                       struct tg_blob text, struct tg_err *err)
{
    char hash[TG_HEX256];
    if (next->version > TG_SEAL_TRUST_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "V2: trust %u: more than %d versions", next->version,
                       TG_SEAL_TRUST_MAX);
    if (next->version != chain->count + 1)
        return TG_FAIL(err, TG_E_STALE, "V2: trust %u: version %u is the next one", next->version,
                       chain->count + 1);
    if (next->version == 1) {
        tg_sha256_hex(text.data, text.len, hash);
        if (*chain->realm && strcmp(hash, chain->realm) != 0)
            return TG_FAIL(err, TG_E_UNTRUSTED, "V2: trust 1: of another realm, %.16s...", hash);
        return 0;
    }
    struct tg_blob earlier = chain->versions[chain->count - 1].text;
    tg_sha256_hex(earlier.data, earlier.len, hash);
    if (strcmp(next->previous, hash) != 0)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V2: trust %u: previous is not the hash of version %u",
                       next->version, chain->count);
    if (next->created < chain->current.created)
        return TG_FAIL(err, TG_E_UNTRUSTED, "V2: trust %u: created before version %u",
                       next->version, chain->count);
    return 0;
}

static void keep(struct tg_trust_chain *chain, struct tg_blob text, const struct tg_blob *cms,
                 size_t cms_count)
{
    struct version *v = &chain->versions[chain->count];
    size_t total = text.len;
    for (size_t i = 0; i < cms_count; i++)
        total += cms[i].len;
    uint8_t *p = v->memory = tg_alloc(total);
    memcpy(p, text.data, text.len);
    v->text = TG_BLOB(p, text.len);
    p += text.len;
    for (size_t i = 0; i < cms_count; i++) {
        memcpy(p, cms[i].data, cms[i].len);
        v->cms[i] = TG_BLOB(p, cms[i].len);
        p += cms[i].len;
    }
    v->cms_count = cms_count;
    chain->count++;
}

/* A version that is there already is accepted again, byte for byte, and never replaced. */
static int check_known(const struct tg_trust_chain *chain, uint32_t version, struct tg_blob text,
                       struct tg_err *err)
{
    struct tg_blob known = chain->versions[version - 1].text;
    if (known.len == text.len && memcmp(known.data, text.data, text.len) == 0) return 0;
    return TG_FAIL(err, TG_E_UNTRUSTED, "V2: trust %u: differs from the version that was accepted",
                   version);
}

int tg_trust_chain_add(struct tg_trust_chain *chain, struct tg_blob text, const struct tg_blob *cms,
                       size_t cms_count, struct tg_err *err)
{
    struct tg_trust next;
    TG_TRY(seal_named(tg_trust_parse(text.data, text.len, &next, err), "V1", err));
    if (next.version <= chain->count) return check_known(chain, next.version, text, err);
    TG_TRY(check_place(chain, &next, text, err));
    if (cms_count > TG_SEAL_TRUST_CMS_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "V1: trust %u: more than %d signatures", next.version,
                       TG_SEAL_TRUST_CMS_MAX);
    struct signing s = {.earlier = chain->count ? &chain->current : NULL, .next = &next};
    TG_TRY(check_signatures(&s, text, cms, cms_count, err));
    keep(chain, text, cms, cms_count);
    chain->current = next;
    if (next.version == 1) tg_sha256_hex(text.data, text.len, chain->realm);
    return 0;
}

int tg_trust_chain_valid(const struct tg_trust_chain *chain, int64_t now, struct tg_err *err)
{
    if (!chain->count) return TG_FAIL(err, TG_E_NO_TRUST, "V2: no trust yet: tamga trust init");
    if (now <= chain->current.expires) return 0;
    char expires[TG_TIME];
    tg_time_print(chain->current.expires, expires);
    return TG_FAIL(err, TG_E_EXPIRED, "V2: trust %u expired at %s: the roots must publish the next",
                   chain->count, expires);
}
