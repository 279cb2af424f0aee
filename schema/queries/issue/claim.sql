-- The due batch that has waited longest is ours for the lease: one pass over what it left open. What is ours already
-- params: now timestamptz, until timestamptz, owner int
-- (the answer to an earlier claim was lost) comes first.
WITH due AS (
  SELECT id FROM job WHERE kind = 21 AND (run_at <= $1 OR owner = $3) ORDER BY owner = $3 DESC NULLS LAST, run_at, id
  FOR UPDATE SKIP LOCKED LIMIT 1)
UPDATE job SET owner = $3, run_at = $2, attempt = least(attempt, 1000) + 1 FROM due WHERE job.id = due.id
RETURNING job.id, job.subject, job.attempt
