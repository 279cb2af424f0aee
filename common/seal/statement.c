#include "seal/statement.h"

#include "base/bytes.h"
#include "base/str.h"
#include "text.h"

enum { BATCH_SEQUENCE_MAX = 99999999, MINUTE = 60 };

const char *tg_approver_role_word(enum tg_approver_role role)
{
    static const char *const words[] = {[TG_APPROVER_CEO] = "ceo", [TG_APPROVER_DEPUTY] = "deputy"};
    TG_CHECK((unsigned)role < TG_COUNT(words));
    return words[role];
}

bool tg_batch_name_parse(const char *text, unsigned *ret_year, uint32_t *ret_sequence)
{
    size_t len = strnlen(text, TG_BATCH_NAME);
    if (len < 4 || len >= TG_BATCH_NAME || text[2] != '-') return false;
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return false;
    uint64_t sequence;
    if (!tg_parse_u64(text + 3, len - 3, BATCH_SEQUENCE_MAX, &sequence) || sequence == 0)
        return false;
    *ret_year = (unsigned)((text[0] - '0') * 10 + (text[1] - '0'));
    *ret_sequence = (uint32_t)sequence;
    return true;
}

void tg_batch_name_print(unsigned year, uint32_t sequence, char ret[TG_BATCH_NAME])
{
    TG_CHECK(year <= 99 && sequence >= 1 && sequence <= BATCH_SEQUENCE_MAX);
    (void)snprintf(ret, TG_BATCH_NAME, "%02u-%u", year % 100, sequence % 100000000);
}

void tg_statement_mint(struct tg_statement *st, int64_t now, int minutes, int64_t recall_s)
{
    uint8_t nonce[16];
    tg_random(nonce, sizeof nonce);
    tg_hex(nonce, sizeof nonce, st->nonce);
    st->sign_by = now + (int64_t)minutes * MINUTE;
    st->release = recall_s > 0 ? st->sign_by + recall_s : st->taken;
    st->install_by = st->taken + TG_INSTALL_DAYS * TG_DAY;
}

static void put_time(struct tg_buf *out, const char *prefix, int64_t at)
{
    char text[TG_TIME];
    tg_time_print(at, text);
    tg_buf_printf(out, "%s%s\n", prefix, text);
}

static void put_tree(struct tg_buf *out, const char *prefix, const struct tg_tree_line *tree)
{
    tg_buf_printf(out, "%s%u %s\n", prefix, tree->count, tree->root);
}

static void put_totals(struct tg_buf *out, const struct tg_statement *st)
{
    char date[TG_DATE] = "-";
    if (st->first_expiry != TG_NO_DATE) tg_date_print(st->first_expiry, date);
    put_tree(out, "snapshot: ", &st->snapshot);
    put_tree(out, "approve: ", &st->approve);
    put_tree(out, "return: ", &st->return_);
    tg_buf_printf(out, "hold: %u\n", st->hold);
    put_tree(out, "evidence: ", &st->evidence);
    tg_buf_printf(out, "first-expiry: %s\n", date);
    for (unsigned i = 0; i < TG_FLAG_COUNT; i++) {
        if (st->flags[i])
            tg_buf_printf(out, "flag %s: %u\n", tg_flag_code((enum tg_flag)i), st->flags[i]);
    }
    for (size_t i = 0; i < st->policies_count; i++)
        tg_buf_printf(out, "policy %s %s: %u\n", st->policies[i].name, st->policies[i].hash,
                      st->policies[i].count);
}

static void put_statement(struct tg_buf *out, const struct tg_statement *st)
{
    tg_buf_puts(out, TG_TEXT_STATEMENT "\n");
    tg_buf_printf(out, "realm: %s\ntrust: %u\nbatch: %s\nprevious: %s\n", st->realm, st->trust,
                  st->batch, st->previous);
    tg_buf_printf(out, "audit: %llu %s\n", (unsigned long long)st->audit_size, st->audit_root);
    put_time(out, "taken: ", st->taken);
    put_time(out, "sign-by: ", st->sign_by);
    put_time(out, "release: ", st->release);
    put_time(out, "install-by: ", st->install_by);
    tg_buf_printf(out, "role: %s\n", tg_approver_role_word(st->role));
    put_totals(out, st);
    tg_buf_printf(out, "nonce: %s\n", st->nonce);
}

int tg_statement_print(const struct tg_statement *st, struct tg_buf *out, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf text = TG_BUF(TG_MAX_STATEMENT);
    if (st->policies_count > TG_STATEMENT_POLICIES || (unsigned)st->role > TG_APPROVER_DEPUTY)
        return TG_FAIL(err, TG_E_LIMIT, "statement: more than %d policies, or an unknown role",
                       TG_STATEMENT_POLICIES);
    put_statement(&text, st);
    if (text.failed)
        return TG_FAIL(err, TG_E_LIMIT, "statement: longer than %d bytes", TG_MAX_STATEMENT);
    struct tg_statement again;
    TG_TRY(tg_statement_parse(text.data, text.len, &again, err));
    tg_buf_add(out, text.data, text.len);
    return tg_buf_ok(out, err);
}

static int get_tree(struct seal_text *t, const char *prefix, struct tg_tree_line *ret,
                    struct tg_err *err)
{
    struct seal_value v, word;
    uint64_t count;
    TG_TRY(seal_text_need(t, prefix, &v, err));
    if (!seal_value_word(&v, &word) || !tg_parse_u64(word.p, word.len, TG_MAX_BATCH, &count) ||
        !seal_value_hex(v, 64, ret->root))
        return seal_text_bad(t, err, "not a count up to 100000 and a root");
    if (count == 0 && strcmp(ret->root, TG_HEX_EMPTY) != 0)
        return seal_text_bad(t, err, "the root of nothing is the hash of no bytes");
    ret->count = (uint32_t)count;
    return 0;
}

static int get_head(struct seal_text *t, struct tg_statement *ret, struct tg_err *err)
{
    struct seal_value v, word;
    uint64_t n;
    unsigned year;
    uint32_t sequence;
    TG_TRY(seal_text_hex(t, "realm: ", 64, ret->realm, err));
    TG_TRY(seal_text_number(t, "trust: ", UINT32_MAX, &n, err));
    ret->trust = (uint32_t)n;
    if (n == 0) return seal_text_bad(t, err, "trust versions begin at 1");
    TG_TRY(seal_text_need(t, "batch: ", &v, err));
    if (!seal_value_copy(v, ret->batch, sizeof ret->batch) ||
        !tg_batch_name_parse(ret->batch, &year, &sequence))
        return seal_text_bad(t, err, "not a batch name YY-N");
    TG_TRY(seal_text_hex(t, "previous: ", 64, ret->previous, err));
    TG_TRY(seal_text_need(t, "audit: ", &v, err));
    if (!seal_value_word(&v, &word) ||
        !tg_parse_u64(word.p, word.len, INT64_MAX, &ret->audit_size) ||
        !seal_value_hex(v, 64, ret->audit_root))
        return seal_text_bad(t, err, "not a size and a root");
    return 0;
}

static int get_times(struct seal_text *t, struct tg_statement *ret, struct tg_err *err)
{
    struct seal_value v;
    TG_TRY(seal_text_time(t, "taken: ", &ret->taken, err));
    TG_TRY(seal_text_time(t, "sign-by: ", &ret->sign_by, err));
    if (ret->sign_by < ret->taken) return seal_text_bad(t, err, "sign-by is before taken");
    TG_TRY(seal_text_time(t, "release: ", &ret->release, err));
    if (ret->release < ret->taken) return seal_text_bad(t, err, "release is before taken");
    TG_TRY(seal_text_time(t, "install-by: ", &ret->install_by, err));
    if (ret->install_by < ret->release || ret->install_by > ret->taken + TG_INSTALL_DAYS * TG_DAY)
        return seal_text_bad(t, err, "install-by is before release or over 90 days after taken");
    TG_TRY(seal_text_need(t, "role: ", &v, err));
    if (!seal_value_is(v, "ceo") && !seal_value_is(v, "deputy"))
        return seal_text_bad(t, err, "role is not ceo or deputy");
    ret->role = seal_value_is(v, "ceo") ? TG_APPROVER_CEO : TG_APPROVER_DEPUTY;
    return 0;
}

static int get_trees(struct seal_text *t, struct tg_statement *ret, struct tg_err *err)
{
    struct seal_value v;
    uint64_t hold;
    TG_TRY(get_tree(t, "snapshot: ", &ret->snapshot, err));
    TG_TRY(get_tree(t, "approve: ", &ret->approve, err));
    TG_TRY(get_tree(t, "return: ", &ret->return_, err));
    TG_TRY(seal_text_number(t, "hold: ", TG_MAX_BATCH, &hold, err));
    ret->hold = (uint32_t)hold;
    if (ret->snapshot.count != ret->approve.count + ret->return_.count + ret->hold)
        return seal_text_bad(t, err, "approve, return and hold do not add up to the snapshot");
    TG_TRY(get_tree(t, "evidence: ", &ret->evidence, err));
    if (ret->evidence.count != ret->approve.count)
        return seal_text_bad(t, err, "one evidence line belongs to each approved one");
    TG_TRY(seal_text_need(t, "first-expiry: ", &v, err));
    ret->first_expiry = TG_NO_DATE;
    if (!seal_value_is(v, "-") && !tg_date_parse(v.p, v.len, &ret->first_expiry))
        return seal_text_bad(t, err, "first-expiry is not a date or -");
    if (ret->approve.count == 0 && ret->first_expiry != TG_NO_DATE)
        return seal_text_bad(t, err, "nothing approved has no first expiry");
    return 0;
}

/* "CODE: N" or "NAME HEX: N": splits the count off. */
static bool split_count(struct seal_value *v, uint32_t max, uint32_t *ret)
{
    const char *colon = memrchr(v->p, ':', v->len);
    if (!colon || colon + 2 > v->p + v->len || colon[1] != ' ') return false;
    uint64_t n;
    size_t digits = (size_t)(v->p + v->len - (colon + 2));
    if (!tg_parse_u64(colon + 2, digits, max, &n) || n == 0) return false;
    v->len = (size_t)(colon - v->p);
    *ret = (uint32_t)n;
    return true;
}

static int get_flags(struct seal_text *t, struct tg_statement *ret, struct tg_err *err)
{
    struct seal_value v;
    memset(ret->flags, 0, sizeof ret->flags);
    for (int last = -1; seal_text_has(t, "flag ", &v);) {
        uint32_t n;
        enum tg_flag flag;
        if (!split_count(&v, ret->approve.count, &n) || !tg_flag_from_code(v.p, v.len, &flag))
            return seal_text_bad(t, err, "not a known flag and a count of approved ones");
        if ((int)flag <= last) return seal_text_bad(t, err, "flags are not sorted or not unique");
        ret->flags[flag] = n;
        last = (int)flag;
    }
    return 0;
}

static bool is_policy_name(const char *name)
{
    size_t n = strlen(name);
    return n > 0 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int get_policies(struct seal_text *t, struct tg_statement *ret, struct tg_err *err)
{
    struct seal_value v, name;
    uint64_t sum = 0;
    ret->policies_count = 0;
    while (seal_text_has(t, "policy ", &v)) {
        if (ret->policies_count == TG_STATEMENT_POLICIES)
            return seal_text_bad(t, err, "more policies than a batch may have");
        struct tg_policy_line *p = &ret->policies[ret->policies_count];
        if (!split_count(&v, ret->approve.count, &p->count) || !seal_value_word(&v, &name) ||
            !seal_value_copy(name, p->name, sizeof p->name) || !is_policy_name(p->name) ||
            !seal_value_hex(v, 64, p->hash))
            return seal_text_bad(t, err, "not a policy, its hash and a count");
        if (ret->policies_count && strcmp(p[-1].name, p->name) >= 0)
            return seal_text_bad(t, err, "policies are not sorted or not unique");
        sum += p->count;
        ret->policies_count++;
    }
    if (sum != ret->approve.count)
        return seal_text_bad(t, err, "policies do not add up to the approved ones");
    return 0;
}

int tg_statement_parse(const void *text, size_t len, struct tg_statement *ret, struct tg_err *err)
{
    struct seal_text t;
    TG_TRY(seal_text_open(&t, "statement", (struct seal_value){text, len}, TG_MAX_STATEMENT,
                          TG_TEXT_STATEMENT, err));
    TG_TRY(get_head(&t, ret, err));
    TG_TRY(get_times(&t, ret, err));
    TG_TRY(get_trees(&t, ret, err));
    TG_TRY(get_flags(&t, ret, err));
    TG_TRY(get_policies(&t, ret, err));
    TG_TRY(seal_text_hex(&t, "nonce: ", 32, ret->nonce, err));
    TG_TRY(seal_text_close(&t, err));
    TG_AUTO(buf) struct tg_buf again = TG_BUF(TG_MAX_STATEMENT);
    put_statement(&again, ret);
    return seal_same("statement", &again, text, len, err);
}
