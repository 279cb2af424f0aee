/* install_meta: gives a new file the owner, extended attributes, ACL and mode of the old one. */
#pragma once

#include "install_place.h"

/* fd is the new file; the old one is p->name. TG_E_DENIED when something may not be carried over.
 */
int tg_meta_copy(const struct tg_place *p, int fd, struct tg_err *err) TG_MUST_CHECK;
