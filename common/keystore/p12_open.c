#include "p12.h"

#include "base/limits.h"

#include <string.h>

static void forget_bags_of(struct tg_p12 *p, size_t from)
{
    for (size_t i = from; i < p->bag_count; i++) {
        free(p->bags[i].friendly_name);
        free(p->bags[i].der_own);
    }
    p->bag_count = from;
}

static int open_safe(struct tg_p12 *p, size_t index, const struct password *password,
                     struct tg_err *err)
{
    struct tg_p12_safe *safe = &p->safes[index];
    size_t bags = p->bag_count;
    tg_pbe_wipe_buf(&safe->plain);
    safe->plain = TG_BUF(safe->sealed.len + 64);
    TG_TRY(tg_pbe_decrypt(&safe->pbe, password, safe->sealed.data, safe->sealed.len, &p->budget,
                          &safe->plain, err));
    int rc = tg_p12_walk_safe(p, index, err);
    if (rc == 0) {
        safe->state = P12_OPENED;
        return 0;
    }
    /* A wrong key passes the padding check once in 256: what comes out is no safe. */
    forget_bags_of(p, bags);
    tg_pbe_wipe_buf(&safe->plain);
    return rc;
}

/* Without a MAC the content itself tells: all safes open, or the first sealed key does. */
static int check_without_mac(struct tg_p12 *p, const struct password *password, struct tg_err *err)
{
    bool sealed = false;
    for (size_t i = 0; i < p->safe_count; i++) {
        if (p->safes[i].state != P12_SEALED) continue;
        sealed = true;
        int rc = open_safe(p, i, password, err);
        if (rc == TG_E_INPUT) return TG_FAIL(err, TG_E_PASSWORD, "the password does not open it");
        TG_TRY(rc);
    }
    for (size_t i = 0; i < p->bag_count && !sealed; i++) {
        const struct tg_p12_bag *bag = &p->bags[i];
        if (bag->type != P12_SHROUDED) continue;
        struct tg_buf plain = TG_BUF(bag->value.raw_len + 64);
        int rc =
            tg_pbe_open_key(bag->value.raw, bag->value.raw_len, password, &p->budget, &plain, err);
        tg_pbe_wipe_buf(&plain);
        return rc;
    }
    return 0;
}

static int try_password(struct tg_p12 *p, const struct tg_secret *text, enum password_form form,
                        struct tg_err *err)
{
    struct password password;
    if (!tg_password_make(&password, text, form))
        return TG_FAIL(err, TG_E_PASSWORD, "no such form");
    int rc = p->has_mac ? tg_pbe_mac_check(&p->mac, &password, p->content.data, p->content.len,
                                           &p->budget, err)
                        : check_without_mac(p, &password, err);
    if (rc < 0) {
        tg_password_done(&password);
        return rc;
    }
    p->password = password;
    return 0;
}

static int find_password(struct tg_p12 *p, const struct tg_secret *passwords, size_t n,
                         struct tg_err *err)
{
    int rc = TG_E_PASSWORD;
    for (size_t i = 0; i < n && i < TG_MAX_PASSWORDS; i++) {
        for (int form = 0; form < PASSWORD_FORMS && rc == TG_E_PASSWORD; form++)
            rc = try_password(p, &passwords[i], (enum password_form)form, err);
        if (rc != TG_E_PASSWORD) {
            p->password_index = rc == 0 ? (int)i : -1;
            return rc;
        }
    }
    rc = try_password(p, NULL, PASSWORD_EMPTY, err);
    return rc == TG_E_PASSWORD ? try_password(p, NULL, PASSWORD_NONE, err) : rc;
}

int tg_p12_open(struct tg_p12 *p, const struct tg_secret *passwords, size_t n, struct tg_err *err)
{
    int rc = find_password(p, passwords, n, err);
    if (rc == TG_E_PASSWORD)
        return TG_FAIL(err, TG_E_LOCKED,
                       n ? "none of the given passwords opens it" : "no password is known for it");
    TG_TRY(rc);
    for (size_t i = 0; i < p->safe_count; i++)
        if (p->safes[i].state == P12_SEALED) (void)open_safe(p, i, &p->password, &p->safes[i].why);
    return 0;
}

int tg_p12_bag_pkcs8(struct tg_p12 *p, const struct tg_p12_bag *bag, struct tg_buf *out,
                     struct tg_err *err)
{
    if (bag->type == P12_KEY) {
        tg_buf_add(out, bag->value.raw, bag->value.raw_len);
        return tg_buf_ok(out, err);
    }
    TG_CHECK(bag->type == P12_SHROUDED);
    return tg_pbe_open_key(bag->value.raw, bag->value.raw_len, &p->password, &p->budget, out, err);
}
