-- Requested of people's connectors and not issued yet: what is carried to a CA by files.
-- params: after bigint, limit bigint, connectors text[]
SELECT q.id, a.year, a.sequence, b.year AS batch_year, b.sequence AS batch_sequence, l.leaf, r.csr, o.der AS old
FROM ca_request q JOIN application a ON a.id = q.application_id AND a.state = 5 AND a.attempt = q.attempt
JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt
JOIN LATERAL (SELECT x.* FROM batch_leaf x WHERE x.application_id = a.id ORDER BY x.batch_id DESC LIMIT 1) AS l ON true
JOIN batch b ON b.id = l.batch_id AND b.state = 2
LEFT JOIN certificate_der o ON o.certificate_id = a.certificate_id
WHERE q.id > $1 AND q.connector = ANY ($3) ORDER BY q.id LIMIT $2
