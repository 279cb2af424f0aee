-- Where a key was seen before.
-- params: spki bytea
SELECT 'certificate' AS what FROM certificate WHERE spki_sha256 = $1 UNION ALL SELECT 'CSR' FROM application_csr WHERE spki_sha256 = $1 LIMIT 1
