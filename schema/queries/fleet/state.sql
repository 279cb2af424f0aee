-- An agent is accepted or banned; its jobs stay with the workstation.
-- params: id bigint, from smallint, to smallint, now timestamptz, actor text, verb text
WITH moved AS (UPDATE agent SET state = $3, changed_at = $4 WHERE id = $1 AND state = $2 RETURNING id, agent, workstation_id),
gone AS (DELETE FROM job j USING moved m WHERE j.agent_id = m.id AND $3 = 3),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $4, $5, $6, m.agent, json_build_object('workstation', w.name)::text FROM moved m JOIN workstation w ON w.id = m.workstation_id)
SELECT expect((SELECT count(*) FROM moved), 1, 'agent') AS moved
