/* The room's statements about sessions, approvals, recalls and what is handed to agents. */
#include "approval_in.h"
#include "approval_queries.h"

#include <string.h>

static int64_t number_of(const struct db_results *r, size_t i, size_t row, const char *col)
{
    int64_t v = db_get_i64(r, i, row, col);
    return v == DB_NULL_I64 ? 0 : v;
}

static size_t blobs_of(const struct db_results *r, size_t i, size_t row, const char *col,
                       struct tg_blob *ret, size_t max)
{
    struct db_array array;
    struct db_slice item;
    size_t n = 0;
    if (db_is_null(r, i, row, col)) return 0;
    db_get_array(r, i, row, db_col(r, i, col), &array);
    while (n < max && db_array_next(&array, &item))
        ret[n++] = approval_blob(item);
    return n;
}

void approval_add_policies(struct db_unit *u, int64_t batch)
{
    db_unit_add(u, Q_APPROVAL_POLICIES, DB_ARGS(db_i64(batch)));
}

void approval_policy_at(const struct db_results *r, size_t i, size_t row,
                        struct approval_policy *ret)
{
    struct db_slice hash = db_get_bytes(r, i, row, "hash");
    *ret = (struct approval_policy){.recall_s = number_of(r, i, row, "recall_s"),
                                    .count = number_of(r, i, row, "count")};
    (void)!tg_copy(ret->name, sizeof ret->name, db_get_text(r, i, row, "name"));
    tg_hex(hash.data, TG_SHA256, ret->hash);
}

void approval_add_last(struct db_unit *u)
{
    db_unit_add(u, Q_APPROVAL_LAST, DB_NO_ARGS);
}

void approval_last_at(const struct db_results *r, size_t i, struct tg_statement *st)
{
    struct db_slice previous = db_get_bytes(r, i, 0, "previous");
    struct db_slice root = db_get_bytes(r, i, 0, "root");
    memcpy(st->previous, TG_HEX_ZEROS, TG_SEAL_HEX);
    memcpy(st->audit_root, TG_HEX_EMPTY, TG_SEAL_HEX);
    if (previous.data) tg_hex(previous.data, TG_SHA256, st->previous);
    if (root.data) tg_hex(root.data, TG_SHA256, st->audit_root);
    st->audit_size = (uint64_t)number_of(r, i, 0, "size");
}

void approval_add_mint(struct db_unit *u, const struct approval_head *head,
                       const struct tg_statement *st, struct tg_blob text, const char *spki,
                       const char *actor, int64_t now)
{
    db_unit_add(u, Q_APPROVAL_MINT,
                DB_ARGS(db_i64(head->id), db_i64(head->rev), db_time(now), db_time(st->sign_by),
                        db_text(st->nonce), db_text(spki), db_text(actor),
                        db_bytes(text.data, text.len)));
}

void approval_add_session(struct db_unit *u, const char *nonce)
{
    db_unit_add(u, Q_APPROVAL_SESSION, DB_ARGS(db_text(nonce)));
}

void approval_signing_at(const struct db_results *r, size_t i, struct approval_signing *ret)
{
    *ret = (struct approval_signing){.found = db_rows(r, i) > 0};
    if (!ret->found) return;
    ret->id = number_of(r, i, 0, "id");
    ret->batch_id = number_of(r, i, 0, "batch_id");
    ret->rev = number_of(r, i, 0, "batch_rev");
    ret->used = db_get_bool(r, i, 0, "used");
    ret->statement = approval_blob(db_get_bytes(r, i, 0, "statement"));
    (void)!tg_copy(ret->spki, sizeof ret->spki, db_get_text(r, i, 0, "signer_spki"));
}

void approval_add_acceptance(struct db_unit *u, const struct approval_acceptance *c)
{
    const struct tg_statement *st = &c->checked->statement;
    uint8_t previous[TG_SHA256], root[TG_SHA256];
    struct db_slice cms = {c->cms.data, c->cms.len};
    const char *signer = c->checked->signers[0].spki;
    TG_CHECK(tg_unhex(st->previous, 2 * (size_t)TG_SHA256, previous));
    TG_CHECK(tg_unhex(st->approve.root, 2 * (size_t)TG_SHA256, root));
    db_unit_add(u, Q_APPROVAL_ACCEPT,
                DB_ARGS(db_i64(c->head->id), db_i64(c->session), db_time(c->now),
                        db_i64(c->trust_version), db_bytes(c->text.data, c->text.len),
                        db_bytes(previous, TG_SHA256), db_bytes(c->decisions, TG_SHA256),
                        db_bytes(root, TG_SHA256), db_bytes_array(&cms, 1),
                        db_text_array(&signer, 1)));
}

void approval_add_approve(struct db_unit *u, const struct approval_acceptance *c)
{
    const struct tg_statement *st = &c->checked->statement;
    db_unit_add(u, Q_APPROVAL_APPROVE,
                DB_ARGS(db_i64(c->head->id), db_i64(c->head->rev), db_i64(st->approve.count),
                        db_i64(st->hold), db_i64(st->return_.count), db_time(c->now),
                        db_time(st->release), db_time(st->install_by)));
}

void approval_add_signed(struct db_unit *u, unsigned year, uint32_t sequence)
{
    db_unit_add(u, Q_APPROVAL_SIGNED, DB_ARGS(db_i64(year), db_i64(sequence)));
}

bool approval_signature_at(const struct db_results *r, size_t i, struct approval_signature *ret)
{
    if (db_rows(r, i) == 0) return false;
    *ret = (struct approval_signature){
        .batch_id = number_of(r, i, 0, "batch_id"),
        .state = number_of(r, i, 0, "state"),
        .trust_version = number_of(r, i, 0, "trust_version"),
        .approved = number_of(r, i, 0, "approve_count"),
        .held = number_of(r, i, 0, "hold_count"),
        .returned = number_of(r, i, 0, "return_count"),
        .release = db_get_time(r, i, 0, "release_at"),
        .statement = approval_blob(db_get_bytes(r, i, 0, "statement")),
    };
    tg_sha256_hex(ret->statement.data, ret->statement.len, ret->sha256);
    ret->cms_count = blobs_of(r, i, 0, "cms", ret->cms, TG_SEAL_CMS_MAX);
    return true;
}

void approval_add_recall(struct db_unit *u, const struct approval_signature *s, struct tg_blob text,
                         struct tg_blob cms, const char *signer, int64_t now)
{
    uint8_t hash[TG_SHA256];
    TG_CHECK(tg_unhex(s->sha256, 2 * (size_t)TG_SHA256, hash));
    db_unit_add(u, Q_APPROVAL_RECALL,
                DB_ARGS(db_bytes(hash, TG_SHA256), db_bytes(text.data, text.len),
                        db_bytes(cms.data, cms.len), db_text(signer), db_time(now)));
}

void approval_add_recalling(struct db_unit *u, int64_t batch)
{
    db_unit_add(u, Q_APPROVAL_RECALLING, DB_ARGS(db_i64(batch)));
}

void approval_add_recalled(struct db_unit *u, int64_t batch, int64_t now)
{
    db_unit_add(u, Q_APPROVAL_RECALLED, DB_ARGS(db_i64(batch), db_time(now)));
}

/* --- bundle --- */

void approval_add_bundle(struct db_unit *u, struct tg_number number)
{
    db_unit_add(u, Q_APPROVAL_BUNDLE, DB_ARGS(db_i64(number.year), db_i64(number.sequence)));
}

static void hashes_at(const struct db_results *r, size_t i, size_t row, struct approval_line *ret)
{
    struct db_slice csr = db_get_bytes(r, i, row, "csr_sha256");
    struct db_slice cms = db_get_bytes(r, i, row, "cms_sha256");
    struct db_slice status = db_get_bytes(r, i, row, "status_sha256");
    ret->decision = TG_DECISION_APPROVE;
    ret->has_csr = csr.data != NULL;
    ret->has_cms = cms.data != NULL;
    ret->has_status = status.data != NULL;
    if (ret->has_csr) memcpy(ret->csr, csr.data, TG_SHA256);
    if (ret->has_cms) memcpy(ret->cms, cms.data, TG_SHA256);
    if (ret->has_status) memcpy(ret->status, status.data, TG_SHA256);
}

bool approval_stored_at(const struct db_results *r, size_t i, struct approval_stored *ret)
{
    if (db_rows(r, i) == 0) return false;
    *ret = (struct approval_stored){
        .batch_id = number_of(r, i, 0, "batch_id"),
        .index = number_of(r, i, 0, "leaf_index"),
        .recalled = db_get_bool(r, i, 0, "recalled"),
        .leaf = approval_blob(db_get_bytes(r, i, 0, "leaf")),
        .statement = approval_blob(db_get_bytes(r, i, 0, "statement")),
        .certificate = approval_blob(db_get_bytes(r, i, 0, "certificate")),
        .old = approval_blob(db_get_bytes(r, i, 0, "old")),
        .csr = approval_blob(db_get_bytes(r, i, 0, "csr")),
        .holder = approval_blob(db_get_bytes(r, i, 0, "holder")),
    };
    ret->cms_count = blobs_of(r, i, 0, "cms", ret->cms, TG_SEAL_CMS_MAX);
    ret->chain_count = blobs_of(r, i, 0, "chain", ret->chain, TG_SEAL_CHAIN_MAX);
    hashes_at(r, i, 0, &ret->line);
    return true;
}

void approval_add_approved(struct db_unit *u, int64_t batch)
{
    db_unit_add(u, Q_APPROVAL_APPROVED, DB_ARGS(db_i64(batch)));
}

void approval_approved_at(const struct db_results *r, size_t i, struct approval_hashes *ret)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_DECISION_MAX);
    size_t count = db_rows(r, i);
    *ret = (struct approval_hashes){.count = count};
    ret->indexes = tg_calloc(count + 1, sizeof *ret->indexes);
    ret->leaves = tg_calloc(count + 1, sizeof *ret->leaves);
    ret->evidence = tg_calloc(count + 1, sizeof *ret->evidence);
    for (size_t row = 0; row < count; row++) {
        struct approval_line hashes = {0};
        struct tg_err ignored;
        ret->indexes[row] = number_of(r, i, row, "leaf_index");
        memcpy(ret->leaves[row].b, db_get_bytes(r, i, row, "leaf_hash").data, TG_SHA256);
        hashes_at(r, i, row, &hashes);
        tg_buf_reset(&line);
        if (approval_decision_print(&hashes, TG_BLOB("", 0), &line, &ignored) == 0)
            tg_merkle_leaf(line.data, line.len, &ret->evidence[row]);
    }
}
