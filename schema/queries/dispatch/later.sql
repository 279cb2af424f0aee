-- A job that cannot be sent now is ready again later.
-- params: id bigint, at timestamptz
UPDATE job SET owner = NULL, run_at = $2 WHERE id = $1 AND owner = 1
