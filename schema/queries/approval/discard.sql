-- An open batch is given up; its applications are prepared again.
-- params: batch bigint, rev int, now timestamptz, why text
WITH done AS (UPDATE batch SET state = 3, rev = rev + 1, closed_at = $3, note = $4 WHERE id = $1 AND rev = $2 AND state = 1 RETURNING id)
SELECT expect((SELECT count(*) FROM done), 1, 'the batch') AS done
