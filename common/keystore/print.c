#include <string.h>

#include "kinds.h"
#include "json/json.h"

/* Empty means unknown. */
static void known(struct tg_jw *jw, const char *key, const char *text)
{
    tg_jw_kstr(jw, key, text && *text ? text : NULL);
}

static void hex_or_null(struct tg_jw *jw, const char *key, const uint8_t *bytes, size_t len)
{
    tg_jw_key(jw, key);
    if (len)
        tg_jw_hex(jw, bytes, len);
    else
        tg_jw_null(jw);
}

static void time_or_null(struct tg_jw *jw, const char *key, const struct tg_cert_facts *facts,
                         int64_t at)
{
    tg_jw_key(jw, key);
    if (facts && facts->times_ok)
        tg_jw_time(jw, at);
    else
        tg_jw_null(jw);
}

static void print_entry(struct tg_jw *jw, const struct tg_keystore_entry *entry)
{
    const struct tg_cert_facts *facts = entry->cert ? tg_cert_facts(entry->cert) : NULL;
    tg_jw_begin_object(jw);
    hex_or_null(jw, "sha256", facts ? facts->sha256 : NULL, facts ? TG_SHA256 : 0);
    hex_or_null(jw, "ski", entry->ski, entry->ski_len);
    known(jw, "serial", facts ? facts->serial : NULL);
    tg_jw_kstr(jw, "subject", facts ? facts->subject : NULL);
    tg_jw_kstr(jw, "issuer", facts ? facts->issuer : NULL);
    time_or_null(jw, "not_before", facts, facts ? facts->not_before : 0);
    time_or_null(jw, "not_after", facts, facts ? facts->not_after : 0);
    known(jw, "key_algorithm", facts ? facts->key_algorithm : NULL);
    if (entry->key_unknown)
        tg_jw_kstr(jw, "has_key", NULL);
    else
        tg_jw_kbool(jw, "has_key", entry->has_key);
    tg_jw_kstr(jw, "friendly_name", entry->friendly_name);
    known(jw, "role", facts ? tg_role_word(facts->role) : NULL);
    known(jw, "iin", facts ? facts->iin : NULL);
    known(jw, "bin", facts ? facts->bin : NULL);
    tg_jw_end(jw);
}

void tg_keystore_print_json(struct tg_jw *jw, const struct tg_keystore *ks)
{
    tg_jw_begin_object(jw);
    tg_jw_kstr(jw, "path", ks->path);
    tg_jw_kstr(jw, "kind", ks->kind);
    tg_jw_kstr(jw, "status", tg_keystore_status_word(ks->status));
    known(jw, "reason", ks->reason);
    tg_jw_key(jw, "entries");
    tg_jw_begin_array(jw);
    for (size_t i = 0; i < ks->count; i++)
        print_entry(jw, &ks->entries[i]);
    tg_jw_end(jw);
    tg_jw_end(jw);
}
