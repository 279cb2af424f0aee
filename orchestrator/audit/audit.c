/* Life of the audit room: its key, its lease, its questions. */
#include "audit_private.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { KEY_FILE_MAX = 4096 };

static int make_key(const char *path, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(key) struct tg_key *key = NULL;
    struct tg_buf pem = TG_BUF(KEY_FILE_MAX);
    TG_TRY(tg_key_generate("ed25519", &key, err));
    int rc = tg_key_to_pem(key, NULL, 0, &pem, err);
    if (rc == 0) rc = tg_file_replace(path, pem.data, pem.len, 0600, err);
    if (pem.data) tg_wipe(pem.data, pem.len);
    tg_buf_done(&pem);
    if (rc == 0) *ret = TG_TAKE(key);
    return rc;
}

static int load_key(const char *dir, struct tg_key **ret, struct tg_err *err)
{
    TG_AUTO(mem) char *folder = tg_printf("%s/audit", dir);
    TG_AUTO(mem) char *path = tg_printf("%s/log.key", folder);
    struct tg_buf pem = TG_BUF(KEY_FILE_MAX);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return TG_FAIL(err, tg_code_from_errno(errno), "%s: %s", folder, strerror(errno));
    int rc = tg_file_read(path, &pem, err);
    if (rc == TG_E_NOT_FOUND)
        rc = make_key(path, ret, err);
    else if (rc == 0)
        rc = tg_key_from_pem(tg_buf_text(&pem), pem.len, NULL, ret, err);
    if (pem.data) tg_wipe(pem.data, pem.len);
    tg_buf_done(&pem);
    return rc < 0 ? tg_err_wrap(err, "audit log key %s", path) : 0;
}

static void on_lease(bool held, void *data)
{
    struct audit *a = data;
    tg_log(TG_LOG_INFO, "audit", held ? "sequencer-here" : "sequencer-elsewhere", "origin=%s",
           tg_q(a->origin));
    if (held) tg_repeat_now(&a->repeat);
}

int audit_new(struct db *db, const char *dir, const char *origin, struct audit **ret,
              struct tg_err *err)
{
    struct audit *a = TG_NEW(struct audit);
    a->db = db;
    a->loop = db_loop(db);
    int rc = load_key(dir, &a->key, err);
    if (rc == 0) rc = tg_audit_vkey(a->key, origin, a->vkey, err);
    if (rc < 0) {
        tg_key_free(a->key);
        free(a);
        return rc;
    }
    (void)tg_copy(a->origin, sizeof a->origin, origin);
    tg_repeat_init(&a->repeat, a->loop, AUDIT_PAUSE_MS, audit_step, a);
    tg_repeat_start(&a->repeat, 0);
    db_lease_start(&a->lease, a->db, "audit", AUDIT_LEASE_S, on_lease, a);
    *ret = a;
    return 0;
}

const char *audit_vkey(const struct audit *a)
{
    return a->vkey;
}

void audit_wake(struct audit *a)
{
    if (!a->closing) tg_repeat_now(&a->repeat);
}

static void on_repeat_closed(struct tg_repeat *r, void *data)
{
    (void)r;
    struct audit *a = data;
    void (*closed)(void *data) = a->closed;
    void *closed_data = a->closed_data;
    tg_key_free(a->key);
    free(a);
    if (closed) closed(closed_data);
}

static void on_lease_closed(void *data)
{
    struct audit *a = data;
    tg_repeat_close(&a->repeat, on_repeat_closed);
}

void audit_close(struct audit *a, void (*closed)(void *data), void *data)
{
    TG_CHECK(!a->closing);
    a->closing = true;
    a->closed = closed;
    a->closed_data = data;
    db_lease_close(&a->lease, on_lease_closed);
}

/* --- the newest checkpoint --- */

struct ask {
    audit_head_fn fn;
    void *data;
};

static void on_head(const struct db_results *r, const struct tg_err *err, void *data)
{
    struct ask ask = *(struct ask *)data;
    struct audit_head head;
    free(data);
    if (err) {
        ask.fn(NULL, err, ask.data);
        return;
    }
    audit_read_head(r, &head);
    ask.fn(&head, NULL, ask.data);
}

void audit_head(struct audit *a, audit_head_fn fn, void *data)
{
    struct ask *ask = TG_NEW(struct ask);
    *ask = (struct ask){fn, data};
    db_unit_run(audit_ask_head(a), on_head, ask);
}
