-- Applications whose retry is due: the jobs that say so, and what they left.
-- params: now timestamptz, limit bigint
SELECT j.id AS job, a.id, a.rev, a.failed_in, a.state FROM job j JOIN application a ON a.id = j.subject
WHERE j.kind = 25 AND j.run_at <= $1 ORDER BY j.id LIMIT $2
