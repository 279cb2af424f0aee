-- A page of certificates; expiring: they end before that and have not ended yet.
-- params: after bigint, limit bigint, expiring timestamptz, now timestamptz, unlinked bool, holder text
SELECT c.id, c.sha256, c.serial, c.subject, i.name AS issuer, c.not_before, c.not_after, c.key_algorithm, c.role, c.iin, c.bin, c.email, c.ski, c.decodable, c.status, c.is_ca,
       coalesce(h.number, '') AS holder, coalesce(h.name, '') AS holder_name, coalesce(d.name, '') AS department,
       (SELECT count(*) FROM placement p WHERE p.certificate_id = c.id AND p.gone_at IS NULL) AS placements,
       coalesce(y.number, '') AS likely_holder, coalesce(y.why, '') AS likely_why
FROM certificate c JOIN issuer i ON i.id = c.issuer_id LEFT JOIN holder h ON h.id = c.holder_id LEFT JOIN department d ON d.id = c.department_id
LEFT JOIN LATERAL certificate_likely(c.id) y ON c.holder_id IS NULL AND NOT c.is_ca
WHERE c.id > $1 AND ($3 IS NULL OR (c.not_after < $3 AND c.not_after > $4)) AND (NOT $5 OR (c.holder_id IS NULL AND c.status = 1 AND NOT c.is_ca))
  AND ($6 IS NULL OR c.holder_id = (SELECT x.id FROM holder x WHERE x.number = $6))
ORDER BY c.id LIMIT $2
