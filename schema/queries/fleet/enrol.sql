-- A new agent with its first identity certificate.
-- params: agent text, host text, spki bytea, state smallint, token text, now timestamptz, not_after timestamptz, der bytea, version text
WITH born AS (
  INSERT INTO agent (agent, workstation_id, spki_sha256, state, token_id, enrolled_at, changed_at, cert_not_after)
  SELECT $1, w.id, $3, $4, $5, $6, $6, $7 FROM workstation w WHERE w.name = $2 RETURNING id),
identity AS (INSERT INTO agent_identity (agent_id, spki_sha256, der, not_after, at) SELECT b.id, $3, $8, $7, $6 FROM born b),
beat AS (INSERT INTO agent_beat (agent_id, seen_at, version) SELECT b.id, $6, $9 FROM born b ON CONFLICT (agent_id) DO NOTHING),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  VALUES ($6, 'token:' || $5, 'agents.enrolled', $2, json_build_object('agent', $1::text, 'spki', encode($3, 'hex'), 'state', $4::int)::text))
SELECT id FROM born
