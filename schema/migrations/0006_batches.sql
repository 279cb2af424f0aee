-- Batches: the frozen snapshot, decisions, signing sessions, approvals, recalls. Leaves and what was signed are facts.
CREATE TABLE batch (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  year           smallint NOT NULL CHECK (year BETWEEN 0 AND 99),
  sequence       int NOT NULL CHECK (sequence > 0),
  state          smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 4), -- 0 building, 1 open, 2 approved, 3 discarded, 4 recalled
  rev            int NOT NULL DEFAULT 1,                      -- grows with every move and every change of a decision
  leaf_count     int NOT NULL DEFAULT 0 CHECK (leaf_count BETWEEN 0 AND 100000),
  approve_count  int,
  return_count   int,
  hold_count     int,
  snapshot_root  bytea CHECK (octet_length(snapshot_root) = 32),
  taken          timestamptz NOT NULL,                        -- when the snapshot was frozen
  closed_at      timestamptz,                                 -- approved or discarded
  release_at     timestamptz,
  install_by     timestamptz,
  opened_by      text NOT NULL,
  note           text NOT NULL DEFAULT '',
  UNIQUE (year, sequence),
  CHECK (state = 0 OR (state = 3 AND leaf_count = 0) OR (leaf_count > 0 AND snapshot_root IS NOT NULL)),
  CHECK ((state IN (2, 4)) = (approve_count IS NOT NULL AND release_at IS NOT NULL AND install_by IS NOT NULL)),
  CHECK (approve_count IS NULL OR approve_count + return_count + hold_count = leaf_count));
GRANT SELECT, INSERT ON batch TO tamga_run;
GRANT UPDATE (state, rev, leaf_count, approve_count, return_count, hold_count, snapshot_root, closed_at, release_at,
              install_by, note) ON batch TO tamga_run;

-- Line leaf_index of the snapshot. The evidence parts of its decision line (TRUST F9) stand beside it.
CREATE TABLE batch_leaf (
  batch_id       bigint NOT NULL,
  application_id bigint NOT NULL,
  leaf_index     int NOT NULL CHECK (leaf_index BETWEEN 0 AND 99999),
  app_rev        int NOT NULL,                                -- the application's rev while it is submitted
  leaf           bytea NOT NULL CHECK (octet_length(leaf) BETWEEN 2 AND 4096),
  leaf_hash      bytea NOT NULL CHECK (leaf_hash = sha256('\x00'::bytea || leaf)),   -- RFC 9162
  csr_sha256     bytea CHECK (octet_length(csr_sha256) = 32),
  cms_sha256     bytea CHECK (octet_length(cms_sha256) = 32),
  status_sha256  bytea CHECK (octet_length(status_sha256) = 32),
  flags          text NOT NULL DEFAULT '',                    -- the leaf's flags, sorted, blank between
  PRIMARY KEY (batch_id, leaf_index),
  UNIQUE (application_id, batch_id));
CALL make_insert_only('batch_leaf');

CREATE FUNCTION batch_leaf_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = tamga, pg_temp AS $$
BEGIN
  PERFORM FROM batch b WHERE b.id IN (SELECT DISTINCT batch_id FROM fresh) FOR SHARE;
  IF EXISTS (SELECT FROM (SELECT DISTINCT batch_id FROM fresh) f LEFT JOIN batch b ON b.id = f.batch_id
             WHERE b.state IS DISTINCT FROM 0)
  THEN RAISE EXCEPTION 'the batch is frozen, no leaf may be added' USING ERRCODE = 'TG003'; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER batch_leaf_guard AFTER INSERT ON batch_leaf REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION batch_leaf_guard();

-- Decisions that differ from the plain `approve`, or were made by a person. No row = approve.
CREATE TABLE batch_decision (
  batch_id   bigint NOT NULL,
  leaf_index int NOT NULL,
  decision   smallint NOT NULL CHECK (decision BETWEEN 1 AND 3),    -- 1 approve, 2 hold, 3 return
  reason     text NOT NULL DEFAULT '' CHECK (octet_length(reason) <= 512),
  actor      text NOT NULL,                                        -- `rules` for a warning held at freezing
  at         timestamptz NOT NULL,
  PRIMARY KEY (batch_id, leaf_index),
  CHECK (decision <> 3 OR reason <> ''));
GRANT SELECT, INSERT ON batch_decision TO tamga_run;
GRANT UPDATE (decision, reason, actor, at) ON batch_decision TO tamga_run;

-- A change of decisions changes the batch's rev, so that every signing session of before is dead; a closed batch
-- takes none.
CREATE FUNCTION batch_decision_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = tamga, pg_temp AS $$
DECLARE wanted bigint; done bigint;
BEGIN
  SELECT count(DISTINCT batch_id) INTO wanted FROM fresh;
  UPDATE batch SET rev = rev + 1 WHERE id IN (SELECT DISTINCT batch_id FROM fresh) AND state IN (0, 1);
  GET DIAGNOSTICS done = ROW_COUNT;
  IF done <> wanted THEN RAISE EXCEPTION 'the batch is closed, its decisions stand' USING ERRCODE = 'TG003'; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER batch_decision_made AFTER INSERT ON batch_decision REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION batch_decision_guard();
CREATE TRIGGER batch_decision_changed AFTER UPDATE ON batch_decision REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION batch_decision_guard();
CREATE TRIGGER batch_decision_kept BEFORE DELETE OR TRUNCATE ON batch_decision FOR EACH STATEMENT EXECUTE FUNCTION insert_only();

-- One approver, one statement, five minutes. Dead when the batch's rev has moved on, or once used.
CREATE TABLE signing_session (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  batch_id    bigint NOT NULL REFERENCES batch,
  batch_rev   int NOT NULL,
  minted_at   timestamptz NOT NULL,
  sign_by     timestamptz NOT NULL,
  nonce       text NOT NULL UNIQUE CHECK (nonce ~ '^[0-9a-f]{32}$'),
  role        text NOT NULL CHECK (role IN ('ceo', 'deputy')),
  signer_spki text NOT NULL CHECK (signer_spki ~ '^([0-9a-f]{64})?$'),   -- empty: opened by an administrator's login
  opened_by   text NOT NULL,
  statement   bytea NOT NULL CHECK (octet_length(statement) <= 16384));
CREATE INDEX signing_session_batch ON signing_session (batch_id, id);
CALL make_insert_only('signing_session');
CREATE TABLE signing_session_used (
  session_id bigint PRIMARY KEY REFERENCES signing_session,
  at         timestamptz NOT NULL);
CALL make_insert_only('signing_session_used');
REVOKE INSERT ON signing_session_used FROM tamga_run;

-- What was signed, for ever. Decisions are recomputed from batch_leaf and batch_decision, which are closed by now.
CREATE TABLE approval (
  batch_id         bigint PRIMARY KEY REFERENCES batch,        -- one approval a batch, ever
  session_id       bigint NOT NULL UNIQUE REFERENCES signing_session,
  accepted_at      timestamptz NOT NULL,
  trust_version    int NOT NULL,
  statement        bytea NOT NULL,
  statement_sha256 bytea NOT NULL UNIQUE CHECK (statement_sha256 = sha256(statement)),
  previous         bytea NOT NULL UNIQUE CHECK (octet_length(previous) = 32),  -- the chain of statements has no fork
  decisions_sha256 bytea NOT NULL CHECK (octet_length(decisions_sha256) = 32),
  approve_root     bytea NOT NULL CHECK (octet_length(approve_root) = 32),
  cms              bytea[] NOT NULL CHECK (cardinality(cms) BETWEEN 1 AND 4),
  signer_spki      text[] NOT NULL CHECK (cardinality(signer_spki) BETWEEN 1 AND 4),
  role             text NOT NULL CHECK (role IN ('ceo', 'deputy')));
CALL make_insert_only('approval');

CREATE FUNCTION approval_guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tamga, pg_temp AS $$
DECLARE b batch; s signing_session;
BEGIN
  SELECT * INTO b FROM batch WHERE id = NEW.batch_id FOR UPDATE;
  SELECT * INTO s FROM signing_session WHERE id = NEW.session_id;
  IF s.id IS NULL OR s.batch_id <> NEW.batch_id OR s.statement <> NEW.statement OR s.role <> NEW.role THEN
    RAISE EXCEPTION 'batch %-%: no signing session over this statement', b.year, b.sequence USING ERRCODE = 'TG004'; END IF;
  IF s.signer_spki <> '' AND s.signer_spki <> ALL (NEW.signer_spki) THEN
    RAISE EXCEPTION 'batch %-%: the session belongs to another approver', b.year, b.sequence USING ERRCODE = 'TG004'; END IF;
  IF b.state <> 1 OR s.batch_rev <> b.rev THEN
    RAISE EXCEPTION 'batch %-%: it changed after the statement was made, fetch a new one', b.year, b.sequence USING ERRCODE = 'TG001'; END IF;
  IF NEW.accepted_at > s.sign_by THEN
    RAISE EXCEPTION 'batch %-%: the statement was to be signed earlier, fetch a new one', b.year, b.sequence USING ERRCODE = 'TG001'; END IF;
  IF EXISTS (SELECT FROM signing_session_used WHERE session_id = s.id) THEN
    RAISE EXCEPTION 'batch %-%: the signing session was used', b.year, b.sequence USING ERRCODE = 'TG001'; END IF;
  IF NOT (NEW.previous = '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea
          OR EXISTS (SELECT FROM approval WHERE statement_sha256 = NEW.previous)) THEN
    RAISE EXCEPTION 'batch %-%: unknown previous statement', b.year, b.sequence USING ERRCODE = 'TG004'; END IF;
  INSERT INTO signing_session_used VALUES (s.id, NEW.accepted_at);
  RETURN NEW;
END $$;
CREATE TRIGGER approval_guard BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION approval_guard();

CREATE TABLE recall (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  statement_sha256 bytea NOT NULL CHECK (octet_length(statement_sha256) = 32),
  text             bytea NOT NULL UNIQUE CHECK (octet_length(text) <= 16384),
  cms              bytea NOT NULL,
  signer_spki      text NOT NULL,
  at               timestamptz NOT NULL);
CREATE INDEX recall_statement ON recall (statement_sha256);
CALL make_insert_only('recall');

CREATE FUNCTION batch_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = tamga, pg_temp AS $$
BEGIN
  IF NEW.rev <> OLD.rev + 1 OR (NEW.state <> OLD.state AND NOT ((ARRAY[10, 12, 16, 0, 0])[OLD.state + 1] >> NEW.state) & 1 = 1) THEN
    RAISE EXCEPTION 'batch %-%: move % -> % (rev % -> %) is not allowed', OLD.year, OLD.sequence, OLD.state, NEW.state, OLD.rev, NEW.rev
      USING ERRCODE = 'TG001'; END IF;
  IF OLD.state > 0 AND (NEW.snapshot_root, NEW.leaf_count) IS DISTINCT FROM (OLD.snapshot_root, OLD.leaf_count) THEN
    RAISE EXCEPTION 'batch %-%: the snapshot is frozen', OLD.year, OLD.sequence USING ERRCODE = 'TG003'; END IF;
  IF OLD.state >= 2 AND (NEW.approve_count, NEW.return_count, NEW.hold_count, NEW.release_at, NEW.install_by) IS DISTINCT FROM
                        (OLD.approve_count, OLD.return_count, OLD.hold_count, OLD.release_at, OLD.install_by) THEN
    RAISE EXCEPTION 'batch %-%: what was approved stands', OLD.year, OLD.sequence USING ERRCODE = 'TG003'; END IF;
  IF NEW.state = 1 AND OLD.state = 0 AND
     NEW.leaf_count IS DISTINCT FROM (SELECT CASE WHEN count(*) = max(leaf_index) + 1 THEN count(*) END FROM batch_leaf WHERE batch_id = NEW.id) THEN
    RAISE EXCEPTION 'batch %-%: leaf_count is not the number of its leaves', OLD.year, OLD.sequence USING ERRCODE = 'TG003'; END IF;
  IF NEW.state = 2 AND OLD.state = 1 THEN
    IF NOT EXISTS (SELECT FROM approval WHERE batch_id = NEW.id) THEN
      RAISE EXCEPTION 'batch %-%: there is no approval of it', OLD.year, OLD.sequence USING ERRCODE = 'TG004'; END IF;
    IF NOT (SELECT count(*) FILTER (WHERE decision = 2) = NEW.hold_count AND count(*) FILTER (WHERE decision = 3) = NEW.return_count
            FROM batch_decision WHERE batch_id = NEW.id) THEN
      RAISE EXCEPTION 'batch %-%: the counts are not those of its decisions', OLD.year, OLD.sequence USING ERRCODE = 'TG004'; END IF;
  END IF;
  IF NEW.state = 4 AND NOT EXISTS (SELECT FROM recall r JOIN approval a USING (statement_sha256) WHERE a.batch_id = NEW.id) THEN
    RAISE EXCEPTION 'batch %-%: there is no recall of it', OLD.year, OLD.sequence USING ERRCODE = 'TG004'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER batch_guard BEFORE UPDATE ON batch FOR EACH ROW EXECUTE FUNCTION batch_guard();
CREATE FUNCTION batch_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a batch is born building, at rev 1' USING ERRCODE = 'TG001';
END $$;
CREATE TRIGGER batch_born BEFORE INSERT ON batch FOR EACH ROW WHEN (NEW.state <> 0 OR NEW.rev <> 1) EXECUTE FUNCTION batch_born();
CREATE TRIGGER batch_kept BEFORE DELETE OR TRUNCATE ON batch FOR EACH STATEMENT EXECUTE FUNCTION insert_only();
