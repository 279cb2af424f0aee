-- The DER of certificates, once each.
-- params: sha bytea[], der bytea[]
INSERT INTO certificate_der (certificate_id, der)
SELECT c.id, u.der FROM unnest($1, $2) AS u (sha, der) JOIN certificate c ON c.sha256 = u.sha
WHERE NOT EXISTS (SELECT FROM certificate_der d WHERE d.certificate_id = c.id) ORDER BY c.id
ON CONFLICT (certificate_id) DO NOTHING
