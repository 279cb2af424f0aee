/* Binding records as one JSON file each. */
#include "agent/pending.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/secret.h"
#include "json/json.h"

enum { RECORD = 256 * 1024, PATH = 4096 };

static const char *const state_words[] = {"asked", "made", "installed"};

struct agent_pending *agent_pending_new(const char *number, int64_t job, const char *path)
{
    struct agent_pending *p = TG_NEW(struct agent_pending);
    uint8_t secret[32];
    TG_CHECK(tg_copy(p->number, sizeof p->number, number));
    p->job = job;
    p->path = tg_strdup(path);
    tg_random(secret, sizeof secret);
    tg_hex(secret, sizeof secret, p->secret);
    tg_wipe(secret, sizeof secret);
    return p;
}

void agent_pending_free(struct agent_pending *p)
{
    if (!p) return;
    free(p->path);
    tg_buf_done(&p->app);
    tg_buf_done(&p->csr);
    tg_buf_done(&p->cms);
    tg_wipe(p, sizeof *p);
    free(p);
}

static int record_path(const char *dir, const char *number, char ret[PATH], struct tg_err *err)
{
    struct tg_number n;
    if (!tg_number_parse(number, &n))
        return TG_FAIL(err, TG_E_INPUT, "%.32s: not an application number", number);
    if (snprintf(ret, PATH, "%s/pending/%s.json", dir, number) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%s: the path is too long", dir);
    return 0;
}

int agent_pending_save(const char *dir, const struct agent_pending *p, struct tg_err *err)
{
    char path[PATH];
    struct tg_buf text = TG_BUF(RECORD);
    struct tg_jw w;
    TG_TRY(record_path(dir, p->number, path, err));
    tg_jw_init(&w, &text);
    tg_jw_begin_object(&w);
    tg_jw_kstr(&w, "state", state_words[p->state]);
    tg_jw_kstr(&w, "number", p->number);
    tg_jw_kint(&w, "job", p->job);
    tg_jw_kstr(&w, "path", p->path);
    tg_jw_kstr(&w, "secret", p->secret);
    tg_jw_kstr(&w, "consent", p->consent);
    tg_jw_kstr(&w, "app_sha", p->app_sha);
    tg_jw_kstr(&w, "key", p->key);
    tg_jw_kstr(&w, "old", p->old);
    tg_jw_kstr(&w, "certificate", p->certificate);
    tg_jw_key(&w, "app");
    tg_jw_base64(&w, p->app.data, p->app.len);
    tg_jw_key(&w, "csr");
    tg_jw_base64(&w, p->csr.data, p->csr.len);
    tg_jw_key(&w, "cms");
    tg_jw_base64(&w, p->cms.data, p->cms.len);
    tg_jw_end(&w);
    int rc = tg_buf_ok(&text, err);
    if (rc == 0) rc = tg_file_replace(path, text.data, text.len, 0600, err);
    if (text.data) tg_wipe(text.data, text.len);
    tg_buf_done(&text);
    return rc;
}

static int read_text(const json_t *o, const char *key, size_t size, char *ret, struct tg_err *err)
{
    const char *text = NULL;
    TG_TRY(tg_json_str(o, key, size - 1, &text, err));
    return tg_copy(ret, size, text) ? 0 : TG_FAIL(err, TG_E_LIMIT, "%s: too long", key);
}

static int read_record(const json_t *o, struct agent_pending *p, struct tg_err *err)
{
    char state[16];
    const char *path = NULL;
    TG_TRY(read_text(o, "state", sizeof state, state, err));
    for (p->state = AGENT_ASKED;
         p->state <= AGENT_INSTALLED && strcmp(state_words[p->state], state) != 0;)
        p->state++;
    if (p->state > AGENT_INSTALLED)
        return TG_FAIL(err, TG_E_INPUT, "state: \"%s\" is unknown", state);
    TG_TRY(read_text(o, "number", sizeof p->number, p->number, err));
    TG_TRY(tg_json_int(o, "job", 0, INT64_MAX, &p->job, err));
    TG_TRY(tg_json_str(o, "path", PATH, &path, err));
    p->path = tg_strdup(path);
    TG_TRY(read_text(o, "secret", sizeof p->secret, p->secret, err));
    TG_TRY(read_text(o, "consent", sizeof p->consent, p->consent, err));
    TG_TRY(read_text(o, "app_sha", sizeof p->app_sha, p->app_sha, err));
    TG_TRY(read_text(o, "key", sizeof p->key, p->key, err));
    TG_TRY(read_text(o, "old", sizeof p->old, p->old, err));
    TG_TRY(read_text(o, "certificate", sizeof p->certificate, p->certificate, err));
    p->app.max = TG_MAX_LEAF;
    p->csr.max = TG_MAX_CSR;
    p->cms.max = TG_MAX_CMS;
    TG_TRY(tg_json_base64(o, "app", &p->app, err));
    TG_TRY(tg_json_base64(o, "csr", &p->csr, err));
    return tg_json_base64(o, "cms", &p->cms, err);
}

int agent_pending_load(const char *dir, const char *number, struct agent_pending **ret,
                       struct tg_err *err)
{
    char path[PATH];
    TG_AUTO(buf) struct tg_buf text = TG_BUF(RECORD);
    TG_AUTO(json) json_t *o = NULL;
    TG_AUTO(agent_pending) struct agent_pending *p = TG_NEW(struct agent_pending);
    TG_TRY(record_path(dir, number, path, err));
    TG_TRY(tg_file_read(path, &text, err));
    int rc = tg_json_parse_object(text.data, text.len, RECORD, &o, err);
    tg_wipe(text.data, text.len);
    if (rc == 0) rc = read_record(o, p, err);
    if (rc < 0) return tg_err_wrap(err, "%s", path);
    *ret = TG_TAKE(p);
    return 0;
}

int agent_pending_remove(const char *dir, const char *number, struct tg_err *err)
{
    char path[PATH];
    TG_TRY(record_path(dir, number, path, err));
    if (unlink(path) != 0 && errno != ENOENT)
        return TG_FAIL(err, TG_E_IO, "%s: %s", path, strerror(errno));
    return 0;
}

int agent_pending_each(const char *dir, agent_pending_fn fn, void *data, struct tg_err *err)
{
    char path[PATH];
    if (snprintf(path, sizeof path, "%s/pending", dir) >= PATH)
        return TG_FAIL(err, TG_E_LIMIT, "%s: too long", dir);
    DIR *folder = opendir(path);
    if (!folder && errno == ENOENT) return 0;
    if (!folder) return TG_FAIL(err, TG_E_IO, "%s: %s", path, strerror(errno));
    struct dirent *entry;
    while ((entry = readdir(folder))) {
        char number[TG_NUMBER + 8];
        if (!tg_ends(entry->d_name, ".json") ||
            !tg_copyn(number, sizeof number, entry->d_name, strlen(entry->d_name) - 5))
            continue;
        TG_AUTO(agent_pending) struct agent_pending *p = NULL;
        struct tg_err bad = {0};
        int rc = agent_pending_load(dir, number, &p, &bad);
        fn(p, rc < 0 ? &bad : NULL, data);
    }
    closedir(folder);
    return 0;
}

int agent_pending_key_path(const char *keystore, const char *number, char *ret, size_t size,
                           struct tg_err *err)
{
    const char *slash = strrchr(keystore, '/');
    struct tg_number checked; /* it becomes part of a path */
    if (!tg_number_parse(number, &checked))
        return TG_FAIL(err, TG_E_INPUT, "%.32s: not an application number", number);
    const char *name = slash ? slash + 1 : keystore;
    int n =
        snprintf(ret, size, "%.*s.%s.tamga-%s.key", (int)(name - keystore), keystore, name, number);
    return n > 0 && (size_t)n < size
               ? 0
               : TG_FAIL(err, TG_E_LIMIT, "%s: the path is too long", keystore);
}
