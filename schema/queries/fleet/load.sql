-- Agents that changed since a moment, with the key before the present one: an answer that got lost leaves the agent with it.
-- params: since timestamptz
SELECT a.id, a.agent, w.name AS host, a.state, a.spki_sha256 AS spki, a.cert_not_after, a.changed_at,
       (SELECT i.spki_sha256 FROM agent_identity i WHERE i.agent_id = a.id AND i.spki_sha256 <> a.spki_sha256 ORDER BY i.id DESC LIMIT 1) AS previous
FROM agent a JOIN workstation w ON w.id = a.workstation_id WHERE a.changed_at >= $1 ORDER BY a.id
