#include "scan_job.h"

#include <string.h>

#include "agent/platform.h"
#include "agent/scan.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "keystore/keystore.h"
#include "x509/cert.h"

enum { PATHS = 100000, PART = 64 * 1024 * 1024 };

struct job {
    const json_t *rules;
    json_t *keystores;
    json_t *others; /* {uid: [path]}, NULL: this process is their owner */
};

static json_t *text_or_null(const char *text)
{
    return text && text[0] ? json_string(text) : json_null();
}

static json_t *entry_json(const struct tg_keystore_entry *e, bool key_elsewhere)
{
    TG_AUTO(buf) struct tg_buf b64 = TG_BUF(2 * TG_MAX_CERT);
    char ski[129] = "";
    size_t len = 0;
    const uint8_t *der = e->cert ? tg_cert_der(e->cert, &len) : NULL;
    if (der) tg_base64(&b64, der, len);
    tg_hex(e->ski, e->ski_len, ski);
    return json_pack("{s:s,s:o,s:o,s:b}", "certificate", tg_buf_text(&b64), "ski",
                     text_or_null(ski), "friendly_name", text_or_null(e->friendly_name), "has_key",
                     e->has_key || key_elsewhere);
}

static int report(const struct tg_keystore *ks, bool key_elsewhere, void *data, struct tg_err *err)
{
    struct job *job = data;
    struct agent_owner owner = {0};
    json_t *entries = json_array();
    struct tg_err ignored = {0};
    (void)err;
    if (agent_owner_of(ks->path, &owner, &ignored) < 0) owner.name[0] = '\0';
    for (size_t i = 0; i < ks->count; i++)
        json_array_append_new(entries, entry_json(&ks->entries[i], i == 0 && key_elsewhere));
    json_array_append_new(job->keystores,
                          json_pack("{s:s,s:o,s:s,s:s,s:o,s:o,s:o}", "path", ks->path, "kind",
                                    text_or_null(ks->kind), "storage", "file", "status",
                                    tg_keystore_status_word(ks->status), "reason",
                                    text_or_null(ks->reason), "owner", text_or_null(owner.name),
                                    "entries", entries));
    return 0;
}

static void on_other(const char *path, void *data)
{
    struct job *job = data;
    struct agent_owner owner;
    struct tg_err ignored = {0};
    char uid[16];
    if (agent_owner_of(path, &owner, &ignored) < 0) return; /* gone, or a stranger's link */
    (void)snprintf(uid, sizeof uid, "%u", (unsigned)owner.uid);
    json_t *paths = json_object_get(job->others, uid);
    if (!paths) json_object_set_new(job->others, uid, paths = json_array());
    json_array_append_new(paths, json_string(path));
}

static int scan_paths(struct job *job, const json_t *paths, struct tg_err *err)
{
    struct agent_scan scan = {.rules = job->rules,
                              .on_keystore = report,
                              .on_other = job->others ? on_other : NULL,
                              .data = job};
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = NULL;
        TG_TRY(tg_json_item_str(paths, "paths", i, 4095, &path, err));
        TG_TRY(agent_scan_path(&scan, path, err));
    }
    return 0;
}

struct part {
    const json_t *rules, *paths;
};

/* In the owner's process. A path that vanished meanwhile does not hide the others. */
static int scan_part(void *data, struct tg_buf *out, struct tg_err *err)
{
    const struct part *part = data;
    TG_AUTO(json) json_t *o = json_object();
    struct job job = {.rules = part->rules, .keystores = json_array()};
    json_object_set_new(o, "keystores", job.keystores);
    for (size_t i = 0; i < json_array_size(part->paths); i++) {
        TG_AUTO(json) json_t *one = json_pack("[O]", json_array_get(part->paths, i));
        int rc = scan_paths(&job, one, err);
        if (rc < 0 && rc != TG_E_NOT_FOUND) return rc;
    }
    tg_json_dump(o, out);
    return 0;
}

static int scan_as_owner(struct job *job, const json_t *paths, struct tg_err *err)
{
    struct part part = {.rules = job->rules, .paths = paths};
    struct agent_owner owner;
    TG_AUTO(buf) struct tg_buf out = TG_BUF(PART);
    TG_AUTO(json) json_t *o = NULL;
    const json_t *found = NULL;
    const char *first = json_string_value(json_array_get(paths, 0));
    TG_TRY(agent_owner_of(first, &owner, err));
    if (owner.uid == 0) return 0; /* it changed hands meanwhile: the next scan sees it */
    TG_TRY(agent_run_as(&owner, scan_part, &part, &out, err));
    TG_TRY(tg_json_parse_object(out.data, out.len, PART, &o, err));
    TG_TRY(tg_json_array(o, "keystores", PATHS, &found, err));
    json_array_extend(job->keystores, (json_t *)(uintptr_t)found);
    return 0;
}

int agent_scan_job(const json_t *request, const struct tg_secret *password, json_t *answer,
                   struct tg_err *err)
{
    const json_t *paths = NULL;
    TG_AUTO(json) json_t *others = json_object();
    struct job job = {.rules = json_object_get(request, "passwords"), .keystores = json_array()};
    (void)password;
    if (agent_is_root()) job.others = others;
    json_object_set_new(answer, "keystores", job.keystores);
    TG_TRY(tg_json_array(request, "paths", 4096, &paths, err));
    TG_TRY(scan_paths(&job, paths, err));
    const char *uid;
    json_t *theirs;
    json_object_foreach(others, uid, theirs) TG_TRY(scan_as_owner(&job, theirs, err));
    return 0;
}
