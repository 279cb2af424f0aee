/* The tables behind wire/messages.h: one row a field. */
#include "wire/messages.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

enum { SHORT = 256, LONG = 4096 };

#define FIELD(type, member, k, opt, maximum, sh)                                                   \
    {                                                                                              \
        .name = #member, .kind = TG_WIRE_K_##k, .optional = (opt),                                 \
        .offset = offsetof(struct type, member), .max = (maximum), .shape = (sh)                   \
    }
#define TEXT(type, member, max)       FIELD(type, member, TEXT, false, max, NULL)
#define TEXT_OPT(type, member, max)   FIELD(type, member, TEXT, true, max, NULL)
#define BLOB(type, member, max)       FIELD(type, member, BLOB, false, max, NULL)
#define BLOB_OPT(type, member, max)   FIELD(type, member, BLOB, true, max, NULL)
#define INT(type, member)             FIELD(type, member, INT, false, 0, NULL)
#define BOOL(type, member)            FIELD(type, member, BOOL, false, 0, NULL)
#define LIST(type, member, max, elem) FIELD(type, member, LIST, false, max, &shape_##elem)
#define SHAPE(word)                                                                                \
    static const struct tg_wire_shape shape_##word = {#word, sizeof(struct tg_wire_##word),        \
                                                      fields_##word, TG_COUNT(fields_##word)}
/* A list element that is a plain value instead of an object: the only field has no name. */
#define PLAIN(type, member, k, maximum)                                                            \
    {                                                                                              \
        .name = "", .kind = TG_WIRE_K_##k, .offset = offsetof(struct type, member),                \
        .max = (maximum)                                                                           \
    }

static const struct tg_wire_field fields_int[] = {PLAIN(tg_wire_int, value, INT, 0)};
SHAPE(int);
static const struct tg_wire_field fields_item[] = {PLAIN(tg_wire_item, bytes, BLOB, TG_MAX_CERT)};
SHAPE(item);

static const struct tg_wire_field fields_enroll[] = {
    TEXT(tg_wire_enroll, token, SHORT),    TEXT(tg_wire_enroll, host, SHORT),
    TEXT(tg_wire_enroll, version, SHORT),  BLOB(tg_wire_enroll, csr, TG_MAX_CSR),
    BLOB(tg_wire_enroll, signature, LONG),
};
SHAPE(enroll);
static const struct tg_wire_field fields_renew[] = {BLOB(tg_wire_renew, csr, TG_MAX_CSR)};
SHAPE(renew);
static const struct tg_wire_field fields_hello[] = {
    TEXT(tg_wire_hello, agent, SHORT),
    TEXT(tg_wire_hello, host, SHORT),
    TEXT(tg_wire_hello, version, SHORT),
    LIST(tg_wire_hello, speaks, 16, int),
};
SHAPE(hello);

static const struct tg_wire_field fields_entry[] = {
    BLOB_OPT(tg_wire_entry, certificate, TG_MAX_CERT),
    TEXT_OPT(tg_wire_entry, ski, SHORT),
    TEXT_OPT(tg_wire_entry, friendly_name, LONG),
    BOOL(tg_wire_entry, has_key),
};
SHAPE(entry);
static const struct tg_wire_field fields_keystore[] = {
    TEXT(tg_wire_keystore, path, LONG),
    TEXT_OPT(tg_wire_keystore, kind, SHORT),
    TEXT(tg_wire_keystore, storage, SHORT),
    TEXT(tg_wire_keystore, status, SHORT),
    TEXT_OPT(tg_wire_keystore, reason, LONG),
    TEXT_OPT(tg_wire_keystore, owner, SHORT),
    LIST(tg_wire_keystore, entries, TG_MAX_ENTRIES, entry),
};
SHAPE(keystore);
static const struct tg_wire_field fields_inventory[] = {
    INT(tg_wire_inventory, scanned),
    BOOL(tg_wire_inventory, complete),
    LIST(tg_wire_inventory, keystores, TG_MAX_KEYSTORES, keystore),
};
SHAPE(inventory);

static const struct tg_wire_field fields_prepared[] = {
    TEXT(tg_wire_prepared, application, SHORT),
    BLOB(tg_wire_prepared, app, TG_MAX_LEAF),
    BLOB(tg_wire_prepared, csr, TG_MAX_CSR),
    BLOB(tg_wire_prepared, cms, TG_MAX_CMS),
};
SHAPE(prepared);
static const struct tg_wire_field fields_command_result[] = {
    TEXT(tg_wire_command_result, command, LONG),
    INT(tg_wire_command_result, exit),
};
SHAPE(command_result);
static const struct tg_wire_field fields_installed[] = {
    TEXT(tg_wire_installed, application, SHORT),
    TEXT(tg_wire_installed, certificate, SHORT),
    BOOL(tg_wire_installed, verified),
    LIST(tg_wire_installed, after, 16, command_result),
};
SHAPE(installed);
static const struct tg_wire_field fields_failed[] = {
    TEXT(tg_wire_failed, application, SHORT),
    TEXT(tg_wire_failed, code, SHORT),
    TEXT(tg_wire_failed, text, LONG),
    TEXT_OPT(tg_wire_failed, waits_for, SHORT),
};
SHAPE(failed);
static const struct tg_wire_field fields_ack[] = {LIST(tg_wire_ack, ids, 1024, int)};
SHAPE(ack);

static const struct tg_wire_field fields_identity[] = {
    TEXT(tg_wire_identity, agent, SHORT),
    TEXT(tg_wire_identity, status, SHORT),
    BLOB_OPT(tg_wire_identity, certificate, TG_MAX_CERT),
    LIST(tg_wire_identity, chain, 4, item),
};
SHAPE(identity);
static const struct tg_wire_field fields_welcome[] = {
    INT(tg_wire_welcome, now),
    INT(tg_wire_welcome, reconnect_s),
    INT(tg_wire_welcome, keepalive_s),
};
SHAPE(welcome);
static const struct tg_wire_field fields_accepted[] = {
    TEXT(tg_wire_accepted, result, SHORT),
    TEXT_OPT(tg_wire_accepted, text, LONG),
};
SHAPE(accepted);
static const struct tg_wire_field fields_trust_item[] = {
    BLOB(tg_wire_trust_item, text, TG_MAX_TRUST),
    LIST(tg_wire_trust_item, cms, 16, item),
};
SHAPE(trust_item);
static const struct tg_wire_field fields_trust[] = {
    TEXT(tg_wire_trust, realm, SHORT),
    LIST(tg_wire_trust, documents, 64, trust_item),
};
SHAPE(trust);
static const struct tg_wire_field fields_scan[] = {BOOL(tg_wire_scan, everything)};
SHAPE(scan);
static const struct tg_wire_field fields_prepare[] = {
    TEXT(tg_wire_prepare, application, SHORT), TEXT(tg_wire_prepare, path, LONG),
    TEXT(tg_wire_prepare, confirm, SHORT),     TEXT(tg_wire_prepare, algorithm, SHORT),
    BLOB(tg_wire_prepare, app, TG_MAX_LEAF),   INT(tg_wire_prepare, deadline),
};
SHAPE(prepare);
static const struct tg_wire_field fields_install[] = {
    TEXT(tg_wire_install, application, SHORT),
    BLOB(tg_wire_install, bundle, TG_MAX_BUNDLE),
};
SHAPE(install);
static const struct tg_wire_field fields_retire[] = {
    TEXT(tg_wire_retire, application, SHORT),
    TEXT(tg_wire_retire, path, LONG),
    TEXT(tg_wire_retire, certificate, SHORT),
};
SHAPE(retire);
static const struct tg_wire_field fields_cancel[] = {
    TEXT(tg_wire_cancel, application, SHORT),
    BLOB_OPT(tg_wire_cancel, recall, TG_MAX_STATEMENT),
    BLOB_OPT(tg_wire_cancel, cms, TG_MAX_CMS),
};
SHAPE(cancel);
static const struct tg_wire_field fields_reconnect[] = {INT(tg_wire_reconnect, within_s)};
SHAPE(reconnect);

static const struct {
    const char *word;
    enum tg_wire_side side;
    const struct tg_wire_shape *shape;
} table[TG_WIRE_TYPES] = {
#define TG_X(name, word, side, body) {word, TG_WIRE_##side, &shape_##body},
    TG_WIRE_MESSAGES(TG_X)
#undef TG_X
};

const struct tg_wire_shape *tg_wire_shape_of(enum tg_wire_type type)
{
    TG_CHECK(type < TG_WIRE_TYPES);
    return table[type].shape;
}

const char *tg_wire_word(enum tg_wire_type type)
{
    TG_CHECK(type < TG_WIRE_TYPES);
    return table[type].word;
}

enum tg_wire_side tg_wire_side_of(enum tg_wire_type type)
{
    TG_CHECK(type < TG_WIRE_TYPES);
    return table[type].side;
}
