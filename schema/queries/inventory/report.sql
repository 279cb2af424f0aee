-- The answer to a job's report; a repeat finds it.
-- params: job bigint, agent bigint, answer text, now timestamptz
INSERT INTO report (job_id, agent_id, kind, answer, at) VALUES ($1, $2, 'inventory', $3, $4) ON CONFLICT (job_id, kind) DO NOTHING
