/* The rules become text between the marks of a catalogue statement. Compiled statements are kept
 * for the life of the process, one per different text: a connection knows what it has prepared by
 * the statement's address, so an address must never come back for another text. Texts change only
 * with the rules or with a new name that a rule takes. */
#include "planner_in.h"

#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/list.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

struct compiled {
    struct compiled *next;
    struct db_query query;
    char name[64];
};
static struct compiled *kept; /* the loop's thread only */

static const struct db_query *keep(const struct db_query *pattern, const char *text)
{
    char hash[TG_HEX256];
    tg_sha256_hex(text, strlen(text), hash);
    for (struct compiled *c = kept; c; c = c->next)
        if (strcmp(c->query.sql, text) == 0) return &c->query;
    struct compiled *c = TG_NEW(struct compiled);
    c->query = *pattern;
    c->query.sql = tg_strdup(text);
    (void)snprintf(c->name, sizeof c->name, "%.30s_%.16s", pattern->name, hash);
    c->query.name = c->name;
    c->next = kept;
    kept = c;
    return &c->query;
}

/* Copies up to the mark, puts what stands for it, and returns what follows its end. */
static const char *put_until(const char *at, const char *mark, const struct tg_buf *instead,
                             struct tg_buf *out)
{
    static const char end[] = "/*end*/";
    const char *from = strstr(at, mark);
    TG_CHECK(from);
    const char *to = strstr(from, end);
    TG_CHECK(to);
    tg_buf_add(out, at, (size_t)(from - at));
    tg_buf_add(out, instead->data, instead->len);
    return to + strlen(end);
}

int planner_compile(const struct policy_set *set, const struct policy_dictionary *words,
                    const struct db_query *pattern, const struct db_query **ret, struct tg_err *err)
{
    TG_AUTO(buf)
    struct tg_buf governing = TG_BUF(TEXT_MAX), policies = TG_BUF(TEXT_MAX),
                  out = TG_BUF(3 * TEXT_MAX);
    TG_TRY(policy_case_sql(set, words, &governing, err));
    TG_TRY(policy_values_sql(set, &policies, err));
    const char *at = put_until(pattern->sql, "/*policies*/", &policies, &out);
    at = put_until(at, "/*governing*/", &governing, &out);
    tg_buf_puts(&out, at);
    TG_TRY(tg_buf_ok(&out, err));
    *ret = keep(pattern, tg_buf_text(&out));
    return 0;
}
