#include <string.h>

#include "base/mem.h"
#include "policy_in.h"
#include "json/json.h"

/* TRUST F3: a rule's hash is that of its key-sorted JSON with every default written out. Keys are
 * those of the YAML in byte order; durations are seconds, percentages integers, absent lists empty.
 */

enum { CANONICAL_MAX = 1024 * 1024 };

static void put_texts(struct tg_jw *w, const char *key, const struct policy_list *list)
{
    tg_jw_key(w, key);
    tg_jw_begin_array(w);
    for (size_t i = 0; i < list->count; i++)
        tg_jw_str(w, list->items[i]);
    tg_jw_end(w);
}

static void put_numbers(struct tg_jw *w, const char *key, const struct policy_numbers *list)
{
    tg_jw_key(w, key);
    tg_jw_begin_array(w);
    for (size_t i = 0; i < list->count; i++)
        tg_jw_int(w, list->items[i]);
    tg_jw_end(w);
}

static const char *role_word(int value)
{
    return policy_role_word((enum policy_role)value);
}

static const char *storage_word(int value)
{
    return policy_storage_word((enum policy_storage)value);
}

static void put_bits(struct tg_jw *w, const char *key, uint32_t bits,
                     const char *(*word)(int value))
{
    tg_jw_key(w, key);
    tg_jw_begin_array(w);
    for (int i = 0; i < 32; i++)
        if (bits >> i & 1) tg_jw_str(w, word(i));
    tg_jw_end(w);
}

static void put_map(struct tg_jw *w, const char *key)
{
    tg_jw_key(w, key);
    tg_jw_begin_object(w);
}

static void put_approve(struct tg_jw *w, const struct policy *p)
{
    put_map(w, "approve");
    tg_jw_kstr(w, "batch", policy_batch_word(p->batch));
    tg_jw_kstr(w, "by", policy_by_word(p->by));
    tg_jw_kint(w, "deputy-after", p->deputy_after_s);
    tg_jw_kint(w, "recall", p->recall_s);
    tg_jw_end(w);
}

static void put_install(struct tg_jw *w, const struct policy *p)
{
    put_map(w, "install");
    tg_jw_kbool(w, "keep-decryption-keys", p->keep_decryption_keys);
    tg_jw_kint(w, "retire", p->archive_after_s);
    tg_jw_kint(w, "stop-at-failures", p->stop_at_failures);
    put_numbers(w, "wave", &p->wave);
    tg_jw_end(w);
}

static void put_match(struct tg_jw *w, const struct policy_match *m)
{
    put_map(w, "match");
    put_texts(w, "department", &m->department);
    put_texts(w, "issuer", &m->issuer);
    put_bits(w, "role", m->role, role_word);
    put_bits(w, "storage", m->storage, storage_word);
    tg_jw_end(w);
}

static void put_notify(struct tg_jw *w, const struct policy *p)
{
    tg_jw_key(w, "notify");
    tg_jw_begin_array(w);
    for (size_t i = 0; i < p->notify_count; i++) {
        tg_jw_begin_object(w);
        put_numbers(w, "at", &p->notify[i].at_s);
        tg_jw_kstr(w, "channel", policy_channel_word(p->notify[i].channel));
        tg_jw_kstr(w, "to", policy_to_word(p->notify[i].to));
        tg_jw_end(w);
    }
    tg_jw_end(w);
}

static void put_renew(struct tg_jw *w, const struct policy *p)
{
    put_map(w, "renew");
    tg_jw_kint(w, "before", p->before_s);
    tg_jw_kint(w, "spread", p->spread_s);
    tg_jw_key(w, "window");
    if (!p->window.given) {
        tg_jw_null(w);
    } else {
        tg_jw_begin_object(w);
        tg_jw_kint(w, "days", p->window.days);
        tg_jw_kint(w, "from", p->window.from_minute);
        tg_jw_kint(w, "until", p->window.until_minute);
        tg_jw_kstr(w, "zone", p->window.zone_name);
        tg_jw_end(w);
    }
    tg_jw_end(w);
}

static void put_policy(struct tg_jw *w, const struct policy *p)
{
    tg_jw_begin_object(w);
    tg_jw_kstr(w, "action", policy_action_word(p->action));
    put_approve(w, p);
    tg_jw_kstr(w, "ca", p->ca);
    tg_jw_kstr(w, "confirm", policy_confirm_word(p->confirm));
    put_install(w, p);
    put_map(w, "key");
    tg_jw_kstr(w, "algorithm", policy_key_word(p->key));
    tg_jw_end(w);
    put_match(w, &p->match);
    tg_jw_kstr(w, "name", p->name);
    put_notify(w, p);
    put_renew(w, p);
    tg_jw_kint(w, "validity", p->validity_s);
    tg_jw_end(w);
}

void policy_canonical(struct policy_set *set, struct policy *policy)
{
    struct tg_buf out = TG_BUF(CANONICAL_MAX);
    struct tg_jw w;
    tg_jw_init(&w, &out);
    put_policy(&w, policy);
    /* 256 issuers of 1 KiB and the rest fit; a file is bounded by TG_MAX_YAML. */
    TG_CHECK(!out.failed);
    policy->json = tg_yaml_text(set->yaml, tg_buf_text(&out));
    tg_sha256_hex(out.data, out.len, policy->hash);
    tg_buf_done(&out);
}

void policy_hash_set(struct policy_set *set)
{
    struct tg_buf all = TG_BUF(POLICY_MAX * TG_HEX256);
    for (size_t i = 0; i < set->count; i++)
        tg_buf_add(&all, set->items[i].hash, TG_HEX256 - 1);
    tg_sha256_hex(all.len ? (const void *)all.data : "", all.len, set->hash);
    tg_buf_done(&all);
}
