-- Where the certificate of one application lies with its key, on workstations: what a correction may choose from.
-- params: year smallint, sequence int, path text
SELECT k.id FROM application a JOIN placement p ON p.certificate_id = a.certificate_id AND p.gone_at IS NULL AND p.has_key IS NOT FALSE
JOIN keystore k ON k.id = p.keystore_id AND k.status IN (1, 2) AND k.workstation_id IS NOT NULL
LEFT JOIN workstation w ON w.id = k.workstation_id
WHERE a.year = $1 AND a.sequence = $2 AND (k.path = $3 OR w.name || ':' || k.path = $3)
ORDER BY k.last_seen DESC, k.id
