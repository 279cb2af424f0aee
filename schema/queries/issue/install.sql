-- The agent that prepared installs; without one, dispatch finds the way later.
-- params: ids bigint[], now timestamptz
INSERT INTO job (run_at, made_at, subject, agent_id, kind)
SELECT $2, $2, a.id, x.agent_id, CASE WHEN x.agent_id IS NULL THEN 23 ELSE 3 END
FROM unnest($1) AS w (id) JOIN application a ON a.id = w.id
LEFT JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt
LEFT JOIN keystore_where k ON k.id = a.keystore_id
CROSS JOIN LATERAL (SELECT coalesce(r.agent_id, k.agent_id) AS agent_id) AS x
ON CONFLICT (kind, subject) DO NOTHING
