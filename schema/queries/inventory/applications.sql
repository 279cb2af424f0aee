-- The applications of certificates, by id or by the beginning of the SHA-256, newest first, and the DER.
-- params: id bigint, from bytea, to bytea
SELECT d.der, a.year, a.sequence FROM certificate c LEFT JOIN certificate_der d ON d.certificate_id = c.id
LEFT JOIN application a ON a.certificate_id = c.id
WHERE c.id = $1 OR (c.sha256 >= $2 AND c.sha256 <= $3) ORDER BY a.id DESC
