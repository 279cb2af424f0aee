-- The lease goes on, if it is still ours: whoever lost it writes nothing more.
-- params: job bigint, owner int, until timestamptz
WITH kept AS (UPDATE job SET run_at = $3 WHERE id = $1 AND owner = $2 RETURNING id)
SELECT expect((SELECT count(*) FROM kept), 1, 'the lease of the issue job') AS kept
