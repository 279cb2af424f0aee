-- The snapshot is complete: the batch opens.
-- params: batch bigint, count int, root bytea
WITH done AS (UPDATE batch SET state = 1, rev = rev + 1, leaf_count = $2, snapshot_root = $3 WHERE id = $1 AND state = 0 RETURNING id)
SELECT expect((SELECT count(*) FROM done), 1, 'the batch') AS done
