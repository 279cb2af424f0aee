-- The same over everybody (after the register changed).
-- params: none
WITH newer AS (
  SELECT DISTINCT ON (o.id) o.id, n.id AS by
  FROM certificate o JOIN certificate n ON n.holder_id = o.holder_id AND n.status = 1 AND n.role = o.role AND n.issuer_id = o.issuer_id
    AND n.key_usage = o.key_usage AND n.not_after > o.not_after AND n.not_before >= o.not_before
  WHERE o.status = 1 AND NOT o.is_ca AND EXISTS (SELECT FROM placement p WHERE p.certificate_id = n.id AND p.gone_at IS NULL)
  ORDER BY o.id, n.not_after DESC, n.id)
UPDATE certificate c SET status = 2, superseded_by = n.by FROM newer n WHERE c.id = n.id
