#include "agent/spool.h"

#include "agent/state.h"
#include "base/limits.h"
#include "wire/wire.h"

static const char folder[] = "spool";

struct agent_spool {
    char *dir;
    int64_t next;
    size_t count;
};

int agent_spool_open(const char *dir, struct agent_spool **ret, struct tg_err *err)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    TG_TRY(agent_folder_list(dir, folder, &numbers, &n, err));
    struct agent_spool *s = TG_NEW(struct agent_spool);
    s->dir = tg_strdup(dir);
    s->count = n;
    s->next = n ? numbers[n - 1] + 1 : 1;
    free(numbers);
    *ret = s;
    return 0;
}

void agent_spool_free(struct agent_spool *s)
{
    if (!s) return;
    free(s->dir);
    free(s);
}

int agent_spool_put(struct agent_spool *s, const void *line, size_t len, struct tg_err *err)
{
    TG_TRY(agent_folder_put(s->dir, folder, s->next, line, len, err));
    s->next++;
    s->count++;
    return 0;
}

int agent_spool_message(struct agent_spool *s, enum tg_wire_type type, int64_t id, const void *body,
                        struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_MAX_MESSAGE);
    tg_wire_print(type, id, body, &line);
    TG_TRY(tg_buf_ok(&line, err));
    return agent_spool_put(s, line.data, line.len, err);
}

size_t agent_spool_count(const struct agent_spool *s)
{
    return s->count;
}

/* Listed anew each time: another process (install --bundle) may have put something while none was
 * running. */
int agent_spool_first(struct agent_spool *s, int64_t *ret_number, struct tg_buf *ret,
                      struct tg_err *err)
{
    int64_t *numbers = NULL;
    size_t n = 0;
    TG_TRY(agent_folder_list(s->dir, folder, &numbers, &n, err));
    s->count = n;
    int64_t first = n ? numbers[0] : 0;
    free(numbers);
    if (n == 0) return TG_FAIL(err, TG_E_NOT_FOUND, "spool: empty");
    TG_TRY(agent_folder_get(s->dir, folder, first, ret, err));
    *ret_number = first;
    return 0;
}

void agent_spool_drop(struct agent_spool *s, int64_t number)
{
    struct tg_err ignored = {0};
    if (agent_folder_drop(s->dir, folder, number, &ignored) == 0 && s->count > 0) s->count--;
}
