-- The agent has these: what it answers by a report stays under a long lease, the rest is done.
-- params: agent bigint, ids bigint[], prepare timestamptz, install timestamptz
WITH gone AS (DELETE FROM job WHERE agent_id = $1 AND id = ANY ($2) AND kind NOT IN (2, 3))
UPDATE job SET owner = 2, run_at = CASE kind WHEN 2 THEN $3 ELSE $4 END WHERE agent_id = $1 AND id = ANY ($2) AND kind IN (2, 3)
