-- The agents of these hear of it: dispatch chooses agent and hour.
-- params: ids bigint[], now timestamptz
INSERT INTO job (run_at, made_at, subject, kind) SELECT $2, $2, w.id, 23 FROM unnest($1) AS w (id)
ON CONFLICT (kind, subject) DO NOTHING
