-- The workstation of a report; the import has none.
-- params: host text, now timestamptz
INSERT INTO workstation (name, first_seen) SELECT $1, $2 WHERE $1 <> 'import' ON CONFLICT (name) DO NOTHING
