-- Agents by the beginning of the id or by workstation, those in use first.
-- params: id text, host text
SELECT a.id, a.agent, w.name AS host, a.state, a.spki_sha256 AS spki, a.cert_not_after, a.changed_at, NULL::bytea AS previous
FROM agent a JOIN workstation w ON w.id = a.workstation_id
WHERE (a.agent LIKE $1 OR w.name = $2) ORDER BY a.state > 2, a.id DESC LIMIT 20
