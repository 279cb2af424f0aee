/* The verifier of an export. Roots are computed over the hashes that the lines claim, and each line's own bytes are
 * compared with its claim: so a changed entry is named, and the others are still proven by the checkpoint. Where the
 * claim was changed too, the checkpoint names the range. */
#include "auditlog/auditlog.h"
#include "base/bytes.h"
#include "base/str.h"
#include "json/json.h"

static const char entry_head[] = "{\"hash\":\"", entry_mid[] = "\",\"entry\":", note_head[] = "{\"checkpoint\":";

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

void tg_audit_verify_init(struct tg_audit_verify *v, const char *vkey, tg_audit_finding_fn finding, void *data)
{
    *v = (struct tg_audit_verify){.vkey = vkey, .finding = finding, .data = data};
    tg_merkle_frontier_init(&v->frontier);
}

void tg_audit_verify_expect(struct tg_audit_verify *v, uint64_t size, const struct tg_merkle_hash *root)
{
    v->expect = true;
    v->expect_size = size;
    v->expect_root = *root;
    v->expect_seen = size == 0;
}

static unsigned long long ull(uint64_t n)
{
    return (unsigned long long)n;
}

static bool root_is(const struct tg_audit_verify *v, const struct tg_merkle_hash *want)
{
    struct tg_merkle_hash now;
    tg_merkle_frontier_root(&v->frontier, &now);
    return memcmp(now.b, want->b, sizeof now.b) == 0;
}

/* The witness from outside, as soon as the log is as long as it was then. */
static void check_expected(struct tg_audit_verify *v)
{
    if (!v->expect || v->expect_seen || v->broken || v->frontier.size != v->expect_size) return;
    v->expect_seen = true;
    if (!root_is(v, &v->expect_root))
        find(v, "the first %llu entries are not those that the statement witnessed: the log was rewritten", ull(v->expect_size));
}

/* seq of {"seq":N,... */
static bool entry_seq(const char *entry, size_t len, uint64_t *ret)
{
    static const char head[] = "{\"seq\":";
    size_t h = sizeof head - 1;
    if (len < h || memcmp(entry, head, h) != 0) return false;
    const char *comma = memchr(entry + h, ',', len - h);
    return comma && tg_parse_u64(entry + h, (size_t)(comma - entry) - h, INT64_MAX, ret);
}

/* false: it is out of place and has no leaf of its own. */
static bool in_order(struct tg_audit_verify *v, uint64_t seq)
{
    if (seq == v->next) return true;
    if (seq < v->next) {
        find(v, "entry %llu stands in the wrong place, or twice (line %llu)", ull(seq), ull(v->line));
        return false;
    }
    if (seq == v->next + 1) find(v, "entry %llu is missing", ull(v->next));
    else find(v, "entries %llu to %llu are missing", ull(v->next), ull(seq - 1));
    v->broken = true;
    return true;
}

static void take_entry(struct tg_audit_verify *v, const char *line, size_t len)
{
    size_t head = sizeof entry_head - 1, mid = sizeof entry_mid - 1, over = head + 64 + mid + 1;
    struct tg_merkle_hash claimed, now;
    uint64_t seq;
    const char *entry = line + head + 64 + mid;
    if (len <= over || !tg_unhex(line + head, 64, claimed.b) || memcmp(line + head + 64, entry_mid, mid) != 0 || line[len - 1] != '}' ||
        !entry_seq(entry, len - over, &seq)) {
        find(v, "line %llu is no entry (entry %llu was expected)", ull(v->line), ull(v->next));
        v->broken = true;
        return;
    }
    if (!in_order(v, seq)) return;
    tg_merkle_leaf(entry, len - over, &now);
    if (memcmp(now.b, claimed.b, sizeof now.b) != 0) find(v, "entry %llu was changed", ull(seq));
    v->next = seq + 1;
    if (v->broken) return;
    tg_merkle_frontier_append(&v->frontier, &claimed);
    check_expected(v);
}

static void check_checkpoint(struct tg_audit_verify *v, const struct tg_audit_checkpoint *c)
{
    if (c->size != v->next) {
        find(v, "line %llu: a checkpoint over %llu entries stands after %llu: entries were taken out or put in", ull(v->line), ull(c->size), ull(v->next));
        v->broken = true;
    }
    if (v->broken) return; /* what is missing has been named */
    if (!root_is(v, &c->root)) {
        if (v->covered + 1 == c->size) find(v, "entry %llu is not what the checkpoint over %llu signed", ull(v->covered), ull(c->size));
        else find(v, "an entry of %llu to %llu is not what the checkpoint over %llu signed", ull(v->covered), ull(c->size - 1), ull(c->size));
        v->broken = true;
        return;
    }
    v->covered = c->size;
    v->checkpoints++;
}

static void take_checkpoint(struct tg_audit_verify *v, const char *line, size_t len)
{
    struct tg_audit_checkpoint c;
    struct tg_err err = {0};
    const char *note = NULL;
    json_t *object = NULL;
    int rc = tg_json_parse_object(line, len, TG_AUDIT_LINE_MAX, &object, &err);
    if (rc == 0) rc = tg_json_str(object, "checkpoint", TG_AUDIT_NOTE_MAX, &note, &err);
    if (rc == 0) rc = tg_audit_note_parse(note, strlen(note), v->vkey, &c, &err);
    if (rc < 0) find(v, "line %llu: %s", ull(v->line), err.text);
    else check_checkpoint(v, &c);
    json_decref(object);
}

void tg_audit_verify_line(struct tg_audit_verify *v, const char *line, size_t len)
{
    v->line++;
    if (len > sizeof note_head && memcmp(line, note_head, sizeof note_head - 1) == 0) take_checkpoint(v, line, len);
    else if (len > sizeof entry_head && len <= TG_AUDIT_LINE_MAX && memcmp(line, entry_head, sizeof entry_head - 1) == 0) take_entry(v, line, len);
    else {
        find(v, "line %llu is neither an entry nor a checkpoint", ull(v->line));
        v->broken = true;
    }
}

int tg_audit_verify_end(struct tg_audit_verify *v, struct tg_err *err)
{
    if (v->expect && !v->expect_seen && !v->broken)
        find(v, "the log ends at %llu entries, a signed statement saw %llu: its end was cut off", ull(v->next), ull(v->expect_size));
    if (v->findings == 0) return 0;
    return TG_FAIL(err, TG_E_MISMATCH, "audit log: %llu finding(s); the log is not what was signed", ull(v->findings));
}
