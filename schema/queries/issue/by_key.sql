-- Whose keys these are: requests of people's connectors, issued or not.
-- params: spkis bytea[], connectors text[]
SELECT q.spki_sha256, q.connector, q.attempt, a.id, a.rev, a.state, a.year, a.sequence, a.certificate_id, l.batch_id, l.leaf, o.der AS old,
       n.sha256 AS issued
FROM ca_request q JOIN application a ON a.id = q.application_id AND a.attempt = q.attempt
JOIN LATERAL (SELECT x.* FROM batch_leaf x WHERE x.application_id = a.id ORDER BY x.batch_id DESC LIMIT 1) AS l ON true
LEFT JOIN certificate_der o ON o.certificate_id = a.certificate_id
LEFT JOIN application_issue i ON i.application_id = a.id
LEFT JOIN certificate n ON n.id = i.certificate_id
WHERE q.spki_sha256 = ANY ($1) AND q.connector = ANY ($2)
