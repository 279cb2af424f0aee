-- The batch is recalled: nothing more of it is issued or installed, and the agents of what was issued are told.
-- params: batch bigint, now timestamptz
WITH done AS (UPDATE batch SET state = 4, rev = rev + 1 WHERE id = $1 AND state = 2),
gone AS (
  DELETE FROM job WHERE (kind = 21 AND subject = $1)
     OR (kind IN (3, 22, 23) AND subject IN (SELECT application_id FROM batch_leaf WHERE batch_id = $1)))
INSERT INTO job (run_at, made_at, subject, agent_id, kind, prio)
SELECT $2, $2, a.id, k.agent_id, 5, 1
FROM batch_leaf l JOIN application a ON a.id = l.application_id AND a.state IN (5, 6) JOIN keystore_where k ON k.id = a.keystore_id
WHERE l.batch_id = $1 AND k.agent_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM batch_leaf x WHERE x.application_id = a.id AND x.batch_id > $1)
ORDER BY a.id
ON CONFLICT (kind, subject) DO NOTHING
