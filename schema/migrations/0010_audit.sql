-- The audit log: any transaction appends to the inbox; one sequencer gives dense numbers, hashes and signed heads.
CREATE TABLE audit_inbox (
  id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at      timestamptz NOT NULL,
  actor   text NOT NULL,
  verb    text NOT NULL CHECK (verb ~ '^[a-z0-9.-]{1,63}$'),
  subject text NOT NULL,
  body    text NOT NULL CHECK (octet_length(body) <= 65536))     -- JSON object
  WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0);
GRANT SELECT, INSERT ON audit_inbox TO tamga_run;

CREATE TABLE audit_log (
  seq       bigint NOT NULL CHECK (seq >= 0),
  at        timestamptz NOT NULL,
  actor     text NOT NULL,
  verb      text NOT NULL,
  subject   text NOT NULL,
  body      text NOT NULL,
  leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),  -- RFC 9162, over the export line without its hash
  PRIMARY KEY (seq)) PARTITION BY RANGE (seq);
CALL make_insert_only('audit_log');

-- 10 million entries a partition; the sequencer asks for the one it needs.
CREATE FUNCTION audit_partition(k int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = tamga, pg_temp AS $$
DECLARE t text := 'audit_log_p' || k;
BEGIN
  IF k < 0 OR k > 100000 THEN RAISE EXCEPTION 'audit partition %: out of range', k; END IF;
  IF to_regclass('tamga.' || t) IS NOT NULL THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE %I PARTITION OF audit_log FOR VALUES FROM (%s) TO (%s)', t, k::bigint * 10000000, (k::bigint + 1) * 10000000);
  CALL make_insert_only(t::regclass);
  EXECUTE format('REVOKE INSERT ON %I FROM tamga_run', t);
END $$;
REVOKE ALL ON FUNCTION audit_partition(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_partition(int) TO tamga_run;
DO $$ BEGIN PERFORM audit_partition(0), audit_partition(1); END $$;

-- A head per step of the sequencer. prev_size UNIQUE: two sequencers cannot both extend the same head, so there is
-- no fork even with two leaders.
CREATE TABLE audit_head (
  size      bigint PRIMARY KEY CHECK (size > 0),
  prev_size bigint NOT NULL UNIQUE CHECK (prev_size >= 0 AND prev_size < size),
  epoch     bigint NOT NULL,
  at        timestamptz NOT NULL,
  root      bytea NOT NULL CHECK (octet_length(root) = 32),
  frontier  bytea NOT NULL,                     -- subtree hashes, left to right: the next step starts from them
  note      text NOT NULL);                     -- C2SP tlog-checkpoint as a signed note
CALL make_insert_only('audit_head');

-- Sequencing: entries leave the inbox in order of id, become audit_log rows from prev_size on, and a head is written;
-- all of it only under the lease's epoch. The only DELETE on the inbox is here.
CREATE FUNCTION audit_sequence(lease_epoch bigint, ids bigint[], hashes bytea[], first_seq bigint,
                               head_at timestamptz, head_root bytea, head_frontier bytea, head_note text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tamga, pg_temp AS $$
DECLARE n bigint;
BEGIN
  PERFORM FROM lease WHERE name = 'audit' AND epoch = lease_epoch FOR SHARE;
  IF NOT FOUND THEN RAISE EXCEPTION 'audit: another sequencer has the lease' USING ERRCODE = 'TG001'; END IF;
  IF first_seq <> coalesce((SELECT max(size) FROM audit_head), 0) THEN
    RAISE EXCEPTION 'audit: the log does not end at %', first_seq USING ERRCODE = 'TG001'; END IF;
  INSERT INTO audit_log (seq, at, actor, verb, subject, body, leaf_hash)
    SELECT first_seq + w.n - 1, i.at, i.actor, i.verb, i.subject, i.body, w.hash
    FROM unnest(ids, hashes) WITH ORDINALITY AS w (id, hash, n) JOIN audit_inbox i ON i.id = w.id ORDER BY w.n;
  GET DIAGNOSTICS n = ROW_COUNT;
  DELETE FROM audit_inbox WHERE id = ANY (ids);
  IF n <> cardinality(ids) OR n = 0 THEN
    RAISE EXCEPTION 'audit: % of % entries were in the inbox', n, cardinality(ids) USING ERRCODE = 'TG001'; END IF;
  INSERT INTO audit_head (size, prev_size, epoch, at, root, frontier, note)
    VALUES (first_seq + n, first_seq, lease_epoch, head_at, head_root, head_frontier, head_note);
  RETURN n;
END $$;
REVOKE ALL ON FUNCTION audit_sequence(bigint, bigint[], bytea[], bigint, timestamptz, bytea, bytea, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_sequence(bigint, bigint[], bytea[], bigint, timestamptz, bytea, bytea, text) TO tamga_run;
-- the runtime role reaches log and heads through that function only
REVOKE INSERT ON audit_log, audit_head FROM tamga_run;
