-- A page of agents; replaced ones are left out.
-- params: after bigint, limit bigint, pending bool
SELECT a.id, a.agent, w.name AS host, a.state, a.spki_sha256 AS spki, a.cert_not_after, b.seen_at, coalesce(b.version, '') AS version,
       (SELECT count(*) FROM keystore k WHERE k.workstation_id = a.workstation_id AND k.status <> 4) AS keystores
FROM agent a JOIN workstation w ON w.id = a.workstation_id LEFT JOIN agent_beat b ON b.agent_id = a.id
WHERE a.id > $1 AND a.state <> 4 AND (NOT $3 OR a.state = 1) ORDER BY a.id LIMIT $2
