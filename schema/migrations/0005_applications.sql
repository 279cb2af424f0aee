-- Applications: one hot and narrow row each, insert-only side tables, and one event per move (or set of moves).

-- Durable states and legal moves are rows; the guard is the same table as an inlined expression, asserted equal below.
CREATE TABLE application_state (
  id   smallint PRIMARY KEY,
  name text NOT NULL UNIQUE,
  open boolean NOT NULL);
INSERT INTO application_state VALUES
  (1, 'drafted', true), (2, 'prepared', true), (3, 'submitted', true), (4, 'approved', true),
  (5, 'requested', true), (6, 'issued', true), (7, 'installed', false), (8, 'observed', false),
  (9, 'returned', false), (10, 'cancelled', false), (11, 'failed', true), (12, 'lapsed', false);
CREATE TABLE application_move (
  from_state smallint REFERENCES application_state,
  to_state   smallint REFERENCES application_state,
  PRIMARY KEY (from_state, to_state));
INSERT INTO application_move VALUES
  (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7),          -- the road
  (5, 8),                                                  -- kind observe: discovery saw the successor
  (3, 9),                                                  -- returned by the approver
  (3, 2),                                                  -- held back, or the batch was discarded
  (4, 2),                                                  -- recalled in time
  (11, 1), (11, 2), (11, 3), (11, 4), (11, 5), (11, 6);    -- only back to failed_in
INSERT INTO application_move
  SELECT f.id, t.id FROM application_state f, application_state t WHERE f.id <= 6 AND t.name IN ('cancelled', 'failed', 'lapsed');
CALL make_insert_only('application_state');
CALL make_insert_only('application_move');
REVOKE INSERT ON application_state, application_move FROM tamga_run;

CREATE FUNCTION application_next(s smallint, n smallint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ((ARRAY[7172, 7176, 7700, 7204, 7488, 7296, 0, 0, 0, 0, 126, 0])[s] >> n) & 1 = 1 $$;
CREATE FUNCTION application_is_open(s smallint) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT s <= 6 OR s = 11 $$;
DO $$ BEGIN
  IF EXISTS (SELECT FROM application_state a, application_state b WHERE application_next(a.id, b.id)
             IS DISTINCT FROM EXISTS (SELECT FROM application_move m WHERE m.from_state = a.id AND m.to_state = b.id))
  THEN RAISE EXCEPTION 'application_next differs from application_move'; END IF;
  IF EXISTS (SELECT FROM application_state WHERE open IS DISTINCT FROM application_is_open(id))
  THEN RAISE EXCEPTION 'application_is_open differs from application_state'; END IF;
END $$;

-- Sequence numbers of a year, allocated set-wise; a number is never used twice, gaps are fine. The Damm check
-- digit is computed by the program (base/str.h).
CREATE TABLE application_counter (
  year smallint PRIMARY KEY CHECK (year BETWEEN 0 AND 99),
  last int NOT NULL CHECK (last BETWEEN 0 AND 99999999)) WITH (fillfactor = 10);
GRANT SELECT, INSERT, UPDATE ON application_counter TO tamga_run;
CREATE FUNCTION application_counter_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'year %: a counter only grows', OLD.year USING ERRCODE = 'TG001';
END $$;
CREATE TRIGGER application_counter_guard BEFORE UPDATE ON application_counter FOR EACH ROW
  WHEN (NEW.last < OLD.last OR NEW.year <> OLD.year) EXECUTE FUNCTION application_counter_guard();

-- The hot row. No foreign keys (they cost 1.7 s per 100,000) and no index on state (it would end HOT updates):
-- work is found through job. fillfactor 50: a whole batch moves within its pages.
CREATE TABLE application (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  certificate_id bigint NOT NULL,
  holder_id      bigint NOT NULL,
  keystore_id    bigint,                        -- where it will be renewed; may change while drafted
  event_id       bigint NOT NULL,               -- the event of its last move
  ends           timestamptz NOT NULL,          -- the old certificate's end
  drafted_at     timestamptz NOT NULL,
  changed_at     timestamptz NOT NULL,
  policy_id      int NOT NULL,                  -- policy_version
  sequence       int NOT NULL CHECK (sequence BETWEEN 1 AND 99999999),
  rev            int NOT NULL DEFAULT 1,        -- every change adds 1: a stale writer fails even without WHERE rev
  year           smallint NOT NULL CHECK (year BETWEEN 0 AND 99),
  state          smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 12),
  failed_in      smallint,                      -- the state that failed, and the only way back
  attempt        smallint NOT NULL DEFAULT 1 CHECK (attempt > 0),  -- of preparing
  kind           smallint NOT NULL CHECK (kind BETWEEN 1 AND 3),   -- 1 renew, 2 unproven, 3 observe
  days           smallint NOT NULL DEFAULT 365 CHECK (days BETWEEN 1 AND 1130),  -- of the new certificate, at most
  algorithm      smallint NOT NULL DEFAULT 1 CHECK (algorithm BETWEEN 1 AND 4),  -- of the new key: 1 ec-p256 2 ec-p384 3 rsa-3072 4 rsa-4096
  waits_for      smallint CHECK (waits_for BETWEEN 1 AND 9), -- 1 password 2 token 3 machine 4 holder 5 approver 6 portal 7 ca 8 window 9 wave
  open           boolean GENERATED ALWAYS AS (state <= 6 OR state = 11) STORED,  -- the partial index looks at this: moves stay HOT
  CHECK ((state = 11) = (failed_in IS NOT NULL)),
  CHECK (state NOT IN (6, 7) OR kind <> 3),
  CHECK (state <> 8 OR kind = 3)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
CREATE UNIQUE INDEX application_one_open ON application (certificate_id) WHERE open;
CREATE UNIQUE INDEX application_number ON application (year, sequence);
GRANT SELECT, INSERT ON application TO tamga_run;
GRANT UPDATE (state, rev, event_id, changed_at, failed_in, attempt, waits_for, keystore_id) ON application TO tamga_run;

-- The event of a move: of one application (application_id and the rev it has AFTER the move), or of a set, named
-- by its batch, by its range of numbers (drafts), and by root and count. id comes from application_event_id_seq;
-- write move and event in one statement:
--   WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
--        moved AS (UPDATE application SET state = 5, rev = rev + 1, event_id = e.id, ... FROM e WHERE ... RETURNING id)
--   INSERT INTO application_event (id, ..., count) SELECT e.id, ..., (SELECT count(*) FROM moved) FROM e
--   WHERE EXISTS (SELECT FROM moved)
CREATE TABLE application_event (
  id             bigint PRIMARY KEY,
  at             timestamptz NOT NULL,
  application_id bigint,
  batch_id       bigint,
  rev            int,
  count          int NOT NULL CHECK (count > 0),
  first_sequence int,
  last_sequence  int,
  year           smallint,
  from_state     smallint NOT NULL CHECK (from_state BETWEEN 0 AND 12),  -- 0: born
  to_state       smallint NOT NULL CHECK (to_state BETWEEN 1 AND 12),
  root           bytea CHECK (octet_length(root) = 32),
  actor          text NOT NULL,                 -- planner, agent:HEX, administrator:NAME, approver:SPKI, issue...
  code           text NOT NULL DEFAULT '',      -- error code word of a failure
  note           text NOT NULL DEFAULT '' CHECK (octet_length(note) <= 8192),
  CHECK ((application_id IS NULL) = (rev IS NULL)),
  CHECK (application_id IS NULL OR count = 1),
  CHECK (application_id IS NOT NULL OR batch_id IS NOT NULL OR root IS NOT NULL OR
         (year IS NOT NULL AND first_sequence IS NOT NULL AND last_sequence IS NOT NULL)));
CREATE SEQUENCE application_event_id_seq OWNED BY application_event.id;
GRANT USAGE ON SEQUENCE application_event_id_seq TO tamga_run;
CREATE INDEX application_event_application ON application_event (application_id, id) WHERE application_id IS NOT NULL;
CREATE INDEX application_event_batch ON application_event (batch_id, id) WHERE batch_id IS NOT NULL;
CALL make_insert_only('application_event');

-- A set event moves one set, once; written by the guard only.
CREATE TABLE application_event_spent (event_id bigint PRIMARY KEY);
CALL make_insert_only('application_event_spent');
REVOKE INSERT ON application_event_spent FROM tamga_run;

-- What was prepared: CSR, the exact `app` object, the holder's signature over it (TRUST F2). One per attempt.
CREATE TABLE application_csr (
  application_id bigint NOT NULL,
  attempt        smallint NOT NULL,
  prepared_at    timestamptz NOT NULL,
  agent_id       bigint,
  consent        smallint NOT NULL CHECK (consent BETWEEN 1 AND 3),   -- 1 key, 2 key-unattended, 3 none
  csr            bytea,                                               -- NULL: kind observe
  csr_sha256     bytea CHECK (csr_sha256 = sha256(csr)),
  spki_sha256    bytea UNIQUE CHECK (octet_length(spki_sha256) = 32), -- a new key is new: never seen in any CSR
  app            bytea NOT NULL,
  cms            bytea,
  cms_sha256     bytea CHECK (cms_sha256 = sha256(cms)),
  flags          text NOT NULL DEFAULT '',                            -- asserted and derived, sorted, blank between
  PRIMARY KEY (application_id, attempt),
  CHECK ((csr IS NULL) = (spki_sha256 IS NULL)), CHECK ((csr IS NULL) = (csr_sha256 IS NULL)),
  CHECK ((cms IS NULL) = (cms_sha256 IS NULL)));
CALL make_insert_only('application_csr');

-- What the draft changes (TRUST F1 `changes`): the staff register's name where the certificate has another.
CREATE TABLE application_change (
  application_id bigint NOT NULL,
  field          text NOT NULL CHECK (octet_length(field) <= 63),
  old            text NOT NULL CHECK (octet_length(old) <= 256),
  new            text NOT NULL CHECK (octet_length(new) <= 256),
  PRIMARY KEY (application_id, field, old, new));
CALL make_insert_only('application_change');

-- Corrections before the signature; who corrected a draft does not approve it.
CREATE TABLE application_correction (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  application_id bigint NOT NULL,
  field          text NOT NULL CHECK (field IN ('email', 'locality', 'keystore')),
  value          text NOT NULL,
  actor          text NOT NULL,
  at             timestamptz NOT NULL);
CREATE INDEX application_correction_application ON application_correction (application_id, id);
CALL make_insert_only('application_correction');

-- The intent, written before the CA is called. A lost answer is looked for by reference or public key.
CREATE TABLE ca_request (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  application_id bigint NOT NULL,
  attempt        smallint NOT NULL,
  connector      text NOT NULL,
  reference      text NOT NULL UNIQUE,
  spki_sha256    bytea CHECK (octet_length(spki_sha256) = 32),
  at             timestamptz NOT NULL,
  UNIQUE (application_id, attempt));
CREATE INDEX ca_request_spki ON ca_request (spki_sha256);
CALL make_insert_only('ca_request');

-- The result: one certificate per application, for ever.
CREATE TABLE application_issue (
  application_id bigint PRIMARY KEY,
  certificate_id bigint NOT NULL UNIQUE,
  request_id     bigint NOT NULL,
  chain_id       int,
  at             timestamptz NOT NULL);
CALL make_insert_only('application_issue');

CREATE TABLE application_install (
  application_id bigint PRIMARY KEY,
  agent_id       bigint,                        -- NULL: installed from a bundle file, told later
  after_install  text NOT NULL DEFAULT '[]',    -- JSON: what the agent's own commands ended with
  at             timestamptz NOT NULL);
CALL make_insert_only('application_install');

-- What the planner remembers of ended applications: no other draft for the same certificate, holder and policy
-- until `retry` deletes the row. Written by the guard below.
CREATE TABLE application_memory (
  certificate_id bigint NOT NULL,
  holder_id      bigint NOT NULL,
  policy_id      int NOT NULL,
  application_id bigint NOT NULL,
  PRIMARY KEY (certificate_id, holder_id, policy_id));
GRANT SELECT, DELETE ON application_memory TO tamga_run;
