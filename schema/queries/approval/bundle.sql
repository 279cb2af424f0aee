-- All that is stored about one issued application.
-- params: year smallint, sequence int
SELECT l.batch_id, l.leaf_index, l.leaf, l.csr_sha256, l.cms_sha256, l.status_sha256, p.statement, p.cms, n.der AS certificate, o.der AS old, c.ders AS chain,
       r.csr, r.cms AS holder, EXISTS (SELECT FROM recall x WHERE x.statement_sha256 = p.statement_sha256) AS recalled
FROM application a
JOIN application_issue i ON i.application_id = a.id JOIN certificate_der n ON n.certificate_id = i.certificate_id
JOIN LATERAL (SELECT x.* FROM batch_leaf x JOIN approval y ON y.batch_id = x.batch_id
              LEFT JOIN batch_decision d ON d.batch_id = x.batch_id AND d.leaf_index = x.leaf_index
              WHERE x.application_id = a.id AND coalesce(d.decision, 1) = 1 ORDER BY x.batch_id DESC LIMIT 1) AS l ON true
JOIN approval p ON p.batch_id = l.batch_id
LEFT JOIN certificate_der o ON o.certificate_id = a.certificate_id
LEFT JOIN certificate_chain c ON c.id = i.chain_id
LEFT JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt
WHERE a.year = $1 AND a.sequence = $2
