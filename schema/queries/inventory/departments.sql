-- The departments of a register that are new.
-- params: names text[]
INSERT INTO department (name) SELECT DISTINCT u.name FROM unnest($1) AS u (name)
WHERE u.name <> '' AND NOT EXISTS (SELECT FROM department d WHERE d.name = u.name) ORDER BY 1
ON CONFLICT (name) DO NOTHING
