-- It was installed and proven by use; the old entry is retired after the policy's delay.
-- params: id bigint, agent bigint, after text, now timestamptz, retire timestamptz
WITH made AS (INSERT INTO application_install (application_id, agent_id, after_install, at) VALUES ($1, $2, $3, $4))
INSERT INTO job (run_at, made_at, subject, agent_id, kind, prio) SELECT $5, $4, $1, $2, 4, 9 WHERE $5::timestamptz IS NOT NULL
ON CONFLICT (kind, subject) DO NOTHING
