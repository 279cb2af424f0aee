-- Agents that have something to do now; without trust nothing is prepared.
-- params: now timestamptz, trust bool, limit bigint
SELECT DISTINCT agent_id FROM job WHERE agent_id IS NOT NULL AND run_at <= $1 AND ($2 OR kind <> 2) ORDER BY agent_id LIMIT $3
