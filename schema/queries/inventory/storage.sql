-- The storage class of a certificate is its keystore's, when the certificate itself does not say.
-- params: sha bytea[]
UPDATE certificate c SET storage = x.storage
FROM (SELECT DISTINCT ON (p.certificate_id) p.certificate_id, k.storage FROM certificate a JOIN placement p ON p.certificate_id = a.id
      JOIN keystore k ON k.id = p.keystore_id
      WHERE a.sha256 = ANY ($1) AND a.storage = 0 AND p.has_key IS NOT FALSE AND p.gone_at IS NULL ORDER BY p.certificate_id, k.status, k.id) x
WHERE c.id = x.certificate_id AND c.storage = 0
