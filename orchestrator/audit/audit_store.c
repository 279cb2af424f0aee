/* The queries of the audit room. */
#include "audit_private.h"
#include "audit_queries.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

void audit_append(struct db_unit *u, int64_t now, const struct audit_entry *e)
{
    db_unit_add(u, Q_AUDIT_APPEND,
                DB_ARGS(db_time(now), db_text(e->actor), db_text(e->verb), db_text(e->subject),
                        db_text(e->body ? e->body : "{}")));
}

void audit_chunk_done(struct audit_chunk *c)
{
    free(c->ids);
    free(c->entries);
    free(c->texts);
    free(c->hashes);
    *c = (struct audit_chunk){0};
}

struct db_unit *audit_ask_work(struct audit *a)
{
    struct db_unit *u = db_unit_new(a->db, "audit inbox");
    db_unit_add(u, Q_AUDIT_HEAD, DB_NO_ARGS);
    db_unit_add(u, Q_AUDIT_INBOX, DB_ARGS(db_i64(AUDIT_CHUNK)));
    return u;
}

static struct tg_audit_entry entry_at(const struct db_results *r, size_t i, size_t row)
{
    return (struct tg_audit_entry){
        .at = db_get_time(r, i, row, 1),
        .actor = db_get_text(r, i, row, 2),
        .verb = db_get_text(r, i, row, 3),
        .subject = db_get_text(r, i, row, 4),
        .body = db_get_text(r, i, row, 5),
    };
}

/* The tree goes on from what the head says, and its next root will be signed: so the head must be
 * what was signed. A head of another key (a restored state folder without its key) is gone on from,
 * with a word. */
static int read_head(struct audit *a, const struct db_results *r, struct tg_merkle_frontier *ret,
                     struct tg_err *err)
{
    struct tg_audit_checkpoint c;
    struct tg_merkle_hash root;
    tg_merkle_frontier_init(ret);
    if (db_rows(r, 0) == 0) return audit_grew(a, 0, NULL, err);
    struct db_slice f = db_get_bytes(r, 0, 0, 2), note = db_get_bytes(r, 0, 0, 3);
    TG_TRY(tg_merkle_frontier_parse(f.data, f.len, ret, err));
    tg_merkle_frontier_root(ret, &root);
    int rc = tg_audit_note_parse(note.data, note.len, a->vkey, &c, err);
    if (rc == TG_E_UNTRUSTED) {
        if (!a->said_key) tg_log_err(TG_LOG_WARN, "audit", "head-of-another-key", err);
        a->said_key = true;
        tg_err_clear(err);
        rc = tg_audit_note_parse(note.data, note.len, NULL, &c, err);
    }
    TG_TRY(rc);
    if (c.size != ret->size || (int64_t)c.size != db_get_i64(r, 0, 0, 0) ||
        memcmp(c.root.b, root.b, sizeof root.b) != 0)
        return TG_FAIL(err, TG_E_MISMATCH,
                       "audit log: its head at %lld is not what was signed; nothing more is "
                       "signed: tamga audit verify",
                       (long long)db_get_i64(r, 0, 0, 0));
    return audit_grew(a, c.size, &root, err);
}

int audit_grew(struct audit *a, uint64_t size, const struct tg_merkle_hash *root,
               struct tg_err *err)
{
    if (size < a->signed_size ||
        (size && size == a->signed_size && memcmp(root->b, a->signed_root.b, sizeof root->b) != 0))
        return TG_FAIL(err, TG_E_MISMATCH,
                       "audit log: it had %llu entries and has %llu now; nothing more is signed: "
                       "tamga audit verify",
                       (unsigned long long)a->signed_size, (unsigned long long)size);
    a->signed_size = size;
    if (size) a->signed_root = *root;
    return 0;
}

static size_t texts_len(const struct db_results *r, size_t row)
{
    size_t n = 0;
    for (int col = 2; col <= 5; col++)
        n += db_get_bytes(r, 1, row, col).len + 1;
    return n;
}

static const char *keep_text(const char *text, char **at)
{
    size_t n = strlen(text) + 1;
    char *kept = memcpy(*at, text, n);
    *at += n;
    return kept;
}

int audit_read_work(struct audit *a, const struct db_results *r, struct audit_chunk *ret,
                    struct tg_err *err)
{
    size_t count = db_rows(r, 1), total = 0;
    TG_TRY(read_head(a, r, &ret->frontier, err));
    for (size_t row = 0; row < count; row++)
        total += texts_len(r, row);
    ret->first = ret->frontier.size;
    ret->count = count;
    ret->ids = tg_calloc(count + 1, sizeof *ret->ids);
    ret->entries = tg_calloc(count + 1, sizeof *ret->entries);
    ret->hashes = tg_calloc(count + 1, sizeof *ret->hashes);
    char *at = ret->texts = tg_alloc(total + 1);
    for (size_t row = 0; row < count; row++) {
        struct tg_audit_entry e = entry_at(r, 1, row);
        ret->ids[row] = db_get_i64(r, 1, row, 0);
        ret->entries[row] = (struct tg_audit_entry){.seq = ret->first + row,
                                                    .at = e.at,
                                                    .actor = keep_text(e.actor, &at),
                                                    .verb = keep_text(e.verb, &at),
                                                    .subject = keep_text(e.subject, &at),
                                                    .body = keep_text(e.body, &at)};
    }
    return 0;
}

int audit_hash(struct audit_chunk *c, struct tg_err *err)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_AUDIT_ENTRY_MAX);
    for (size_t i = 0; i < c->count; i++) {
        tg_buf_reset(&line);
        TG_TRY(tg_audit_entry_print(&c->entries[i], &line, &c->hashes[i], err));
        tg_merkle_frontier_append(&c->frontier, &c->hashes[i]);
    }
    return 0;
}

static void add_sequence(struct db_unit *u, struct audit *a, int64_t epoch,
                         const struct audit_chunk *c, const char *note,
                         const struct tg_merkle_hash *root)
{
    uint8_t frontier[TG_MERKLE_FRONTIER_MAX];
    size_t frontier_len = tg_merkle_frontier_print(&c->frontier, frontier);
    struct db_slice *hashes = tg_calloc(c->count, sizeof *hashes);
    for (size_t i = 0; i < c->count; i++)
        hashes[i] = (struct db_slice){c->hashes[i].b, sizeof c->hashes[i].b};
    db_unit_add(u, Q_AUDIT_SEQUENCE,
                DB_ARGS(db_i64(epoch), db_i64_array(c->ids, c->count),
                        db_bytes_array(hashes, c->count), db_i64((int64_t)c->first),
                        db_time(tg_loop_wall(a->loop)), db_bytes(root->b, sizeof root->b),
                        db_bytes(frontier, frontier_len), db_text(note)));
    free(hashes);
}

struct db_unit *audit_write_work(struct audit *a, int64_t epoch, const struct audit_chunk *c,
                                 struct tg_err *err)
{
    struct tg_buf note = TG_BUF(TG_AUDIT_NOTE_MAX);
    struct tg_merkle_hash root;
    struct db_unit *u = NULL;
    tg_merkle_frontier_root(&c->frontier, &root);
    if (tg_audit_note_print(a->key, a->origin, c->frontier.size, &root, &note, err) == 0) {
        u = db_unit_new(a->db, "audit sequence");
        uint64_t now_k = c->frontier.size / AUDIT_PARTITION;
        if (!a->partition_made || now_k != c->first / AUDIT_PARTITION)
            db_unit_add(u, Q_AUDIT_PARTITION, DB_ARGS(db_i64((int64_t)now_k + 1)));
        a->partition_made = true;
        add_sequence(u, a, epoch, c, tg_buf_text(&note), &root);
    }
    tg_buf_done(&note);
    return u;
}

struct db_unit *audit_ask_head(struct audit *a)
{
    struct db_unit *u = db_unit_new(a->db, "audit head");
    db_unit_add(u, Q_AUDIT_HEAD, DB_NO_ARGS);
    return u;
}

void audit_read_head(const struct db_results *r, struct audit_head *ret)
{
    struct tg_merkle_hash root;
    *ret = (struct audit_head){.note = ""};
    tg_merkle_empty(&root);
    if (db_rows(r, 0) == 1) {
        ret->size = (uint64_t)db_get_i64(r, 0, 0, 0);
        struct db_slice stored = db_get_bytes(r, 0, 0, 1);
        if (stored.len == sizeof root.b) memcpy(root.b, stored.data, sizeof root.b);
        ret->note = db_get_text(r, 0, 0, 3);
    }
    tg_hex(root.b, sizeof root.b, ret->root);
}

struct db_unit *audit_ask_page(struct audit *a, const struct audit_cursor *from)
{
    struct db_unit *u = db_unit_new(a->db, "audit export");
    db_unit_add(u, Q_AUDIT_PAGE,
                DB_ARGS(db_i64(from->seq), db_i64(from->size), db_i64(from->until),
                        db_i64(AUDIT_PAGE)));
    return u;
}

/* What is in the tables is exported as it is: a hole or a wrong hash is for the verifier to find.
 */
int audit_read_page(const struct db_results *r, struct audit_cursor *cursor, struct tg_buf *out,
                    bool *ret_more, struct tg_err *err)
{
    size_t count = db_rows(r, 0);
    for (size_t row = 0; row < count; row++) {
        int64_t place = db_get_i64(r, 0, row, 0);
        if (db_get_bool(r, 0, row, 7)) {
            tg_audit_export_checkpoint(db_get_text(r, 0, row, 5), out);
            cursor->size = place + 1;
            continue;
        }
        struct tg_audit_entry e = entry_at(r, 0, row);
        struct tg_merkle_hash claimed = {{0}};
        struct db_slice hash = db_get_bytes(r, 0, row, 6);
        e.seq = (uint64_t)place;
        if (hash.len == sizeof claimed.b) memcpy(claimed.b, hash.data, sizeof claimed.b);
        TG_TRY(tg_audit_export_entry(&e, &claimed, out, err));
        cursor->seq = place + 1;
    }
    if (count) cursor->until = db_get_i64(r, 0, 0, 8);
    *ret_more = count && cursor->size < cursor->until;
    return tg_buf_ok(out, err);
}
