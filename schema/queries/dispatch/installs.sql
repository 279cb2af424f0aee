-- Issued applications become install jobs of their agents, a chunk.
-- params: now timestamptz, limit bigint
WITH next AS MATERIALIZED (SELECT id, subject FROM job WHERE kind = 23 AND run_at <= $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM job j USING next n WHERE j.id = n.id)
INSERT INTO job (run_at, made_at, subject, agent_id, kind)
SELECT $1, $1, a.id, k.agent_id, 3 FROM next n JOIN application a ON a.id = n.subject AND a.state = 6 JOIN keystore_where k ON k.id = a.keystore_id
WHERE k.agent_id IS NOT NULL ORDER BY a.id
ON CONFLICT (kind, subject) DO NOTHING
