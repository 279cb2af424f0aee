-- The bytes beside one application: its newest attempt, the old and the new certificate.
-- params: year smallint, sequence int
SELECT r.app, r.csr, r.cms, o.der AS old_der, n.der AS new_der
FROM application a
LEFT JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt
LEFT JOIN certificate_der o ON o.certificate_id = a.certificate_id
LEFT JOIN application_issue i ON i.application_id = a.id
LEFT JOIN certificate_der n ON n.certificate_id = i.certificate_id
WHERE a.year = $1 AND a.sequence = $2
