-- Another identity certificate; the agent's key from now on.
-- params: id bigint, spki bytea, der bytea, not_after timestamptz, now timestamptz
WITH mine AS (
  UPDATE agent SET spki_sha256 = $2, cert_not_after = $4, changed_at = $5 WHERE id = $1 AND state < 3 RETURNING id, agent),
identity AS (INSERT INTO agent_identity (agent_id, spki_sha256, der, not_after, at) SELECT m.id, $2, $3, $4, $5 FROM mine m),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $5, 'agent:' || m.agent, 'agents.renewed', m.agent, json_build_object('spki', encode($2, 'hex'))::text FROM mine m)
SELECT expect((SELECT count(*) FROM mine), 1, 'agent') AS renewed
