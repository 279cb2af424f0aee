-- Entries of locked keystores whose certificate became known by this report.
-- params: ski bytea[]
UPDATE placement p SET certificate_id = x.id, ski = NULL
FROM (SELECT DISTINCT ON (c.ski) c.ski, c.id FROM certificate c WHERE c.ski = ANY ($1) ORDER BY c.ski, c.not_after DESC) x
WHERE p.certificate_id IS NULL AND p.ski = x.ski
  AND NOT EXISTS (SELECT FROM placement o WHERE o.keystore_id = p.keystore_id AND o.certificate_id = x.id AND o.ski IS NULL)
