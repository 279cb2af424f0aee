/* The child's side of a job. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/install.h"
#include "agent/job.h"
#include "agent/prepare.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/str.h"
#include "scan_job.h"

enum { REQUEST = 4 * 1024 * 1024, PASSWORD_FD = 3 };

static int do_details(const json_t *request, const struct tg_secret *password, json_t *answer,
                      struct tg_err *err)
{
    const char *path = NULL;
    struct agent_store store;
    TG_TRY(tg_json_str(request, "path", 4095, &path, err));
    int rc = agent_store_open(&store, path, password, json_object_get(request, "passwords"), err);
    bool locked = rc == TG_E_LOCKED || rc == TG_E_PASSWORD;
    json_object_set_new(answer, "opens", json_boolean(rc == 0));
    agent_store_done(&store);
    return locked && !password ? 0 : rc;
}

static int do_retire(const json_t *request, const struct tg_secret *password, json_t *answer,
                     struct tg_err *err)
{
    (void)password;
    return agent_retire(request, answer, err);
}

static int do_forget(const json_t *request, const struct tg_secret *password, json_t *answer,
                     struct tg_err *err)
{
    (void)password;
    (void)answer;
    return agent_forget(request, err);
}

static int do_after(const json_t *request, const struct tg_secret *password, json_t *answer,
                    struct tg_err *err)
{
    (void)password;
    return agent_after(request, answer, err);
}

static const struct {
    const char *kind;
    int (*run)(const json_t *request, const struct tg_secret *password, json_t *answer,
               struct tg_err *err);
} kinds[] = {
    {"scan", agent_scan_job},   {"prepare", agent_prepare}, {"details", do_details},
    {"install", agent_install}, {"retire", do_retire},      {"after", do_after},
    {"forget", do_forget},
};

static int read_all(int fd, struct tg_buf *to, struct tg_err *err)
{
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return TG_FAIL(err, TG_E_IO, "request: %s", strerror(errno));
        if (n == 0) return tg_buf_ok(to, err);
        tg_buf_add(to, chunk, (size_t)n);
        tg_wipe(chunk, sizeof chunk);
    }
}

/* The first thing a child does, before any byte below a home is touched. */
static int become_owner(const json_t *request, struct tg_err *err)
{
    const json_t *o = NULL;
    const char *name = NULL;
    int64_t uid = 0, gid = 0;
    struct agent_owner owner;
    TG_TRY(tg_json_object(request, "owner", &o, err));
    TG_TRY(tg_json_int(o, "uid", 0, UINT32_MAX, &uid, err));
    TG_TRY(tg_json_int(o, "gid", 0, UINT32_MAX, &gid, err));
    TG_TRY(tg_json_str(o, "name", sizeof owner.name - 1, &name, err));
    owner.uid = (uid_t)uid;
    owner.gid = (gid_t)gid;
    (void)!tg_copy(owner.name, sizeof owner.name, name);
    return agent_become(&owner, err);
}

static int serve(json_t *answer, struct tg_err *err)
{
    struct tg_buf text = TG_BUF(REQUEST);
    TG_AUTO(json) json_t *request = NULL;
    TG_AUTO(secret) struct tg_secret password = {0};
    const char *kind = NULL;
    bool announced = false;
    int rc = read_all(STDIN_FILENO, &text, err);
    if (rc == 0) rc = tg_json_parse_object(text.data, text.len, REQUEST, &request, err);
    if (text.data) tg_wipe(text.data, text.len); /* it holds the secret of the new key */
    tg_buf_done(&text);
    TG_TRY(rc);
    TG_TRY(become_owner(request, err));
    TG_TRY(tg_json_str(request, "kind", 16, &kind, err));
    TG_TRY(tg_json_bool(request, "password", &announced, err));
    if (announced) TG_TRY(tg_secret_read_line(PASSWORD_FD, &password, err));
    if (announced) (void)close(PASSWORD_FD); /* commands started from here shall not inherit it */
    for (size_t i = 0; i < TG_COUNT(kinds); i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].run(request, announced ? &password : NULL, answer, err);
    return TG_FAIL(err, TG_E_BUG, "job kind \"%s\" is unknown", kind);
}

int agent_job_main(void)
{
    TG_AUTO(json) json_t *answer = json_object();
    TG_AUTO(buf) struct tg_buf text = TG_BUF((size_t)TG_MAX_BODY);
    struct tg_err err = {0};
    int rc = serve(answer, &err);
    json_object_set_new(answer, "ok", json_boolean(rc == 0));
    json_object_set_new(answer, "code", json_string(rc == 0 ? "ok" : tg_code_word(err.code)));
    json_object_set_new(answer, "text", json_string(rc == 0 ? "" : err.text));
    tg_json_dump(answer, &text);
    for (size_t at = 0; at < text.len;) {
        ssize_t n = write(STDOUT_FILENO, text.data + at, text.len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return 1;
        at += (size_t)n;
    }
    return rc == 0 ? 0 : 1;
}
