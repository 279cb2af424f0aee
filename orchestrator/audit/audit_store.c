/* The queries of the audit room. */
#include "audit_private.h"
#include "audit_queries.h"
#include "base/mem.h"

void audit_append(struct db_unit *u, int64_t now, const struct audit_entry *e)
{
    db_unit_add(u, Q_AUDIT_APPEND,
                DB_ARGS(db_time(now), db_text(e->actor), db_text(e->verb), db_text(e->subject), db_text(e->body ? e->body : "{}")));
}

void audit_chunk_done(struct audit_chunk *c)
{
    free(c->ids);
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

static int read_frontier(const struct db_results *r, struct tg_merkle_frontier *ret, struct tg_err *err)
{
    tg_merkle_frontier_init(ret);
    if (db_rows(r, 0) == 0) return 0;
    struct db_slice f = db_get_bytes(r, 0, 0, 2);
    return tg_merkle_frontier_parse(f.data, f.len, ret, err);
}

int audit_read_work(const struct db_results *r, struct audit_chunk *ret, struct tg_err *err)
{
    size_t count = db_rows(r, 1);
    struct tg_buf line = TG_BUF(TG_AUDIT_ENTRY_MAX);
    int rc = read_frontier(r, &ret->frontier, err);
    ret->first = ret->frontier.size;
    ret->ids = tg_calloc(count + 1, sizeof *ret->ids);
    ret->hashes = tg_calloc(count + 1, sizeof *ret->hashes);
    for (size_t row = 0; rc == 0 && row < count; row++) {
        struct tg_audit_entry e = entry_at(r, 1, row);
        e.seq = ret->first + row;
        tg_buf_reset(&line);
        rc = tg_audit_entry_print(&e, &line, &ret->hashes[row], err);
        if (rc < 0) break;
        ret->ids[row] = db_get_i64(r, 1, row, 0);
        tg_merkle_frontier_append(&ret->frontier, &ret->hashes[row]);
        ret->count++;
    }
    tg_buf_done(&line);
    return rc;
}

static void add_sequence(struct db_unit *u, struct audit *a, int64_t epoch, const struct audit_chunk *c, const char *note,
                         const struct tg_merkle_hash *root)
{
    uint8_t frontier[TG_MERKLE_FRONTIER_MAX];
    size_t frontier_len = tg_merkle_frontier_print(&c->frontier, frontier);
    struct db_slice *hashes = tg_calloc(c->count, sizeof *hashes);
    for (size_t i = 0; i < c->count; i++) hashes[i] = (struct db_slice){c->hashes[i].b, sizeof c->hashes[i].b};
    db_unit_add(u, Q_AUDIT_SEQUENCE,
                DB_ARGS(db_i64(epoch), db_i64_array(c->ids, c->count), db_bytes_array(hashes, c->count), db_i64((int64_t)c->first),
                        db_time(tg_loop_wall(a->loop)), db_bytes(root->b, sizeof root->b), db_bytes(frontier, frontier_len), db_text(note)));
    free(hashes);
}

struct db_unit *audit_write_work(struct audit *a, int64_t epoch, const struct audit_chunk *c, struct tg_err *err)
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

struct db_unit *audit_ask_piece(struct audit *a, uint64_t first)
{
    struct db_unit *u = db_unit_new(a->db, "audit export");
    db_unit_add(u, Q_AUDIT_HEADS, DB_ARGS(db_i64((int64_t)first), db_i64(AUDIT_PIECE)));
    db_unit_add(u, Q_AUDIT_ENTRIES, DB_ARGS(db_i64((int64_t)first), db_i64(AUDIT_PIECE)));
    return u;
}

/* What is in the table is exported as it is: an entry out of order or a hole is for the verifier to find. */
int audit_read_piece(const struct db_results *r, uint64_t first, struct tg_buf *out, uint64_t *ret_next, struct tg_err *err)
{
    size_t heads = db_rows(r, 0), head = 0, count = db_rows(r, 1);
    *ret_next = first;
    for (size_t row = 0; row < count; row++) {
        struct tg_audit_entry e = entry_at(r, 1, row);
        struct tg_merkle_hash claimed = {{0}};
        struct db_slice hash = db_get_bytes(r, 1, row, 6);
        e.seq = (uint64_t)db_get_i64(r, 1, row, 0);
        if (hash.len == sizeof claimed.b) memcpy(claimed.b, hash.data, sizeof claimed.b);
        for (; head < heads && (uint64_t)db_get_i64(r, 0, head, 0) <= e.seq; head++)
            tg_audit_export_checkpoint(db_get_text(r, 0, head, 1), out);
        TG_TRY(tg_audit_export_entry(&e, &claimed, out, err));
        *ret_next = e.seq + 1;
    }
    for (; head < heads && (count < AUDIT_PIECE || (uint64_t)db_get_i64(r, 0, head, 0) == *ret_next); head++)
        tg_audit_export_checkpoint(db_get_text(r, 0, head, 1), out);
    return tg_buf_ok(out, err);
}
