-- The fleet: workstations, agents with their identity, enrolment tokens, beats.
CREATE TABLE workstation (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name   text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9.-]{1,63}$'),
  status smallint NOT NULL DEFAULT 1 CHECK (status IN (1, 2)),   -- 1 in use, 2 lost
  first_seen timestamptz NOT NULL);
GRANT SELECT, INSERT, UPDATE ON workstation TO tamga_run;

-- An agent is one enrolment of a workstation; its key is its identity. Nothing here changes per beat.
CREATE TABLE agent (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent          text NOT NULL UNIQUE CHECK (agent ~ '^[0-9a-f]{32}$'),
  workstation_id bigint NOT NULL REFERENCES workstation,
  spki_sha256    bytea NOT NULL UNIQUE CHECK (octet_length(spki_sha256) = 32),
  state          smallint NOT NULL CHECK (state BETWEEN 1 AND 4), -- 1 pending, 2 active, 3 banned, 4 replaced by a newer one
  token_id       text,
  enrolled_at    timestamptz NOT NULL,
  changed_at     timestamptz NOT NULL,
  cert_not_after timestamptz,
  speaks         int[] NOT NULL DEFAULT '{1}');
CREATE UNIQUE INDEX agent_one_active ON agent (workstation_id) WHERE state = 2;
CREATE INDEX agent_workstation ON agent (workstation_id);
GRANT SELECT, INSERT ON agent TO tamga_run;
GRANT UPDATE (state, changed_at, cert_not_after, speaks, spki_sha256) ON agent TO tamga_run;

CREATE FUNCTION agent_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'agent %: move % -> % is not allowed', OLD.agent, OLD.state, NEW.state USING ERRCODE = 'TG001';
END $$;
-- banned and replaced are final: return after that needs a new token
CREATE TRIGGER agent_guard BEFORE UPDATE ON agent FOR EACH ROW
  WHEN (NEW.state <> OLD.state AND (OLD.state > 2 OR NEW.state < OLD.state))
  EXECUTE FUNCTION agent_guard();

-- Identity certificates handed out; the same key that asks again gets the stored one.
CREATE TABLE agent_identity (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  agent_id  bigint NOT NULL REFERENCES agent,
  spki_sha256 bytea NOT NULL CHECK (octet_length(spki_sha256) = 32),
  der       bytea NOT NULL,
  not_after timestamptz NOT NULL,
  at        timestamptz NOT NULL);
CREATE INDEX agent_identity_agent ON agent_identity (agent_id, id);
CALL make_insert_only('agent_identity');

CREATE TABLE agent_beat (
  agent_id  bigint PRIMARY KEY,
  seen_at   timestamptz NOT NULL,
  version   text NOT NULL DEFAULT '',
  inventory_sha256 bytea,
  inventory_at timestamptz)
  WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
GRANT SELECT, INSERT, UPDATE ON agent_beat TO tamga_run;

CREATE TABLE agent_token (
  id            text PRIMARY KEY CHECK (id ~ '^[0-9a-z]{1,32}$'),
  secret_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(secret_sha256) = 32),
  kind          smallint NOT NULL CHECK (kind IN (1, 2)),      -- 1 single, 2 group
  hosts         text NOT NULL,                                 -- host name (single) or pattern (group)
  uses_left     int NOT NULL CHECK (uses_left >= 0),
  expires_at    timestamptz NOT NULL,
  created_at    timestamptz NOT NULL,
  created_by    text NOT NULL);
GRANT SELECT, INSERT ON agent_token TO tamga_run;
GRANT UPDATE (uses_left) ON agent_token TO tamga_run;
CREATE FUNCTION agent_token_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'token %: uses may only go down', OLD.id USING ERRCODE = 'TG001';
END $$;
CREATE TRIGGER agent_token_guard BEFORE UPDATE ON agent_token FOR EACH ROW
  WHEN (NEW.uses_left >= OLD.uses_left) EXECUTE FUNCTION agent_token_guard();
