/* words: what the schema tests say often: drafts, moves, one batch. As the runtime role, straight
 * in SQL, so that the guards are met without any program of ours. Aborts the test when the database
 * refuses. */
#pragma once

#include "testdb/testdb.h"

#define ZEROS "'\\x0000000000000000000000000000000000000000000000000000000000000000'::bytea"

void words_draft(struct testdb *t, int first, int count);
void words_move(struct testdb *t, int application, int to, const char *set);
void words_refuse_move(struct testdb *t, const char *sqlstate, int application, int to,
                       const char *set);
void words_give_csr(struct testdb *t, int application);
void words_prepare(struct testdb *t, int application);
void words_open_batch(struct testdb *t);
void words_mint(struct testdb *t);

#define APPROVAL(session, at, statement, previous)                                                 \
    "INSERT INTO approval (batch_id, session_id, accepted_at, trust_version, statement, "          \
    "statement_sha256, previous, "                                                                 \
    "decisions_sha256, approve_root, cms, signer_spki, role) VALUES (1, " session ", " at          \
    ", 1, " statement ", sha256(" statement "), " previous                                         \
    ", sha256('d'), sha256('r'), '{x}', '{y}', 'ceo')"
#define APPROVAL_1 APPROVAL("1", "'2026-01-02 00:01'", "'statement 0'", ZEROS)
#define BATCH_APPROVED(approve, hold, ret)                                                         \
    "UPDATE batch SET state = 2, rev = rev + 1, approve_count = " approve ", hold_count = " hold   \
    ", return_count = " ret ", release_at = '2026-01-02', install_by = '2026-04-01' WHERE id = 1"
#define SET_MOVE(from, to, where)                                                                  \
    "WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),"                   \
    " m AS (UPDATE application a SET state = " to                                                  \
    ", rev = a.rev + 1, event_id = e.id FROM e WHERE a.state = " from " AND " where                \
    " RETURNING 1)"                                                                                \
    " INSERT INTO application_event (id, at, count, from_state, to_state, actor, batch_id)"        \
    " SELECT e.id, '2026-01-01', (SELECT count(*) FROM m), " from ", " to ", 'test', 1 FROM e"
#define APPROVE_ALL                                                                                \
    SET_MOVE("3", "4",                                                                             \
             "NOT EXISTS (SELECT FROM batch_leaf l JOIN batch_decision d USING (batch_id, "        \
             "leaf_index) "                                                                        \
             "WHERE l.application_id = a.id AND d.decision <> 1)")
