-- An agent by its number, and the newest identity certificate over this key.
-- params: id bigint, spki bytea
SELECT a.id, a.agent, w.name AS host, a.state, a.spki_sha256 AS spki, a.cert_not_after, a.token_id, i.der, i.not_after, i.at
FROM agent a JOIN workstation w ON w.id = a.workstation_id
LEFT JOIN LATERAL (SELECT x.der, x.not_after, x.at FROM agent_identity x WHERE x.agent_id = a.id AND x.spki_sha256 = $2 ORDER BY x.id DESC LIMIT 1) i ON true
WHERE a.id = $1
