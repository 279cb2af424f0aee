-- The ground: words that guards share, the settings of this realm, leader leases, and the insert-only rule.
-- Runs as tamga_owner with search_path = tamga; tamga_run is the role that the programs work as. There is no
-- clock in this schema: every instant is given by the program.

CREATE FUNCTION insert_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: facts are insert-only, % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'TG002';
END $$;

-- Every fact table AND every partition gets this: statement triggers of a partitioned parent do not see a
-- statement on the partition, and TRUNCATE of the parent does not ask the partition's row triggers.
CREATE PROCEDURE make_insert_only(t regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %s '
                 'FOR EACH STATEMENT EXECUTE FUNCTION insert_only()', t);
  EXECUTE format('REVOKE ALL ON %s FROM tamga_run', t);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO tamga_run', t);
END $$;
REVOKE ALL ON PROCEDURE make_insert_only(regclass) FROM PUBLIC;

-- realm, organization, log origin: a value per name
CREATE TABLE setting (
  name  text PRIMARY KEY CHECK (name ~ '^[a-z0-9.-]{1,63}$'),
  value text NOT NULL CHECK (octet_length(value) <= 65536),
  at    timestamptz NOT NULL);
GRANT SELECT, INSERT, UPDATE ON setting TO tamga_run;

-- Leader work: who holds a lease writes `WHERE epoch = $1` into every leader write; the epoch grows by one at
-- every change of hands, so a leader that slept through its lease writes nothing.
CREATE TABLE lease (
  name   text PRIMARY KEY,
  epoch  bigint NOT NULL CHECK (epoch > 0),
  owner  text NOT NULL,
  until  timestamptz NOT NULL) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE ON lease TO tamga_run;

CREATE FUNCTION lease_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'lease %: epoch % -> % is not allowed', OLD.name, OLD.epoch, NEW.epoch USING ERRCODE = 'TG001';
END $$;
CREATE TRIGGER lease_guard BEFORE UPDATE ON lease FOR EACH ROW
  WHEN (NEW.epoch <> OLD.epoch + (NEW.owner <> OLD.owner)::int OR NEW.name <> OLD.name)
  EXECUTE FUNCTION lease_guard();

-- A guarded write that changed fewer or more rows than were read before ends its transaction: somebody was first.
-- wanted NULL: any number will do.
CREATE FUNCTION expect(n bigint, wanted bigint, what text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF n <> wanted THEN
    RAISE EXCEPTION '%: somebody else changed it first (% of % are as they were)', what, n, wanted USING ERRCODE = '55P03'; END IF;
  RETURN n;
END $$;
