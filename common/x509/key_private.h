/* key_private: what the room itself asks of a key. */
#pragma once

#include "x509/key.h"

/* Dotted OID of the signature that tg_key_sign makes; RSA's takes a NULL parameter. */
const char *tg_key_signature_oid(const struct tg_key *key);
bool tg_key_is_rsa(const struct tg_key *key);
