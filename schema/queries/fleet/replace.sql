-- The agent that served a workstation so far gives way to a new one.
-- params: host text, now timestamptz
UPDATE agent a SET state = 4, changed_at = $2 FROM workstation w WHERE w.name = $1 AND a.workstation_id = w.id AND a.state = 2
