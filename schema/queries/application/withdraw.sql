-- The jobs of ended applications go, and their agents are told once.
-- params: ids bigint[], now timestamptz
WITH gone AS (DELETE FROM job WHERE subject = ANY ($1) AND kind IN (2, 3, 22, 23, 25) RETURNING id)
INSERT INTO job (run_at, made_at, subject, agent_id, kind, prio)
SELECT $2, $2, a.id, k.agent_id, 5, 1 FROM application a JOIN keystore_where k ON k.id = a.keystore_id
WHERE a.id = ANY ($1) AND k.agent_id IS NOT NULL
ON CONFLICT (kind, subject) DO NOTHING
