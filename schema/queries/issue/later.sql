-- The rest of the batch another time. Progress of the pass ends the counting of vain attempts.
-- params: job bigint, owner int, run_at timestamptz, fresh bool
UPDATE job SET run_at = $3, owner = NULL, attempt = CASE WHEN $4 THEN 0 ELSE attempt END WHERE id = $1 AND owner = $2
