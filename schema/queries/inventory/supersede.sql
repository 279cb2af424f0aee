-- Certificates with a newer one of the same holder, role, issuer and key usage that lies somewhere, among the holders of a report.
-- params: sha bytea[]
WITH person AS (SELECT DISTINCT holder_id FROM certificate WHERE sha256 = ANY ($1) AND holder_id IS NOT NULL),
newer AS (
  SELECT DISTINCT ON (o.id) o.id, n.id AS by
  FROM person h JOIN certificate o ON o.holder_id = h.holder_id AND o.status = 1 AND NOT o.is_ca
  JOIN certificate n ON n.holder_id = h.holder_id AND n.status = 1 AND n.role = o.role AND n.issuer_id = o.issuer_id AND n.key_usage = o.key_usage
    AND n.not_after > o.not_after AND n.not_before >= o.not_before
    AND EXISTS (SELECT FROM placement p WHERE p.certificate_id = n.id AND p.gone_at IS NULL)
  ORDER BY o.id, n.not_after DESC, n.id)
UPDATE certificate c SET status = 2, superseded_by = n.by FROM newer n WHERE c.id = n.id
