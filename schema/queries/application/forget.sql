-- Retry: the planner forgets that this application was refused.
-- params: id bigint
DELETE FROM application_memory WHERE application_id = $1
