-- The batch is approved; its issuing begins at release, by one job.
-- params: batch bigint, rev int, approved int, held int, returned int, now timestamptz, release timestamptz, install_by timestamptz
WITH done AS (
  UPDATE batch SET state = 2, rev = rev + 1, approve_count = $3, hold_count = $4, return_count = $5, closed_at = $6, release_at = $7, install_by = $8
  WHERE id = $1 AND rev = $2 AND state = 1 RETURNING id),
job AS (INSERT INTO job (run_at, made_at, subject, kind) SELECT $7, $6, id, 21 FROM done WHERE $3 > 0)
SELECT expect((SELECT count(*) FROM done), 1, 'the batch') AS done
