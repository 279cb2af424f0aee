-- The stored answer to a report.
-- params: job bigint, kind text, agent bigint
SELECT answer FROM report WHERE job_id = $1 AND kind = $2 AND agent_id = $3
