/* exceptions: the machine-found reasons for a second look at an application (DESIGN §2; the flags
 * of TRUST F1). One table: code, class, who says so, words. Pure; thread: any. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "x509/cert.h"

/* Stop: never approvable here. Warn: held unless named by `batch include`. Note: never held. */
enum tg_flag_class { TG_FLAG_NOTE, TG_FLAG_WARN, TG_FLAG_STOP };
/* Leaf: follows from the leaf, recomputed by everyone. Old: follows from leaf and old certificate,
 * recomputed by server, issuer and agent. Server: the server's word, and labelled so. */
enum tg_flag_source { TG_FLAG_OF_LEAF, TG_FLAG_OF_OLD, TG_FLAG_OF_SERVER };

/* In the order of their codes' bytes, which is the order in which a leaf and a statement print
 * them. name, code, class, source, words */
#define TG_FLAG_TABLE(X)                                                                           \
    X(COPIED_KEY, "copied-key", WARN, SERVER,                                                      \
      "the key lies on two workstations or under two owners")                                      \
    X(FIRST_ON_WORKSTATION, "first-on-workstation", NOTE, SERVER,                                  \
      "another workstation reported this certificate before")                                      \
    X(HOLDER_LEFT, "holder-left", STOP, SERVER, "the holder has left the organization")            \
    X(KEY_REUSED, "key-reused", STOP, OLD, "the new key is the old key")                           \
    X(LONGER_VALIDITY, "longer-validity", WARN, LEAF,                                              \
      "the new certificate may live longer than the old one")                                      \
    X(SUBJECT_CHANGED, "subject-changed", WARN, LEAF,                                              \
      "the content differs from the old certificate's")                                            \
    X(UNCONFIRMED, "unconfirmed", WARN, SERVER,                                                    \
      "the policy asks the holder, and the holder did not confirm")                                \
    X(UNPROVEN, "unproven", WARN, LEAF, "no old key signed: two approvers are needed")             \
    X(WEAK_OLD_KEY, "weak-old-key", NOTE, OLD, "the old key is weak, which is why it is renewed")

enum tg_flag {
#define TG_X(name, code, class, source, words) TG_FLAG_##name,
    TG_FLAG_TABLE(TG_X)
#undef TG_X
        TG_FLAG_COUNT
};

/* A set of flags: bit i is flag i. */
typedef uint32_t tg_flags;
#define TG_FLAG_BIT(flag) (UINT32_C(1) << (flag))

#define TG_FLAGS_DERIVED                                                                           \
    (TG_FLAG_BIT(TG_FLAG_SUBJECT_CHANGED) | TG_FLAG_BIT(TG_FLAG_LONGER_VALIDITY) |                 \
     TG_FLAG_BIT(TG_FLAG_UNPROVEN))
#define TG_FLAGS_OF_OLD (TG_FLAG_BIT(TG_FLAG_KEY_REUSED) | TG_FLAG_BIT(TG_FLAG_WEAK_OLD_KEY))

const char *tg_flag_code(enum tg_flag flag);  /* "key-reused" */
const char *tg_flag_words(enum tg_flag flag); /* a sentence for a person */
enum tg_flag_class tg_flag_class(enum tg_flag flag);
enum tg_flag_source tg_flag_source(enum tg_flag flag);
const char *tg_flag_class_word(enum tg_flag_class class_); /* note warn stop */
bool tg_flag_from_code(const char *code, size_t len, enum tg_flag *ret);
/* The members of that class. */
tg_flags tg_flags_of_class(tg_flags flags, enum tg_flag_class class_);

struct tg_leaf;
/* subject-changed, longer-validity, unproven: from the leaf alone. */
tg_flags tg_flags_of_leaf(const struct tg_leaf *leaf);
/* key-reused, weak-old-key: from the leaf's key and the old certificate. */
tg_flags tg_flags_of_old(const struct tg_leaf *leaf, const struct tg_cert *old);
