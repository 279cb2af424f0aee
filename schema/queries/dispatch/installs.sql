-- Issued applications become install jobs of their agents, a chunk; a recall waits for the lock on the batch, or this waits for the recall and drops them.
-- params: now timestamptz, limit bigint
WITH next AS MATERIALIZED (SELECT id, subject FROM job WHERE kind = 23 AND run_at <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM job j USING next n WHERE j.id = n.id),
signed AS MATERIALIZED (
  SELECT b.id FROM batch b
  WHERE b.state = 2 AND b.id IN (SELECT max(l.batch_id) FROM batch_leaf l JOIN next n ON n.subject = l.application_id GROUP BY l.application_id)
  ORDER BY b.id FOR SHARE OF b)
INSERT INTO job (run_at, made_at, subject, agent_id, kind)
SELECT $1, $1, a.id, k.agent_id, 3 FROM next n JOIN application a ON a.id = n.subject AND a.state = 6 JOIN keystore_where k ON k.id = a.keystore_id
WHERE k.agent_id IS NOT NULL
  AND (SELECT max(l.batch_id) FROM batch_leaf l WHERE l.application_id = a.id) IN (SELECT id FROM signed)
ORDER BY a.id
ON CONFLICT (kind, subject) DO NOTHING
