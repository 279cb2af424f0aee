/* p12_plan: what becomes of each bag when one pair of a PKCS#12 file is renewed. */
#pragma once

#include "kinds.h"

enum p12_fate { P12_KEEP, P12_RENEW, P12_DROP };

struct p12_plan {
    struct tg_p12 *p;
    const struct tg_keystore_renewal *renewal;
    enum p12_fate *fates;   /* one a bag */
    struct tg_cert **certs; /* one a bag; NULL where it is no readable certificate */
    const struct tg_cert *old;
    const struct tg_p12_bag *cert_bag, *key_bag;
    bool archive;           /* the old pair stays behind the new one */
    struct tg_secret pkcs8; /* of the new key */
};

uint64_t tg_p12_iterations(const struct p12_plan *plan, uint64_t had);

/* Attributes of the new bag: localKeyID and friendlyName in the style found, all others as they
 * are. */
void tg_p12_put_new_attributes(const struct p12_plan *plan, const struct tg_p12_bag *bag,
                               struct tg_buf *out);
/* Attributes of the archived bag: a name of its own, and an id of its own where the new one keeps
 * the old. */
void tg_p12_put_archived_attributes(const struct p12_plan *plan, const struct tg_p12_bag *bag,
                                    struct tg_buf *out);

/* The whole file by the plan, appended. */
int tg_p12_put_file(struct p12_plan *plan, struct tg_buf *out, struct tg_err *err) TG_MUST_CHECK;
