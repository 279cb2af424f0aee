-- Trust documents (TRUST F5) with their signatures: versions 1, 2, 3..., for ever.
CREATE TABLE trust_document (
  version  int PRIMARY KEY CHECK (version > 0),
  text     bytea NOT NULL CHECK (octet_length(text) <= 16384),
  sha256   bytea NOT NULL UNIQUE CHECK (sha256 = sha256(text)),
  previous bytea NOT NULL CHECK (octet_length(previous) = 32),
  expires  timestamptz NOT NULL,
  at       timestamptz NOT NULL);
CALL make_insert_only('trust_document');
CREATE TABLE trust_signature (
  version int NOT NULL REFERENCES trust_document,
  number  smallint NOT NULL CHECK (number BETWEEN 1 AND 8),
  cms     bytea NOT NULL,
  PRIMARY KEY (version, number));
CALL make_insert_only('trust_signature');

CREATE FUNCTION trust_guard() RETURNS trigger LANGUAGE plpgsql SET search_path = tamga, pg_temp AS $$
BEGIN
  IF NEW.version > 1 AND NOT EXISTS (SELECT FROM trust_document WHERE version = NEW.version - 1 AND sha256 = NEW.previous) THEN
    RAISE EXCEPTION 'trust version % does not follow the one before it', NEW.version USING ERRCODE = 'TG004'; END IF;
  IF EXISTS (SELECT FROM trust_document WHERE version > NEW.version) THEN
    RAISE EXCEPTION 'trust version %: a later one is here', NEW.version USING ERRCODE = 'TG001'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER trust_guard BEFORE INSERT ON trust_document FOR EACH ROW EXECUTE FUNCTION trust_guard();
