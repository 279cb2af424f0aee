-- Drafts whose workstation has an agent by now, and no prepare job yet.
-- params: now timestamptz
INSERT INTO job (run_at, made_at, subject, agent_id, kind)
SELECT $1, $1, a.id, g.id, 2 FROM application a JOIN keystore k ON k.id = a.keystore_id JOIN agent g ON g.workstation_id = k.workstation_id AND g.state = 2
WHERE a.state = 1 AND a.open AND NOT EXISTS (SELECT FROM job j WHERE j.kind = 2 AND j.subject = a.id)
ORDER BY a.id
ON CONFLICT (kind, subject) DO NOTHING
