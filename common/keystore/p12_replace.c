#include <string.h>

#include "base/bytes.h"
#include "p12_plan.h"

/* Can the old key decrypt what was sent to its owner? Without keyUsage every use is allowed. */
static bool decrypts(const struct tg_cert *cert)
{
    uint16_t usage = tg_cert_facts(cert)->key_usage;
    return usage == 0 ||
           (usage & (TG_KU_KEY_ENCIPHERMENT | TG_KU_DATA_ENCIPHERMENT | TG_KU_KEY_AGREEMENT));
}

static void parse_certs(struct p12_plan *plan)
{
    const struct tg_p12 *p = plan->p;
    for (size_t i = 0; i < p->bag_count; i++) {
        const struct tg_p12_bag *bag = &p->bags[i];
        if (bag->type != P12_CERT ||
            tg_cert_parse(bag->der, bag->der_len, &plan->certs[i], NULL) < 0)
            plan->certs[i] = NULL;
        if (plan->certs[i] && !plan->cert_bag &&
            memcmp(tg_cert_facts(plan->certs[i])->sha256, plan->renewal->old_sha256, TG_SHA256) ==
                0) {
            plan->cert_bag = bag;
            plan->old = plan->certs[i];
        }
    }
}

static bool opens_to(struct p12_plan *plan, const struct tg_p12_bag *bag)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    struct tg_buf pkcs8 = TG_BUF(TG_SECRET_MAX);
    bool fits = tg_p12_bag_pkcs8(plan->p, bag, &pkcs8, NULL) == 0 &&
                tg_key_from_pkcs8(pkcs8.data, pkcs8.len, NULL, &key, NULL) == 0 &&
                tg_key_matches(key, plan->old);
    tg_pbe_wipe_buf(&pkcs8);
    return fits;
}

/* By localKeyID where exactly one key has it, else by the public key. */
static void find_key_bag(struct p12_plan *plan)
{
    const struct tg_p12 *p = plan->p;
    size_t same = 0;
    for (size_t i = 0; i < p->bag_count; i++) {
        if (!tg_p12_is_key(&p->bags[i]) || !tg_p12_same_id(&p->bags[i], plan->cert_bag)) continue;
        plan->key_bag = &p->bags[i];
        same++;
    }
    if (same == 1) return;
    plan->key_bag = NULL;
    for (size_t i = 0; i < p->bag_count && !plan->key_bag; i++)
        if (tg_p12_is_key(&p->bags[i]) && opens_to(plan, &p->bags[i])) plan->key_bag = &p->bags[i];
}

static bool same_name(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool issued_by(const struct tg_cert *cert, const struct tg_cert *issuer)
{
    const struct tg_cert_facts *c = tg_cert_facts(cert), *i = tg_cert_facts(issuer);
    return same_name(c->issuer_der, c->issuer_len, i->subject_der, i->subject_len);
}

static bool in_new_chain(const struct p12_plan *plan, const struct tg_cert *cert)
{
    for (size_t i = 0; i < plan->renewal->chain_count; i++)
        if (memcmp(tg_cert_facts(plan->renewal->chain[i])->sha256, tg_cert_facts(cert)->sha256,
                   TG_SHA256) == 0)
            return true;
    return false;
}

/* Does another certificate that stays need this issuer? */
static bool needed(const struct p12_plan *plan, size_t issuer)
{
    for (size_t i = 0; i < plan->p->bag_count; i++)
        if (plan->certs[i] && i != issuer && plan->fates[i] == P12_KEEP &&
            issued_by(plan->certs[i], plan->certs[issuer]))
            return true;
    return issued_by(plan->renewal->cert, plan->certs[issuer]);
}

/* Issuers that only the old certificate needed go, upward, when the new chain has come. */
static void drop_old_chain(struct p12_plan *plan)
{
    const struct tg_cert *at = plan->old;
    bool found = plan->renewal->chain_count > 0 && !plan->archive;
    while (found) {
        found = false;
        for (size_t i = 0; i < plan->p->bag_count && !found; i++) {
            const struct tg_p12_bag *bag = &plan->p->bags[i];
            if (!plan->certs[i] || plan->fates[i] != P12_KEEP || bag->java_trusted ||
                bag->key_id_len || !tg_cert_facts(plan->certs[i])->is_ca ||
                !issued_by(at, plan->certs[i]) || in_new_chain(plan, plan->certs[i]) ||
                needed(plan, i))
                continue;
            plan->fates[i] = P12_DROP;
            at = plan->certs[i];
            found = true;
        }
    }
}

/* Another certificate of the same key would lose it. */
static bool key_is_shared(const struct p12_plan *plan)
{
    for (size_t i = 0; i < plan->p->bag_count; i++)
        if (plan->certs[i] && &plan->p->bags[i] != plan->cert_bag &&
            memcmp(tg_cert_facts(plan->certs[i])->spki_sha256,
                   tg_cert_facts(plan->old)->spki_sha256, TG_SHA256) == 0)
            return true;
    return false;
}

static int make_plan(struct p12_plan *plan, struct tg_err *err)
{
    struct tg_p12 *p = plan->p;
    plan->fates = tg_calloc(p->bag_count + 1, sizeof *plan->fates);
    plan->certs = tg_calloc(p->bag_count + 1, sizeof(struct tg_cert *));
    for (size_t i = 0; i < p->safe_count; i++)
        if (p->safes[i].state == P12_SEALED || p->safes[i].state == P12_REFUSED)
            return TG_FAIL(err, TG_E_UNSUPPORTED, "PKCS#12: a part of it cannot be opened: %s",
                           p->safes[i].why.text);
    parse_certs(plan);
    if (!plan->cert_bag)
        return TG_FAIL(err, TG_E_NOT_FOUND, "PKCS#12: the certificate to renew is not in it");
    find_key_bag(plan);
    if (!plan->key_bag)
        return TG_FAIL(err, TG_E_NOT_FOUND,
                       "PKCS#12: no private key belongs to the certificate to renew");
    plan->archive = (plan->renewal->keep_old && decrypts(plan->old)) || key_is_shared(plan);
    plan->fates[plan->cert_bag - p->bags] = P12_RENEW;
    plan->fates[plan->key_bag - p->bags] = P12_RENEW;
    drop_old_chain(plan);
    return tg_key_to_secret(plan->renewal->key, &plan->pkcs8, err);
}

static void plan_done(struct p12_plan *plan)
{
    for (size_t i = 0; plan->certs && i < plan->p->bag_count; i++)
        tg_cert_unref(plan->certs[i]);
    free(plan->certs);
    free(plan->fates);
    tg_secret_done(&plan->pkcs8);
}

int tg_p12_replace(const uint8_t *bytes, size_t len, const struct tg_keystore_renewal *renewal,
                   struct tg_buf *out, struct tg_err *err)
{
    struct tg_p12 p;
    struct p12_plan plan = {.p = &p, .renewal = renewal};
    int rc = tg_p12_read(&p, bytes, len, err);
    if (rc == 0) rc = tg_p12_open(&p, renewal->password, renewal->password ? 1 : 0, err);
    if (rc == TG_E_LOCKED && renewal->password)
        rc = TG_FAIL(err, TG_E_PASSWORD, "PKCS#12: the password does not open it");
    if (rc == 0) rc = make_plan(&plan, err);
    if (rc == 0) rc = tg_p12_put_file(&plan, out, err);
    plan_done(&plan);
    tg_p12_done(&p);
    return rc;
}
