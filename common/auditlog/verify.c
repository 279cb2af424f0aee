/* The verifier of an export. A line's own bytes are compared with the hash that it claims, and both
 * trees with each checkpoint: so a changed entry is named, and where its claim was changed too, the
 * checkpoint names the range. */
#include <string.h>

#include "auditlog/auditlog.h"
#include "base/bytes.h"
#include "base/str.h"
#include "json/json.h"

static const char entry_head[] = "{\"hash\":\"", entry_mid[] = "\",\"entry\":",
                  note_head[] = "{\"checkpoint\":", seq_head[] = "{\"seq\":";
enum {
    HEAD = sizeof entry_head - 1,
    HEX = 2 * TG_SHA256,
    MID = sizeof entry_mid - 1,
    ENTRY = HEAD + HEX + MID,
    SEQ = sizeof seq_head - 1,
};

static void find(struct tg_audit_verify *v, const char *fmt, ...) TG_PRINTF(2, 3);
static void find(struct tg_audit_verify *v, const char *fmt, ...)
{
    char sentence[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    v->findings++;
    if (v->finding) v->finding(sentence, v->data);
}

static unsigned long long ull(uint64_t n)
{
    return (unsigned long long)n;
}

void tg_audit_verify_init(struct tg_audit_verify *v, const char *vkey, tg_audit_finding_fn finding,
                          void *data)
{
    *v = (struct tg_audit_verify){.finding = finding, .data = data};
    if (vkey) v->vkeys[v->vkeys_count++] = vkey;
    tg_merkle_frontier_init(&v->is);
    tg_merkle_frontier_init(&v->claimed);
    tg_merkle_empty(&v->root);
}

int tg_audit_verify_key(struct tg_audit_verify *v, const char *vkey, struct tg_err *err)
{
    if (v->vkeys_count == TG_AUDIT_KEYS)
        return TG_FAIL(err, TG_E_LIMIT, "audit log: more than %d keys", TG_AUDIT_KEYS);
    TG_TRY(tg_audit_vkey_check(vkey, err));
    v->vkeys[v->vkeys_count++] = vkey;
    return 0;
}

int tg_audit_verify_expect(struct tg_audit_verify *v, uint64_t size,
                           const struct tg_merkle_hash *root, const char *what, struct tg_err *err)
{
    if (v->expected_count == TG_AUDIT_EXPECTED)
        return TG_FAIL(err, TG_E_LIMIT, "audit log: more than %d checkpoints to compare with",
                       TG_AUDIT_EXPECTED);
    size_t i = v->expected_count++;
    for (; i > 0 && v->expected[i - 1].size > size; i--)
        v->expected[i] = v->expected[i - 1];
    v->expected[i] = (struct tg_audit_expected){size, *root, what};
    return 0;
}

/* ---- what was seen, until something covers it ---- */

static void seen(struct tg_audit_verify *v, enum tg_audit_pending_kind kind, uint64_t first,
                 uint64_t last)
{
    if (v->pending_count == TG_AUDIT_PENDING)
        v->pending_more++;
    else
        v->pending[v->pending_count++] = (struct tg_audit_pending){kind, first, last, v->line};
}

/* An entry that was missing stands here: it was moved. */
static bool out_of_gap(struct tg_audit_verify *v, uint64_t seq)
{
    for (size_t i = 0; i < v->pending_count; i++) {
        struct tg_audit_pending *p = &v->pending[i];
        if (p->kind != TG_AUDIT_MISSING || seq < p->first || seq > p->last) continue;
        if (p->first == p->last) {
            *p = (struct tg_audit_pending){TG_AUDIT_MOVED, seq, seq, v->line};
            return true;
        }
        if (seq == p->first) p->first++;
        if (seq == p->last) p->last--;
        return false;
    }
    return false;
}

static bool grew_to(const struct tg_merkle_frontier *f, uint64_t size,
                    const struct tg_merkle_hash *root)
{
    struct tg_merkle_hash now;
    if (f->size != size) return false;
    tg_merkle_frontier_root(f, &now);
    return memcmp(now.b, root->b, sizeof now.b) == 0;
}

static void tell(struct tg_audit_verify *v, const struct tg_audit_pending *p, bool entries_hold,
                 const struct tg_audit_expected *by)
{
    unsigned long long first = ull(p->first), last = ull(p->last), size = ull(by->size);
    switch (p->kind) {
    case TG_AUDIT_CHANGED:
        if (entries_hold)
            find(v,
                 "entry %llu: the hash stored beside it was changed; the entry is what %s over "
                 "%llu signed",
                 first, by->what, size);
        else
            find(v, "entry %llu was changed: it is not what %s over %llu signed", first, by->what,
                 size);
        break;
    case TG_AUDIT_MISSING:
        if (first == last)
            find(v, "entry %llu is missing: %s over %llu signed it", first, by->what, size);
        else
            find(v, "entries %llu to %llu are missing: %s over %llu signed them", first, last,
                 by->what, size);
        break;
    case TG_AUDIT_MOVED:
        find(v, "entry %llu stands in the wrong place, or twice (line %llu): %s over %llu", first,
             ull(p->line), by->what, size);
        break;
    case TG_AUDIT_NOISE:
        find(v, "line %llu is neither an entry nor a checkpoint (entry %llu was expected)",
             ull(p->line), first);
        break;
    }
}

static bool is_hole(const struct tg_audit_pending *p)
{
    return p->kind == TG_AUDIT_MISSING || p->kind == TG_AUDIT_MOVED;
}

/* Both trees against one signed root. true: it holds, or what contradicts it has been named entry
 * by entry. */
static bool judge(struct tg_audit_verify *v, const struct tg_audit_expected *by, bool outside)
{
    bool is = !v->broken && grew_to(&v->is, by->size, &by->root);
    bool claimed = !v->broken && grew_to(&v->claimed, by->size, &by->root);
    bool hole = v->broken;
    for (size_t i = 0; i < v->pending_count; i++) {
        hole = hole || is_hole(&v->pending[i]);
        tell(v, &v->pending[i], is, by);
    }
    if (v->pending_more)
        find(v, "%llu more up to %s over %llu", ull(v->pending_more), by->what, ull(by->size));
    v->pending_count = 0;
    v->pending_more = 0;
    if (!is && !claimed && !hole) {
        if (outside)
            find(v, "the first %llu entries are not those that %s signed: the log was rewritten",
                 ull(by->size), by->what);
        else if (v->covered + 1 == by->size)
            find(v, "entry %llu is not what %s over %llu signed", ull(v->covered), by->what,
                 ull(by->size));
        else
            find(v, "an entry of %llu to %llu is not what %s over %llu signed", ull(v->covered),
                 ull(by->size - 1), by->what, ull(by->size));
    }
    v->broken = !is && !claimed;
    if (v->broken) return false;
    if (is)
        v->claimed = v->is;
    else
        v->is = v->claimed;
    v->covered = by->size;
    v->root = by->root;
    return true;
}

/* Witnesses from outside, as soon as the log is as long as it was then. */
static void check_expected(struct tg_audit_verify *v)
{
    while (v->expected_at < v->expected_count && v->expected[v->expected_at].size <= v->next) {
        const struct tg_audit_expected *e = &v->expected[v->expected_at++];
        if (!v->broken) (void)judge(v, e, true);
    }
}

/* ---- entries ---- */

static bool read_seq(const char *entry, size_t len, uint64_t *ret, size_t *ret_len)
{
    if (len < SEQ || memcmp(entry, seq_head, SEQ) != 0) return false;
    const char *comma = memchr(entry + SEQ, ',', len - SEQ);
    if (!comma) return false;
    *ret_len = (size_t)(comma - entry) - SEQ;
    return tg_parse_u64(entry + SEQ, *ret_len, INT64_MAX - 1, ret);
}

/* Does this entry fit its claim if only its number is put right? */
static bool fits_as(const char *entry, size_t len, uint64_t seq,
                    const struct tg_merkle_hash *claimed)
{
    const char *comma = len > SEQ ? memchr(entry + SEQ, ',', len - SEQ) : NULL;
    struct tg_buf b = TG_BUF(TG_AUDIT_LINE_MAX);
    struct tg_merkle_hash hash;
    if (!comma) return false;
    tg_buf_printf(&b, "%s%llu", seq_head, ull(seq));
    tg_buf_add(&b, comma, len - (size_t)(comma - entry));
    tg_merkle_leaf(b.data, b.len, &hash);
    bool fits = !b.failed && memcmp(hash.b, claimed->b, sizeof hash.b) == 0;
    tg_buf_done(&b);
    return fits;
}

static void append(struct tg_audit_verify *v, const struct tg_merkle_hash *is,
                   const struct tg_merkle_hash *claimed)
{
    tg_merkle_frontier_append(&v->is, is);
    tg_merkle_frontier_append(&v->claimed, claimed);
}

static void take_entry(struct tg_audit_verify *v, const char *line, size_t len)
{
    struct tg_merkle_hash is = {{0}}, claimed = {{0}};
    uint64_t seq = v->next;
    size_t digits = 0;
    bool whole =
        len > ENTRY + 1 && memcmp(line + HEAD + HEX, entry_mid, MID) == 0 && line[len - 1] == '}';
    const char *entry = line + ENTRY;
    size_t entry_len = whole ? len - ENTRY - 1 : 0;
    if (whole) tg_merkle_leaf(entry, entry_len, &is);
    bool fits =
        whole && tg_unhex(line + HEAD, HEX, claimed.b) && memcmp(is.b, claimed.b, sizeof is.b) == 0;
    if (whole && (!read_seq(entry, entry_len, &seq, &digits) ||
                  (!fits && fits_as(entry, entry_len, v->next, &claimed))))
        seq = v->next;
    if (seq < v->next) {
        if (!out_of_gap(v, seq)) seen(v, TG_AUDIT_MOVED, seq, seq);
        return; /* it has no leaf of its own */
    }
    if (seq > v->next) seen(v, TG_AUDIT_MISSING, v->next, seq - 1);
    if (!fits) seen(v, TG_AUDIT_CHANGED, seq, seq);
    v->next = seq + 1;
    append(v, &is, &claimed);
    check_expected(v);
}

/* ---- checkpoints ---- */

static int open_note(const struct tg_audit_verify *v, const char *note,
                     struct tg_audit_checkpoint *ret, struct tg_err *err)
{
    size_t len = strlen(note);
    if (v->vkeys_count == 0) return tg_audit_note_parse(note, len, NULL, ret, err);
    int rc = TG_E_UNTRUSTED;
    for (size_t i = 0; i < v->vkeys_count && rc == TG_E_UNTRUSTED; i++)
        rc = tg_audit_note_parse(note, len, v->vkeys[i], ret, err);
    return rc;
}

static void check_checkpoint(struct tg_audit_verify *v, const struct tg_audit_checkpoint *c)
{
    struct tg_audit_expected by = {c->size, c->root, "the checkpoint"};
    if (c->size < v->next || c->size == 0) {
        find(v, "line %llu: the checkpoint over %llu entries does not stand after its last entry",
             ull(v->line), ull(c->size));
        return;
    }
    if (c->size > v->next) {
        seen(v, TG_AUDIT_MISSING, v->next, c->size - 1);
        v->next = c->size;
    }
    if (judge(v, &by, false)) v->checkpoints++;
    check_expected(v);
}

static void take_checkpoint(struct tg_audit_verify *v, const char *line, size_t len)
{
    struct tg_audit_checkpoint c;
    struct tg_err err = {0};
    const char *note = NULL;
    TG_AUTO(json) json_t *object = NULL;
    int rc = tg_json_parse_object(line, len, TG_AUDIT_LINE_MAX, &object, &err);
    if (rc == 0) rc = tg_json_only(object, &err, "checkpoint");
    if (rc == 0) rc = tg_json_str(object, "checkpoint", TG_AUDIT_NOTE_MAX, &note, &err);
    if (rc == 0) rc = open_note(v, note, &c, &err);
    if (rc < 0)
        find(v, "line %llu: %s", ull(v->line), err.text);
    else
        check_checkpoint(v, &c);
}

void tg_audit_verify_line(struct tg_audit_verify *v, const char *line, size_t len)
{
    v->line++;
    if (len >= sizeof note_head && memcmp(line, note_head, sizeof note_head - 1) == 0)
        take_checkpoint(v, line, len);
    else if (len > HEAD && len <= TG_AUDIT_LINE_MAX && memcmp(line, entry_head, HEAD) == 0)
        take_entry(v, line, len);
    else
        seen(v, TG_AUDIT_NOISE, v->next, v->next);
}

int tg_audit_verify_end(struct tg_audit_verify *v, struct tg_err *err)
{
    static const struct tg_audit_expected nothing = {0, {{0}}, ""};
    check_expected(v);
    for (size_t i = 0; i < v->pending_count; i++) /* entries after the last checkpoint: no claim */
        if (v->pending[i].kind == TG_AUDIT_NOISE) tell(v, &v->pending[i], false, &nothing);
    for (; v->expected_at < v->expected_count; v->expected_at++)
        find(v, "the log ends at %llu entries, %s signed %llu: its end was cut off", ull(v->next),
             v->expected[v->expected_at].what, ull(v->expected[v->expected_at].size));
    if (v->findings)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "audit log: %llu finding(s); the log is not what was signed",
                       ull(v->findings));
    if (v->next && !v->covered)
        return TG_FAIL(err, TG_E_STATE,
                       "audit log: %llu entries and no checkpoint: nothing proves "
                       "them",
                       ull(v->next));
    return 0;
}
