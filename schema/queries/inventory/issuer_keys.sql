-- The key of an issuer is known once its own certificate was seen.
-- params: sha bytea[], subject bytea[]
UPDATE issuer i SET spki_sha256 = c.spki_sha256
FROM unnest($1, $2) AS u (sha, subject) JOIN certificate c ON c.sha256 = u.sha AND c.is_ca
WHERE i.subject_der = u.subject AND i.spki_sha256 IS NULL
