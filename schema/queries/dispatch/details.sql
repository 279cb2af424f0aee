-- What messages about these applications need beyond their rows.
-- params: ids bigint[]
SELECT a.id, o.der AS old_der, b.release_at, r.text AS recall, r.cms AS recall_cms,
       (SELECT count(*) FROM application_event e WHERE e.application_id = a.id AND e.to_state = 11) AS failures
FROM application a LEFT JOIN certificate_der o ON o.certificate_id = a.certificate_id
LEFT JOIN LATERAL (SELECT x.batch_id FROM batch_leaf x WHERE x.application_id = a.id ORDER BY x.batch_id DESC LIMIT 1) AS l ON true
LEFT JOIN batch b ON b.id = l.batch_id LEFT JOIN approval p ON p.batch_id = b.id
LEFT JOIN LATERAL (SELECT c.text, c.cms FROM recall c WHERE c.statement_sha256 = p.statement_sha256 ORDER BY c.id DESC LIMIT 1) AS r ON true
WHERE a.id = ANY ($1)
