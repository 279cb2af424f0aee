-- The scan job that a report answers is done.
-- params: job bigint, agent bigint
DELETE FROM job WHERE id = $1 AND agent_id = $2 AND kind = 1
