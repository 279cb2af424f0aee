-- Nothing more of a recalled batch is issued or installed, and its agents are told; a job 23 that a worker holds is left to it: it waits for the batch, then drops it.
-- params: batch bigint, now timestamptz
WITH gone AS (
  DELETE FROM job WHERE (kind = 21 AND subject = $1)
     OR (kind IN (3, 22) AND subject IN (SELECT application_id FROM batch_leaf WHERE batch_id = $1))
     OR id IN (SELECT id FROM job WHERE kind = 23 AND subject IN (SELECT application_id FROM batch_leaf WHERE batch_id = $1)
               FOR UPDATE SKIP LOCKED))
INSERT INTO job (run_at, made_at, subject, agent_id, kind, prio)
SELECT $2, $2, a.id, k.agent_id, 5, 1
FROM batch_leaf l JOIN application a ON a.id = l.application_id AND a.state IN (5, 6) JOIN keystore_where k ON k.id = a.keystore_id
WHERE l.batch_id = $1 AND k.agent_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM batch_leaf x WHERE x.application_id = a.id AND x.batch_id > $1)
ORDER BY a.id
ON CONFLICT (kind, subject) DO NOTHING
