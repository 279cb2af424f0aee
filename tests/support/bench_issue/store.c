#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "world.h"

enum { ROW_MAX = 64 * 1024 };

static void must_copy(PGconn *pg, bool ok)
{
    if (ok) return;
    (void)fprintf(stderr, "bench-issue: %s", PQerrorMessage(pg));
    abort();
}

static void copy_begin(PGconn *pg, const char *what)
{
    TG_AUTO(mem) char *sql = tg_printf("COPY %s FROM STDIN", what);
    PGresult *r = PQexec(pg, sql);
    must_copy(pg, PQresultStatus(r) == PGRES_COPY_IN);
    PQclear(r);
}

static void copy_row(PGconn *pg, struct tg_buf *row)
{
    tg_buf_putc(row, '\n');
    must_copy(pg, !row->failed && PQputCopyData(pg, tg_buf_text(row), (int)row->len) == 1);
    tg_buf_reset(row);
}

static void copy_end(PGconn *pg)
{
    must_copy(pg, PQputCopyEnd(pg, NULL) == 1);
    for (PGresult *r = PQgetResult(pg); r; r = PQgetResult(pg)) {
        must_copy(pg, PQresultStatus(r) == PGRES_COMMAND_OK);
        PQclear(r);
    }
}

static void put_bytes(struct tg_buf *row, const void *bytes, size_t len)
{
    tg_buf_puts(row, "\t\\\\x");
    tg_buf_hex(row, bytes, len);
}

static void put_hash(struct tg_buf *row, const void *bytes, size_t len)
{
    uint8_t sum[TG_SHA256];
    tg_sha256(bytes, len, sum);
    put_bytes(row, sum, sizeof sum);
}

/* --- tables --- */

static void put_ground(const struct bench_world *b, struct testdb *t)
{
    TG_AUTO(mem)
    char *sql = tg_printf(
        "INSERT INTO department (name) VALUES ('Finance');"
        "INSERT INTO workstation (name, first_seen) VALUES ('ws-1', to_timestamp(%lld));"
        "INSERT INTO issuer (name, subject_der) VALUES ('CN=Alatau Issuing CA', 'a');"
        "INSERT INTO keystore (workstation_id, kind, storage, status, path, first_seen, last_seen)"
        " VALUES (1, 1, 1, 1, '/home/x.p12', to_timestamp(%lld), to_timestamp(%lld));"
        "INSERT INTO policy_version (hash, name, rule, at, ca) VALUES (sha256('r'), "
        "'" SEAL_WORLD_POLICY "', '{}', to_timestamp(%lld), 'corporate')",
        (long long)b->w.now, (long long)b->w.now, (long long)b->w.now, (long long)b->w.now);
    testdb_exec(t, sql);
}

static void put_certificates(const struct bench_world *b, struct testdb *t, struct tg_buf *row)
{
    copy_begin(t->pg, "certificate (id, not_before, not_after, first_seen, holder_id, issuer_id, "
                      "department_id, jitter, key_bits, decodable, weak, sha256, spki_sha256, ski, "
                      "serial, key_algorithm, signature_algorithm, subject, cn)");
    for (size_t i = 0; i < b->count; i++) {
        const struct tg_cert_facts *f = tg_cert_facts(b->apps[i].old);
        tg_buf_printf(row, "%zu\t2026-01-01\t2026-12-31\t2026-01-01\t%zu\t1\t1\t7\t256\tt\tf",
                      i + 1, i + 1);
        put_bytes(row, f->sha256, TG_SHA256);
        put_bytes(row, f->spki_sha256, TG_SHA256);
        put_bytes(row, f->ski, f->ski_len);
        tg_buf_printf(row, "\t%s\tec-p256\tecdsa-sha256\t%s\t%s", f->serial, f->subject, f->cn);
        copy_row(t->pg, row);
    }
    copy_end(t->pg);
    copy_begin(t->pg, "certificate_der (certificate_id, der)");
    for (size_t i = 0; i < b->count; i++) {
        size_t len;
        const uint8_t *der = tg_cert_der(b->apps[i].old, &len);
        tg_buf_printf(row, "%zu", i + 1);
        put_bytes(row, der, len);
        copy_row(t->pg, row);
    }
    copy_end(t->pg);
    testdb_exec(t, "SELECT setval(pg_get_serial_sequence('certificate', 'id'), (SELECT max(id) "
                   "FROM certificate))");
}

static void put_applications(const struct bench_world *b, struct testdb *t, struct tg_buf *row)
{
    copy_begin(t->pg, "holder (id, number, name, department_id, changed_at)");
    for (size_t i = 0; i < b->count; i++) {
        tg_buf_printf(row, "%zu\tE-%06zu\tHolder %zu\t1\t2026-01-01", i + 1, i, i);
        copy_row(t->pg, row);
    }
    copy_end(t->pg);
    copy_begin(t->pg, "application (id, certificate_id, holder_id, keystore_id, event_id, ends, "
                      "drafted_at, changed_at, policy_id, sequence, rev, year, state, kind)");
    for (size_t i = 0; i < b->count; i++) {
        tg_buf_printf(row,
                      "%zu\t%zu\t%zu\t1\t0\t2026-12-31\t2026-01-01\t2026-01-01\t1\t%"
                      "zu\t4\t26\t4\t1",
                      i + 1, i + 1, i + 1, i + 1);
        copy_row(t->pg, row);
    }
    copy_end(t->pg);
}

static void put_csrs(const struct bench_world *b, struct testdb *t, struct tg_buf *row)
{
    copy_begin(t->pg, "application_csr (application_id, attempt, prepared_at, consent, csr, "
                      "csr_sha256, spki_sha256, app, cms, cms_sha256)");
    for (size_t i = 0; i < b->count; i++) {
        const struct bench_app *a = &b->apps[i];
        tg_buf_printf(row, "%zu\t1\t2026-01-01\t1", i + 1);
        put_bytes(row, a->csr.data, a->csr.len);
        put_hash(row, a->csr.data, a->csr.len);
        put_bytes(row, a->spki, TG_SHA256);
        put_bytes(row, a->app.data, a->app.len);
        put_bytes(row, a->holder.data, a->holder.len);
        put_hash(row, a->holder.data, a->holder.len);
        copy_row(t->pg, row);
    }
    copy_end(t->pg);
}

static void put_leaves(const struct bench_world *b, struct testdb *t, struct tg_buf *row)
{
    copy_begin(t->pg, "batch_leaf (batch_id, application_id, leaf_index, app_rev, leaf, "
                      "leaf_hash, csr_sha256, cms_sha256)");
    for (size_t i = 0; i < b->count; i++) {
        const struct bench_app *a = &b->apps[i];
        struct tg_merkle_hash hash;
        tg_merkle_leaf(a->line.data, a->line.len, &hash);
        tg_buf_printf(row, "1\t%zu\t%zu\t3", i + 1, i);
        put_bytes(row, a->line.data, a->line.len);
        put_bytes(row, hash.b, TG_SHA256);
        put_hash(row, a->csr.data, a->csr.len);
        put_hash(row, a->holder.data, a->holder.len);
        copy_row(t->pg, row);
    }
    copy_end(t->pg);
}

static void put_batch(const struct bench_world *b, struct testdb *t)
{
    TG_AUTO(mem) char *text = tg_calloc(2 * b->statement.len + 1, 1);
    TG_AUTO(mem) char *cms = tg_calloc(2 * b->cms.len + 1, 1);
    tg_hex(b->statement.data, b->statement.len, text);
    tg_hex(b->cms.data, b->cms.len, cms);
    TG_AUTO(mem)
    char *sql = tg_printf(
        "INSERT INTO batch (year, sequence, state, leaf_count, approve_count, return_count, "
        "hold_count, snapshot_root, taken, release_at, install_by, opened_by)"
        " VALUES (26, 1, 2, %zu, %zu, 0, 0, sha256('x'), to_timestamp(%lld), to_timestamp(%lld), "
        "to_timestamp(%lld), 'bench');"
        "INSERT INTO approval (batch_id, session_id, accepted_at, trust_version, statement, "
        "statement_sha256, previous, decisions_sha256, approve_root, cms, signer_spki, role)"
        " VALUES (1, 1, to_timestamp(%lld), 1, '\\x%s', sha256('\\x%s'), sha256('p'), sha256('d'), "
        "sha256('r'), ARRAY['\\x%s'::bytea], '{%s}', 'ceo');"
        "INSERT INTO job (run_at, made_at, subject, kind) VALUES (to_timestamp(%lld), "
        "to_timestamp(%lld), 1, 21)",
        b->count, b->count, (long long)b->st.taken, (long long)b->st.release,
        (long long)b->st.install_by, (long long)b->w.now, text, text, cms, b->w.ceo.spki,
        (long long)b->w.now, (long long)b->w.now);
    testdb_exec(t, sql);
}

void bench_world_store(const struct bench_world *b, struct testdb *t)
{
    TG_AUTO(buf) struct tg_buf row = TG_BUF(ROW_MAX);
    testdb_exec(t, "SET session_replication_role = replica");
    put_ground(b, t);
    put_certificates(b, t, &row);
    put_applications(b, t, &row);
    put_csrs(b, t, &row);
    put_leaves(b, t, &row);
    put_batch(b, t);
    testdb_exec(t, "SET session_replication_role = origin");
    testdb_exec(t, "ANALYZE");
    testdb_exec(t, "CHECKPOINT");
}
