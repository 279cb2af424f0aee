-- The active agent of a workstation takes over the jobs of those before it, and is asked to scan.
-- params: host text, now timestamptz
WITH a AS MATERIALIZED (SELECT a.id, a.workstation_id FROM agent a JOIN workstation w ON w.id = a.workstation_id WHERE w.name = $1 AND a.state = 2),
scan AS (
  INSERT INTO job (run_at, made_at, subject, agent_id, kind) SELECT $2, $2, a.id, a.id, 1 FROM a ON CONFLICT (kind, subject) DO NOTHING)
UPDATE job j SET agent_id = a.id FROM a, agent o WHERE o.workstation_id = a.workstation_id AND o.id <> a.id AND j.agent_id = o.id AND j.kind <> 1
