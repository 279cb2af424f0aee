-- A certificate by its id, or by the beginning of its SHA-256: at most two.
-- params: id bigint, from bytea, to bytea
SELECT c.id, c.sha256, c.serial, c.subject, i.name AS issuer, c.not_before, c.not_after, c.key_algorithm, c.role, c.iin, c.bin, c.email, c.ski, c.decodable, c.status, c.is_ca,
       coalesce(h.number, '') AS holder, coalesce(h.name, '') AS holder_name, coalesce(d.name, '') AS department,
       (SELECT count(*) FROM placement p WHERE p.certificate_id = c.id AND p.gone_at IS NULL) AS placements,
       coalesce(y.number, '') AS likely_holder, coalesce(y.why, '') AS likely_why
FROM certificate c JOIN issuer i ON i.id = c.issuer_id LEFT JOIN holder h ON h.id = c.holder_id LEFT JOIN department d ON d.id = c.department_id
LEFT JOIN LATERAL certificate_likely(c.id) y ON c.holder_id IS NULL AND NOT c.is_ca
WHERE c.id = $1 OR (c.sha256 >= $2 AND c.sha256 <= $3) ORDER BY c.sha256 LIMIT 2
