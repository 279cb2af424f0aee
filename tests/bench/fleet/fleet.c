#include "fleet/fleet.h"

#include <string.h>

static const char rules[] =
    "version: 1\npolicies:\n"
    "  - {name: ceo, action: renew, ca: x, match: {role: [ceo]}, renew: {before: 60d}}\n"
    "  - {name: signers, action: renew, ca: x, match: {role: [right-to-sign], issuer: "
    "\"CN=Alatau*\"}, renew: {before: 45d}}\n"
    "  - {name: carriers, action: renew, ca: x, match: {storage: token}, renew: {before: 40d}}\n"
    "  - {name: board, action: renew, ca: x, match: {department: [\"Department 1\", \"Department "
    "2\"], role: [hr]}}\n"
    "  - {name: national, action: observe, match: {issuer: [\"*CN=ҰЛТТЫҚ*\"]}}\n"
    "  - {name: partners, action: watch, match: {issuer: [\"CN=Partner*\"]}}\n"
    "  - {name: employees, action: renew, ca: x, match: {storage: file, issuer: "
    "[\"CN=Alatau*\"]},\n"
    "     renew: {before: 30d, spread: 5d}, confirm: none, approve: {by: ceo, recall: 0m}}\n"
    "  - {name: rest, action: watch}\n";

/* $now stands for FLEET_NOW. One statement a table. */
static const char *const tables[] = {
    "INSERT INTO department (name) SELECT 'Department ' || i FROM generate_series(1, 40) i",
    "INSERT INTO issuer (name, subject_der) VALUES ('CN=Alatau Issuing CA 1,O=Alatau,C=KZ', "
    "'\\x01'), "
    "('CN=Alatau Issuing CA 2,O=Alatau,C=KZ', '\\x02'), ('CN=Partner CA,O=Partner,C=KZ', '\\x03')",
    "INSERT INTO workstation (name, first_seen) SELECT 'ws-' || i, $now FROM generate_series(1, "
    "100000) i",
    "INSERT INTO agent (agent, workstation_id, spki_sha256, state, enrolled_at, changed_at) "
    "SELECT lpad(to_hex(id), 32, '0'), id, sha256(('agent' || id)::bytea), 2, $now, $now FROM "
    "workstation ORDER BY id",
    "INSERT INTO holder (number, name, iin, email, department_id, changed_at) "
    "SELECT 'E-' || i, 'Employee ' || i, lpad(i::text, 12, '0'), 'e-' || i || '@alatau.example', 1 "
    "+ i % 40, $now "
    "FROM generate_series(1, 100000) i",
    "INSERT INTO keystore (workstation_id, kind, storage, status, path, owner, first_seen, "
    "last_seen) "
    "SELECT w.id, 1, 1, 1, '/home/e-' || w.id || '/keys/work.p12', 'E-' || w.id, $now, $now FROM "
    "workstation w ORDER BY w.id",
    /* a third is due, a third will be soon, a third much later; one in a hundred has another name
       in the register */
    "INSERT INTO certificate (not_before, not_after, first_seen, holder_id, issuer_id, "
    "department_id, jitter, key_bits, link, "
    " storage, role, decodable, weak, sha256, spki_sha256, ski, serial, key_algorithm, "
    "signature_algorithm, subject, cn, email, iin) "
    "SELECT x.ends - interval '365 days', x.ends, $now, h.id, 1 + h.id % 2, h.department_id, "
    "x.jitter, 256, 1, 1, 6, true, false, "
    " x.hash, sha256(x.hash), substr(x.hash, 1, 20), encode(substr(x.hash, 1, 16), 'hex'), "
    "'ec-p256', 'ecdsa-with-SHA256', "
    " 'CN=' || x.cn || ',O=Alatau,C=KZ', x.cn, h.email, h.iin "
    "FROM generate_series(0, 2) AS third (n), holder h CROSS JOIN LATERAL "
    "(SELECT sha256((h.id || ':' || third.n)::bytea) AS hash, (h.id * 7919 + third.n) % 2147483647 "
    "AS jitter, "
    " h.name || CASE WHEN h.id % 100 = 0 THEN ' Former' ELSE '' END AS cn, "
    " $now + CASE third.n WHEN 0 THEN interval '1 day' + h.id % 20 * interval '1 day' "
    "             WHEN 1 THEN interval '35 days' + h.id % 20 * interval '1 day' "
    "             ELSE interval '90 days' + h.id % 250 * interval '1 day' END AS ends) AS x "
    "ORDER BY x.hash",
    "INSERT INTO placement (keystore_id, certificate_id, has_key, first_seen, last_seen) "
    "SELECT h.id, c.id, true, $now, $now FROM certificate c JOIN holder h ON h.id = c.holder_id "
    "ORDER BY h.id, c.id",
};

static void exec_at(struct testdb *t, const char *pattern)
{
    TG_AUTO(mem) char *now = tg_printf("to_timestamp(%lld)", (long long)FLEET_NOW);
    TG_AUTO(buf) struct tg_buf sql = TG_BUF(64 * 1024);
    for (const char *at = pattern, *next; *at; at = next + strlen("$now")) {
        next = strstr(at, "$now");
        tg_buf_add(&sql, at, next ? (size_t)(next - at) : strlen(at));
        if (!next) break;
        tg_buf_puts(&sql, now);
    }
    testdb_exec(t, tg_buf_text(&sql));
}

void fleet_fill(struct testdb *t)
{
    for (size_t i = 0; i < TG_COUNT(tables); i++)
        exec_at(t, tables[i]);
    testdb_exec(t, "VACUUM ANALYZE");
}

struct policy_set *fleet_policies(void)
{
    struct policy_set *set = NULL;
    struct tg_err err = {0};
    if (policy_parse("bench", rules, sizeof rules - 1, NULL, 0, &set, NULL, &err) < 0) {
        (void)fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    return set;
}

/* As the superuser who may switch the guards off; nobody else can take facts back. */
void fleet_reset(struct testdb *t)
{
    testdb_exec(t, "SET session_replication_role = replica");
    testdb_exec(t, "TRUNCATE application, application_event, application_event_spent, "
                   "application_change, application_csr, "
                   "application_counter, application_memory, application_correction, job, "
                   "audit_inbox, batch, batch_leaf, batch_decision, "
                   "signing_session, signing_session_used, approval CASCADE");
    testdb_exec(t, "RESET session_replication_role");
}

void fleet_checkpoint(struct testdb *t)
{
    testdb_exec(t, "CHECKPOINT");
}
