-- A fresh prepare job of one drafted application (the earlier one is gone): a job id of its own, so that no stored answer fits.
-- params: id bigint, now timestamptz
INSERT INTO job (run_at, made_at, subject, agent_id, kind)
SELECT $2, $2, a.id, k.agent_id, 2 FROM application a JOIN keystore_where k ON k.id = a.keystore_id
WHERE a.id = $1 AND a.state = 1 AND k.agent_id IS NOT NULL
ON CONFLICT (kind, subject) DO NOTHING
