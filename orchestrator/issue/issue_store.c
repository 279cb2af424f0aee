/* The room's statements: arguments in, rows out. No decisions. */
#include "base/bytes.h"
#include "inventory/inventory.h"
#include "issue_in.h"
#include "issue_queries.h"
#include "merkle/merkle.h"

/* --- the job --- */

void issue_add_claim(struct db_unit *u, int64_t now, int64_t until, int64_t owner)
{
    db_unit_add(u, Q_ISSUE_CLAIM, DB_ARGS(db_time(now), db_time(until), db_i64(owner)));
}

bool issue_claim_at(const struct db_results *r, int64_t *ret_job, int64_t *ret_batch,
                    int64_t *ret_attempt)
{
    if (db_rows(r, 0) == 0) return false;
    *ret_job = db_get_i64(r, 0, 0, "id");
    *ret_batch = db_get_i64(r, 0, 0, "subject");
    *ret_attempt = db_get_i64(r, 0, 0, "attempt");
    return true;
}

void issue_add_lease(struct db_unit *u, const struct issue_pass *pass)
{
    db_unit_add(u, Q_ISSUE_LEASE,
                DB_ARGS(db_i64(pass->job), db_i64(pass->owner), db_time(issue_lease_until(pass))));
}

void issue_add_done(struct db_unit *u, const struct issue_pass *pass)
{
    db_unit_add(u, Q_ISSUE_DONE, DB_ARGS(db_i64(pass->job), db_i64(pass->owner)));
}

void issue_add_later(struct db_unit *u, const struct issue_pass *pass)
{
    db_unit_add(u, Q_ISSUE_LATER,
                DB_ARGS(db_i64(pass->job), db_i64(pass->owner), db_time(pass->run_at),
                        db_bool(pass->issued > 0)));
}

/* --- the batch --- */

void issue_add_batch(struct db_unit *u, int64_t batch)
{
    db_unit_add(u, Q_ISSUE_BATCH, DB_ARGS(db_i64(batch)));
}

static void keep(struct tg_buf *b, struct db_slice bytes, size_t max)
{
    tg_buf_init(b, max);
    tg_buf_add(b, bytes.data, bytes.len);
}

bool issue_batch_at(const struct db_results *r, struct issue_batch *b)
{
    struct db_array array;
    struct db_slice cms;
    if (db_rows(r, 0) == 0) return false;
    b->release = db_get_time(r, 0, 0, "release_at");
    b->install_by = db_get_time(r, 0, 0, "install_by");
    keep(&b->text, db_get_bytes(r, 0, 0, "statement"), TG_MAX_STATEMENT);
    db_get_array(r, 0, 0, db_col(r, 0, "cms"), &array);
    size_t n = 0;
    while (n < TG_SEAL_CMS_MAX && db_array_next(&array, &cms)) {
        keep(&b->cms[n], cms, TG_MAX_CMS);
        b->cms_blobs[n] = TG_BLOB(b->cms[n].data, b->cms[n].len);
        n++;
    }
    tg_hex(db_get_bytes(r, 0, 0, "statement_sha256").data, TG_SHA256, b->statement.sha256);
    b->statement.signed_ = (struct tg_signed){TG_BLOB(b->text.data, b->text.len), b->cms_blobs, n};
    return true;
}

void issue_add_hashes(struct db_unit *u, const struct issue_batch *b)
{
    int64_t after = b->count ? (int64_t)b->leaf_index[b->count - 1] : -1;
    db_unit_add(u, Q_ISSUE_HASHES, DB_ARGS(db_i64(b->id), db_i64(after), db_i64(ISSUE_PAGE)));
}

static void hex_or_none(struct db_slice hash, char ret[TG_SEAL_HEX])
{
    (void)tg_copy(ret, TG_SEAL_HEX, "-");
    if (hash.data && hash.len == TG_SHA256) tg_hex(hash.data, hash.len, ret);
}

/* TRUST F9: the approve line, from the hashes that stand beside the leaf. */
static struct tg_blob decision_line(struct tg_buf *room, struct db_slice csr, struct db_slice cms,
                                    struct db_slice status)
{
    struct tg_decision d = {.kind = TG_DECISION_APPROVE};
    struct tg_err err;
    hex_or_none(csr, d.csr);
    hex_or_none(cms, d.cms);
    hex_or_none(status, d.status);
    tg_buf_reset(room);
    TG_CHECK(tg_decision_print(&d, room, &err) == 0);
    return TG_BLOB(room->data, room->len);
}

size_t issue_hashes_at(const struct db_results *r, struct issue_batch *b)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_DECISION_MAX);
    size_t rows = db_rows(r, 0), room = b->count + rows;
    int columns[] = {db_col(r, 0, "leaf_index"), db_col(r, 0, "leaf_hash"),
                     db_col(r, 0, "csr_sha256"), db_col(r, 0, "cms_sha256"),
                     db_col(r, 0, "status_sha256")};
    b->leaf_index = tg_realloc(b->leaf_index, (room + 1) * sizeof *b->leaf_index);
    b->leaves = tg_realloc(b->leaves, (room + 1) * sizeof *b->leaves);
    b->evidence = tg_realloc(b->evidence, (room + 1) * sizeof *b->evidence);
    for (size_t i = 0; i < rows; i++, b->count++) {
        struct db_slice hash = db_get_bytes(r, 0, i, columns[1]);
        b->leaf_index[b->count] = (uint32_t)db_get_i64(r, 0, i, columns[0]);
        memcpy(b->leaves[b->count].b, hash.data, TG_SHA256);
        struct tg_blob said =
            decision_line(&line, db_get_bytes(r, 0, i, columns[2]),
                          db_get_bytes(r, 0, i, columns[3]), db_get_bytes(r, 0, i, columns[4]));
        tg_merkle_leaf(said.data, said.len, &b->evidence[b->count]);
    }
    return rows;
}

/* --- a chunk --- */

void issue_add_chunk(struct db_unit *u, int64_t batch, int64_t after)
{
    db_unit_add(u, Q_ISSUE_CHUNK, DB_ARGS(db_i64(batch), db_i64(after), db_i64(ISSUE_CHUNK)));
}

size_t issue_chunk_count(const struct db_results *r)
{
    return db_rows(r, 0);
}

/* Copies column by column into one piece of memory. */
static void copy_bytes(struct issue_item *item, const struct db_slice *from, struct tg_blob **to,
                       size_t n)
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++)
        len += from[i].len;
    uint8_t *at = item->memory = tg_alloc(len + 1);
    for (size_t i = 0; i < n; i++) {
        if (from[i].len) memcpy(at, from[i].data, from[i].len);
        *to[i] = TG_BLOB(at, from[i].len);
        at += from[i].len;
    }
}

static struct db_slice bytes_of(const struct db_results *r, size_t row, const char *col)
{
    struct db_slice s = db_get_bytes(r, 0, row, col);
    return s.data ? s : (struct db_slice){"", 0};
}

static void read_application(const struct db_results *r, size_t row, const struct issue *issue,
                             struct issue_item *ret)
{
    struct tg_number no = {(unsigned)db_get_i64(r, 0, row, "year"),
                           (uint32_t)db_get_i64(r, 0, row, "sequence")};
    struct db_slice spki = bytes_of(r, row, "spki_sha256");
    ret->id = db_get_i64(r, 0, row, "id");
    ret->rev = db_get_i64(r, 0, row, "rev");
    ret->state = (enum application_state)db_get_i64(r, 0, row, "state");
    ret->attempt = (int)db_get_i64(r, 0, row, "attempt");
    ret->certificate_id = db_get_i64(r, 0, row, "certificate_id");
    ret->connector = issue_connector(issue, db_get_text(r, 0, row, "connector"));
    tg_number_print(no, ret->number);
    (void)snprintf(ret->reference, sizeof ret->reference, "%s.%d", ret->number, ret->attempt);
    if (spki.len == TG_SHA256) memcpy(ret->spki, spki.data, TG_SHA256);
}

void issue_chunk_at(const struct db_results *r, size_t row, const struct issue *issue,
                    struct issue_item *ret)
{
    TG_AUTO(buf) struct tg_buf line = TG_BUF(TG_DECISION_MAX);
    uint8_t hashes[2][TG_SHA256];
    read_application(r, row, issue, ret);
    ret->leaf_index = (uint32_t)db_get_i64(r, 0, row, "leaf_index");
    ret->was_requested = ret->state == APPLICATION_REQUESTED;
    struct db_slice csr = bytes_of(r, row, "csr"), cms = bytes_of(r, row, "cms");
    tg_sha256(csr.data, csr.len, hashes[0]);
    tg_sha256(cms.data, cms.len, hashes[1]);
    struct tg_blob said =
        decision_line(&line, (struct db_slice){csr.len ? hashes[0] : NULL, csr.len ? TG_SHA256 : 0},
                      (struct db_slice){cms.len ? hashes[1] : NULL, cms.len ? TG_SHA256 : 0},
                      db_get_bytes(r, 0, row, "status_sha256"));
    const struct db_slice from[] = {bytes_of(r, row, "leaf"),
                                    csr,
                                    cms,
                                    bytes_of(r, row, "old"),
                                    {said.data, said.len}};
    struct tg_blob *to[] = {&ret->line, &ret->csr, &ret->cms, &ret->old_der, &ret->decision};
    copy_bytes(ret, from, to, TG_COUNT(to));
}

void issue_item_done(struct issue_item *item)
{
    tg_cert_unref(TG_TAKE(item->cert));
    free(TG_TAKE(item->memory));
    free(TG_TAKE(item->answer));
}

/* --- writing --- */

struct columns {
    int64_t *ids, *revs, *attempts;
    const char **connectors, **references;
    struct db_slice *spkis, *shas, *chains;
};

static void columns_make(struct columns *c, const struct issue_picked *p)
{
    c->ids = tg_calloc(p->count, sizeof *c->ids);
    c->revs = tg_calloc(p->count, sizeof *c->revs);
    c->attempts = tg_calloc(p->count, sizeof *c->attempts);
    c->connectors = tg_calloc(p->count, sizeof *c->connectors);
    c->references = tg_calloc(p->count, sizeof *c->references);
    c->spkis = tg_calloc(p->count, sizeof *c->spkis);
    c->shas = tg_calloc(p->count, sizeof *c->shas);
    c->chains = tg_calloc(p->count, sizeof *c->chains);
    for (size_t i = 0; i < p->count; i++) {
        const struct issue_item *item = p->items[i];
        c->ids[i] = item->id;
        c->revs[i] = item->rev;
        c->attempts[i] = item->attempt;
        c->connectors[i] = item->connector ? item->connector->name : "";
        c->references[i] = item->reference;
        c->spkis[i] = (struct db_slice){item->spki, TG_SHA256};
        if (item->cert)
            c->shas[i] = (struct db_slice){tg_cert_facts(item->cert)->sha256, TG_SHA256};
        const struct tg_cert *issuer = item->connector ? ca_issuer(item->connector) : NULL;
        if (issuer) c->chains[i] = (struct db_slice){tg_cert_facts(issuer)->sha256, TG_SHA256};
    }
}

static void columns_done(struct columns *c)
{
    free(c->ids);
    free(c->revs);
    free(c->attempts);
    free(c->connectors);
    free(c->references);
    free(c->spkis);
    free(c->shas);
    free(c->chains);
}

static void add_move(struct db_unit *u, const struct issue_picked *p, const struct columns *c,
                     enum application_state from, enum application_state to, const uint8_t *root)
{
    bool issued = to == APPLICATION_ISSUED;
    struct application_set set = {.ids = c->ids,
                                  .revs = c->revs,
                                  .count = p->count,
                                  .root = root,
                                  .step = {.from = from,
                                           .to = to,
                                           .waits_for = issued ? APPLICATION_WAITS_MACHINE
                                                               : APPLICATION_WAITS_CA,
                                           .batch_id = p->batch,
                                           .now = p->now,
                                           .actor = p->actor}};
    application_add_set(u, &set);
}

void issue_add_requested(struct db_unit *u, const struct issue_picked *p)
{
    struct columns c;
    columns_make(&c, p);
    db_unit_add(u, Q_ISSUE_REQUEST,
                DB_ARGS(db_i64_array(c.ids, p->count), db_i64_array(c.attempts, p->count),
                        db_text_array(c.connectors, p->count),
                        db_text_array(c.references, p->count), db_bytes_array(c.spkis, p->count),
                        db_time(p->now)));
    add_move(u, p, &c, APPLICATION_APPROVED, APPLICATION_REQUESTED, NULL);
    columns_done(&c);
}

/* A chain is one certificate here: the CA's own. Its hash is that of the concatenation. */
static void add_chains(struct db_unit *u, const struct issue_picked *p)
{
    const struct ca_connector *last = NULL;
    for (size_t i = 0; i < p->count; i++) {
        const struct ca_connector *connector = p->items[i]->connector;
        if (connector == last) continue;
        last = connector;
        const struct tg_cert *issuer = ca_issuer(connector);
        struct db_slice der = {0};
        der.data = tg_cert_der(issuer, &der.len);
        db_unit_add(u, Q_ISSUE_CHAIN,
                    DB_ARGS(db_bytes(tg_cert_facts(issuer)->sha256, TG_SHA256),
                            db_bytes_array(&der, 1)));
    }
}

/* The event names the set of certificates by the root over their DER, in order. */
static void root_of(const struct issue_picked *p, uint8_t ret[TG_SHA256])
{
    TG_AUTO(mem) struct tg_merkle_hash *leaves = tg_calloc(p->count, sizeof *leaves);
    struct tg_merkle_hash root;
    for (size_t i = 0; i < p->count; i++) {
        size_t len;
        const uint8_t *der = tg_cert_der(p->items[i]->cert, &len);
        tg_merkle_leaf(der, len, &leaves[i]);
    }
    tg_merkle_root(leaves, p->count, &root);
    memcpy(ret, root.b, TG_SHA256);
}

static void add_certificates(struct db_unit *u, const struct issue_picked *p)
{
    TG_AUTO(mem) struct inventory_issued *issued = tg_calloc(p->count, sizeof *issued);
    for (size_t i = 0; i < p->count; i++)
        issued[i] = (struct inventory_issued){.cert = p->items[i]->cert,
                                              .old_id = p->items[i]->certificate_id};
    inventory_add_issued(u, issued, p->count, p->now);
}

void issue_add_issued(struct db_unit *u, const struct issue_picked *p)
{
    struct columns c;
    uint8_t root[TG_SHA256];
    columns_make(&c, p);
    root_of(p, root);
    add_certificates(u, p);
    add_chains(u, p);
    db_unit_add(u, Q_ISSUE_ISSUED,
                DB_ARGS(db_i64_array(c.ids, p->count), db_i64_array(c.attempts, p->count),
                        db_bytes_array(c.shas, p->count), db_bytes_array(c.chains, p->count),
                        db_time(p->now)));
    add_move(u, p, &c, APPLICATION_REQUESTED, APPLICATION_ISSUED, root);
    db_unit_add(u, Q_ISSUE_INSTALL, DB_ARGS(db_i64_array(c.ids, p->count), db_time(p->now)));
    columns_done(&c);
}

/* --- exchange --- */

static size_t exchange_names(const struct issue *issue, const char *ret[ISSUE_CONNECTORS])
{
    size_t n = 0;
    for (size_t i = 0; i < issue->connectors_count; i++)
        if (issue->connectors[i]->ops->pending) ret[n++] = issue->connectors[i]->name;
    return n;
}

void issue_add_waiting(struct db_unit *u, const struct issue *issue, int64_t after, int64_t limit)
{
    const char *names[ISSUE_CONNECTORS];
    size_t n = exchange_names(issue, names);
    db_unit_add(u, Q_ISSUE_WAITING, DB_ARGS(db_i64(after), db_i64(limit), db_text_array(names, n)));
}

void issue_waiting_at(const struct db_results *r, size_t row, struct issue_waiting *ret)
{
    struct tg_number no = {(unsigned)db_get_i64(r, 0, row, "year"),
                           (uint32_t)db_get_i64(r, 0, row, "sequence")};
    ret->request = db_get_i64(r, 0, row, "id");
    tg_number_print(no, ret->number);
    (void)snprintf(ret->batch, sizeof ret->batch, "%02d-%d",
                   (int)(db_get_i64(r, 0, row, "batch_year") % 100),
                   (int)db_get_i64(r, 0, row, "batch_sequence"));
    ret->leaf = bytes_of(r, row, "leaf");
    ret->csr = bytes_of(r, row, "csr");
    ret->old = bytes_of(r, row, "old");
}

void issue_add_by_key(struct db_unit *u, const struct issue *issue, const struct db_slice *spkis,
                      size_t count)
{
    const char *names[ISSUE_CONNECTORS];
    size_t n = exchange_names(issue, names);
    db_unit_add(u, Q_ISSUE_BY_KEY, DB_ARGS(db_bytes_array(spkis, count), db_text_array(names, n)));
}

void issue_owner_at(const struct db_results *r, size_t row, const struct issue *issue,
                    struct issue_item *item, struct issue_owner *ret)
{
    const struct db_slice from[] = {bytes_of(r, row, "leaf"), bytes_of(r, row, "old")};
    struct tg_blob *to[] = {&item->line, &item->old_der};
    struct db_slice issued = bytes_of(r, row, "issued");
    read_application(r, row, issue, item);
    copy_bytes(item, from, to, TG_COUNT(to));
    memcpy(ret->spki, item->spki, TG_SHA256);
    ret->batch = db_get_i64(r, 0, row, "batch_id");
    ret->has = issued.len == TG_SHA256;
    if (ret->has) memcpy(ret->issued, issued.data, TG_SHA256);
}
