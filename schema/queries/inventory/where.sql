-- Where certificates lie or lay, by id or by the beginning of the SHA-256.
-- params: id bigint, from bytea, to bytea
SELECT coalesce(w.name, 'import') AS host, k.path, k.kind, k.status, p.friendly_name, p.has_key, p.last_seen, p.gone_at
FROM certificate c JOIN placement p ON p.certificate_id = c.id JOIN keystore k ON k.id = p.keystore_id LEFT JOIN workstation w ON w.id = k.workstation_id
WHERE c.id = $1 OR (c.sha256 >= $2 AND c.sha256 <= $3) ORDER BY p.gone_at IS NOT NULL, 1, 2
