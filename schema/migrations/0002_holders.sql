-- The staff register: departments and holders. Mutable, all-or-nothing imports.
CREATE TABLE department (
  id   int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 64));
GRANT SELECT, INSERT ON department TO tamga_run;

CREATE TABLE holder (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  number        text NOT NULL UNIQUE CHECK (number ~ '^[A-Za-z0-9._-]{1,32}$'),
  name          text NOT NULL,
  iin           text CHECK (iin ~ '^[0-9]{12}$'),
  email         text,
  phone         text,
  department_id int REFERENCES department,
  position      text,
  locality      text,
  manager       text,                                    -- the manager's number
  status        smallint NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 3),  -- 1 active, 2 on leave, 3 left
  leave_until   date,
  locale        text NOT NULL DEFAULT 'ru',
  changed_at    timestamptz NOT NULL);
CREATE INDEX holder_iin ON holder (iin) WHERE iin IS NOT NULL;
CREATE INDEX holder_email ON holder (lower(email)) WHERE email IS NOT NULL;
CREATE INDEX holder_department ON holder (department_id);
GRANT SELECT, INSERT, UPDATE ON holder TO tamga_run;
