-- The inventory: immutable certificate facts (about 270 bytes a row, DER beside it), keystores and placements.
CREATE TABLE issuer (
  id          int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL,                                   -- RFC 4514
  subject_der bytea NOT NULL,
  aki         bytea NOT NULL DEFAULT '',                       -- authority key id where the certificates name one
  spki_sha256 bytea CHECK (octet_length(spki_sha256) = 32),    -- known once the issuer's own certificate was seen
  UNIQUE (subject_der, aki));
GRANT SELECT, INSERT ON issuer TO tamga_run;
GRANT UPDATE (spki_sha256) ON issuer TO tamga_run;

CREATE TABLE certificate (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  not_before    timestamptz NOT NULL,                          -- 8-byte columns first: no padding
  not_after     timestamptz NOT NULL,
  first_seen    timestamptz NOT NULL,
  holder_id     bigint,                                        -- may change: the link to the register
  superseded_by bigint,                                        -- may change: the newer certificate, same holder, role and issuer
  issuer_id     int NOT NULL,
  department_id int,                                           -- may change: copied from the holder, one-table due scan
  jitter        int NOT NULL CHECK (jitter >= 0),              -- first 31 bits of sha256: the same everywhere
  key_bits      int NOT NULL,
  key_usage     int NOT NULL DEFAULT 0,
  status        smallint NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 5), -- may change: 1 live, 2 superseded, 3 revoked, 4 lost, 5 ignored; expired is not a status
  link          smallint NOT NULL DEFAULT 0 CHECK (link BETWEEN 0 AND 4),   -- may change: 0 none, 1 IIN, 2 e-mail, 3 keystore owner, 4 by hand
  storage       smallint NOT NULL DEFAULT 0 CHECK (storage BETWEEN 0 AND 2), -- may change (0 -> what the keystore is): 1 file, 2 token
  role          smallint NOT NULL DEFAULT 0 CHECK (role BETWEEN 0 AND 7),   -- enum tg_role
  decodable     boolean NOT NULL,                              -- false: "cannot be verified here"
  weak          boolean NOT NULL,
  is_ca         boolean NOT NULL DEFAULT false,
  self_issued   boolean NOT NULL DEFAULT false,
  sha256        bytea NOT NULL CHECK (octet_length(sha256) = 32),
  spki_sha256   bytea NOT NULL CHECK (octet_length(spki_sha256) = 32),
  ski           bytea NOT NULL CHECK (octet_length(ski) BETWEEN 1 AND 64),
  serial        text NOT NULL,                                 -- hex, lower case, integer
  key_algorithm text NOT NULL,
  signature_algorithm text NOT NULL,
  subject       text NOT NULL,                                 -- RFC 4514
  cn            text NOT NULL DEFAULT '',
  email         text NOT NULL DEFAULT '',
  organization  text NOT NULL DEFAULT '',
  locality      text NOT NULL DEFAULT '',
  iin           text NOT NULL DEFAULT '',
  bin           text NOT NULL DEFAULT '') WITH (fillfactor = 95);
CREATE UNIQUE INDEX certificate_sha256 ON certificate (sha256);
CREATE INDEX certificate_spki ON certificate (spki_sha256);
CREATE INDEX certificate_ski ON certificate (ski);
CREATE INDEX certificate_holder ON certificate (holder_id);
CREATE INDEX certificate_iin ON certificate (iin) WHERE iin <> '';
CREATE INDEX certificate_unlinked ON certificate (id) WHERE holder_id IS NULL AND status = 1;
-- The due scan reads only this index (3 times faster than not_after alone). Policies are compiled to ONE statement.
CREATE INDEX certificate_due ON certificate (not_after)
  INCLUDE (id, holder_id, department_id, issuer_id, role, storage, jitter, not_before, is_ca, decodable) WHERE status = 1;
GRANT SELECT, INSERT ON certificate TO tamga_run;
GRANT UPDATE (holder_id, department_id, link, status, superseded_by, storage) ON certificate TO tamga_run;

CREATE FUNCTION certificate_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'certificate %: facts never change, rows never go', OLD.id USING ERRCODE = 'TG002';
END $$;
CREATE TRIGGER certificate_guard BEFORE UPDATE ON certificate FOR EACH ROW
  WHEN ((NEW.sha256, NEW.spki_sha256, NEW.ski, NEW.not_before, NEW.not_after, NEW.issuer_id, NEW.serial, NEW.subject,
         NEW.role, NEW.iin, NEW.bin, NEW.cn, NEW.email)
        IS DISTINCT FROM
        (OLD.sha256, OLD.spki_sha256, OLD.ski, OLD.not_before, OLD.not_after, OLD.issuer_id, OLD.serial, OLD.subject,
         OLD.role, OLD.iin, OLD.bin, OLD.cn, OLD.email))
  EXECUTE FUNCTION certificate_guard();
CREATE TRIGGER certificate_kept BEFORE DELETE OR TRUNCATE ON certificate FOR EACH STATEMENT EXECUTE FUNCTION insert_only();

CREATE TABLE certificate_der (
  certificate_id bigint PRIMARY KEY,
  der            bytea NOT NULL);
ALTER TABLE certificate_der ALTER der SET STORAGE EXTERNAL;
CALL make_insert_only('certificate_der');

-- The certificates between a leaf and its root, once per chain (bundle field `chain`).
CREATE TABLE certificate_chain (
  id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sha256 bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),   -- over the concatenated DER
  ders   bytea[] NOT NULL CHECK (cardinality(ders) BETWEEN 1 AND 4));
CALL make_insert_only('certificate_chain');

CREATE TABLE keystore (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  workstation_id bigint REFERENCES workstation,                -- NULL: imported from files at the service
  kind           smallint NOT NULL CHECK (kind BETWEEN 0 AND 6), -- 0 unknown, 1 pkcs12, 2 pem, 3 pkcs11, 4 nss, 5 windows, 6 der
  storage        smallint NOT NULL CHECK (storage IN (1, 2)),  -- 1 file, 2 token
  status         smallint NOT NULL CHECK (status BETWEEN 1 AND 4), -- 1 open, 2 locked, 3 unreadable, 4 gone
  path           text NOT NULL CHECK (octet_length(path) <= 4096),
  reason         text NOT NULL DEFAULT '',
  owner          text NOT NULL DEFAULT '',
  first_seen     timestamptz NOT NULL,
  last_seen      timestamptz NOT NULL,
  scanned_at     timestamptz NOT NULL DEFAULT 'epoch');        -- when the scan that named it last began, by the agent's clock
-- A path may be longer than an index entry, so its hash is what is unique:
-- INSERT ... ON CONFLICT (workstation_id, path_key(path)) DO UPDATE ...
CREATE FUNCTION path_key(path text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT sha256(convert_to(path, 'UTF8')) $$;
CREATE UNIQUE INDEX keystore_place ON keystore (workstation_id, path_key(path)) NULLS NOT DISTINCT;
GRANT SELECT, INSERT, UPDATE ON keystore TO tamga_run;

CREATE TABLE placement (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  keystore_id    bigint NOT NULL REFERENCES keystore,
  certificate_id bigint,                                       -- NULL while the keystore is locked
  ski            bytea,                                        -- localKeyID of a locked entry
  friendly_name  text NOT NULL DEFAULT '',
  has_key        boolean,
  first_seen     timestamptz NOT NULL,
  last_seen      timestamptz NOT NULL,
  gone_at        timestamptz,
  CHECK (certificate_id IS NOT NULL OR ski IS NOT NULL));
CREATE UNIQUE INDEX placement_place ON placement (keystore_id, certificate_id, ski) NULLS NOT DISTINCT;
CREATE INDEX placement_certificate ON placement (certificate_id);
CREATE INDEX placement_ski ON placement (ski) WHERE ski IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON placement TO tamga_run;

-- Every version of a policy rule that was ever used; an application pins one.
CREATE TABLE policy_version (
  id   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hash bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),  -- SHA-256 of the rule as key-sorted JSON with defaults
  name text NOT NULL CHECK (name ~ '^[a-z0-9-]{1,40}$'),
  rule text NOT NULL,                                          -- that JSON
  at   timestamptz NOT NULL,
  -- what the verbs need of it, so that nobody reads the JSON again
  ca                   text NOT NULL DEFAULT '',               -- connector
  confirm              boolean NOT NULL DEFAULT true,          -- the holder confirms first
  keep_decryption_keys boolean NOT NULL DEFAULT true,
  validity_s           bigint NOT NULL DEFAULT 31536000 CHECK (validity_s > 0),
  recall_s             bigint NOT NULL DEFAULT 0 CHECK (recall_s >= 0),
  archive_after_s      bigint NOT NULL DEFAULT -1);            -- retire the old entry after that; -1: keep
CALL make_insert_only('policy_version');
