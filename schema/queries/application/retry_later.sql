-- The back-off of a failed application: one retry job.
-- params: id bigint, now timestamptz, run_at timestamptz
INSERT INTO job (run_at, made_at, subject, kind) VALUES ($3, $2, $1, 25)
ON CONFLICT (kind, subject) DO UPDATE SET run_at = excluded.run_at, made_at = excluded.made_at
