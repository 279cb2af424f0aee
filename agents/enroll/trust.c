/* Trust documents and recalls on disk. */
#include "agent/trust.h"

#include <dirent.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "seal/recall.h"

enum { PATH = 4096, RECALLS = 10000 };

struct agent_trust {
    char *dir;
    struct tg_trust_chain *chain;
    json_t *recalled; /* statements, hex */
};

static int path_of(const struct agent_trust *t, const char *name, char ret[PATH],
                   struct tg_err *err)
{
    if (snprintf(ret, PATH, "%s/%s", t->dir, name) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%.100s...: the path is too long", t->dir);
    return 0;
}

/* Only this process's user writes there, and each was verified before it was kept: the name is
 * enough. */
static int load_recalls(struct agent_trust *t, struct tg_err *err)
{
    char path[PATH], hex[TG_HEX256];
    TG_TRY(path_of(t, "recalls", path, err));
    DIR *folder = opendir(path);
    if (!folder) return TG_FAIL(err, TG_E_IO, "%s: cannot be read", path);
    const struct dirent *entry;
    while ((entry = readdir(folder)) && json_array_size(t->recalled) < RECALLS)
        if (strlen(entry->d_name) == 71 && tg_ends(entry->d_name, ".recall") &&
            tg_copyn(hex, sizeof hex, entry->d_name, 64) && tg_is_hex(hex, 64))
            json_array_append_new(t->recalled, json_string(hex));
    closedir(folder);
    return 0;
}

int agent_trust_open(const char *dir, const char *realm, struct agent_trust **ret,
                     struct tg_err *err)
{
    char path[PATH];
    TG_AUTO(agent_trust) struct agent_trust *t = TG_NEW(struct agent_trust);
    struct tg_err none = {0};
    t->dir = tg_strdup(dir);
    t->recalled = json_array();
    TG_TRY(path_of(t, "trust", path, err));
    int rc = tg_trust_chain_load(path, realm, &t->chain, &none);
    if (rc == TG_E_NO_TRUST) {
        t->chain = tg_trust_chain_new(realm);
    } else if (rc < 0) {
        if (err) *err = none;
        return rc;
    }
    TG_TRY(load_recalls(t, err));
    *ret = TG_TAKE(t);
    return 0;
}

void agent_trust_free(struct agent_trust *t)
{
    if (!t) return;
    free(t->dir);
    tg_trust_chain_free(t->chain);
    json_decref(t->recalled);
    free(t);
}

static int add_one(struct agent_trust *t, const struct tg_wire_trust_item *d, struct tg_err *err)
{
    struct tg_blob cms[TG_SEAL_TRUST_CMS_MAX];
    const struct tg_wire_item *items = d->cms.items;
    if (d->cms.count > TG_SEAL_TRUST_CMS_MAX)
        return TG_FAIL(err, TG_E_LIMIT, "V2: more than %d signatures", TG_SEAL_TRUST_CMS_MAX);
    for (size_t i = 0; i < d->cms.count; i++)
        cms[i] = TG_BLOB(items[i].bytes.data, items[i].bytes.len);
    return tg_trust_chain_add(t->chain, TG_BLOB(d->text.data, d->text.len), cms, d->cms.count, err);
}

int agent_trust_take(struct agent_trust *t, const struct tg_wire_trust *said, struct tg_err *err)
{
    char path[PATH];
    const struct tg_wire_trust_item *documents = said->documents.items;
    uint32_t before = agent_trust_version(t);
    for (size_t i = 0; i < said->documents.count; i++)
        TG_TRY(add_one(t, &documents[i], err));
    if (agent_trust_version(t) == 0)
        return TG_FAIL(err, TG_E_NO_TRUST, "%s", tg_code_sentence(TG_E_NO_TRUST));
    if (agent_trust_version(t) == before) return 0;
    TG_TRY(path_of(t, "trust", path, err));
    return tg_trust_chain_save(t->chain, path, err);
}

int agent_trust_recall(struct agent_trust *t, const struct tg_wire_blob *text,
                       const struct tg_wire_blob *cms, int64_t now, struct tg_err *err)
{
    char name[PATH], path[PATH];
    struct tg_recall recall;
    TG_TRY(tg_recall_check(t->chain, TG_BLOB(text->data, text->len), TG_BLOB(cms->data, cms->len),
                           now, &recall, err));
    for (size_t i = 0; i < json_array_size(t->recalled); i++)
        if (strcmp(json_string_value(json_array_get(t->recalled, i)), recall.statement) == 0)
            return 0;
    if (json_array_size(t->recalled) >= RECALLS)
        return TG_FAIL(err, TG_E_LIMIT, "recalls: more than %d", RECALLS);
    /* The signature first: a text is never without. */
    (void)snprintf(name, sizeof name, "recalls/%s.p7s", recall.statement);
    TG_TRY(path_of(t, name, path, err));
    TG_TRY(tg_file_replace(path, cms->data, cms->len, 0600, err));
    (void)snprintf(name, sizeof name, "recalls/%s.recall", recall.statement);
    TG_TRY(path_of(t, name, path, err));
    TG_TRY(tg_file_replace(path, text->data, text->len, 0600, err));
    json_array_append_new(t->recalled, json_string(recall.statement));
    return 0;
}

uint32_t agent_trust_version(const struct agent_trust *t)
{
    return tg_trust_chain_version(t->chain);
}

bool agent_trust_has_server(const struct agent_trust *t, const uint8_t spki[TG_SHA256])
{
    char hex[TG_HEX256];
    const struct tg_trust *current = tg_trust_chain_current(t->chain);
    tg_hex(spki, TG_SHA256, hex);
    return current && tg_trust_has_server(current, hex) && !tg_trust_is_revoked(current, hex);
}

size_t agent_trust_pins(const struct agent_trust *t, uint8_t ret[TG_TRUST_KEYS][TG_SHA256])
{
    const struct tg_trust *current = tg_trust_chain_current(t->chain);
    size_t n = 0;
    for (size_t i = 0; current && i < current->servers_count; i++)
        if (tg_unhex(current->servers[i], 64, ret[n]) && agent_trust_has_server(t, ret[n])) n++;
    return n;
}

static json_t *base64_json(struct tg_blob b)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(2 * (size_t)TG_MAX_CMS);
    tg_base64(&text, b.data, b.len);
    return json_string(tg_buf_text(&text));
}

json_t *agent_trust_json(const struct agent_trust *t)
{
    json_t *documents = json_array();
    for (uint32_t v = 1; v <= agent_trust_version(t); v++) {
        const struct tg_blob *cms = NULL;
        size_t n = tg_trust_chain_cms(t->chain, v, &cms);
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, base64_json(cms[i]));
        json_array_append_new(documents, json_pack("{s:o,s:o}", "text",
                                                   base64_json(tg_trust_chain_text(t->chain, v)),
                                                   "cms", list));
    }
    return json_pack("{s:s,s:o}", "realm", tg_trust_chain_realm(t->chain), "documents", documents);
}

json_t *agent_trust_recalled(const struct agent_trust *t)
{
    return json_deep_copy(t->recalled);
}
