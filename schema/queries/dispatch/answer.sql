-- What an agent is told, now and whenever it repeats this report.
-- params: job bigint, agent bigint, kind text, answer text, now timestamptz
INSERT INTO report (job_id, agent_id, kind, answer, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job_id, kind) DO NOTHING
