-- What is prepared, by number, with all that its leaf says; a page.
-- params: year smallint, sequence int, limit bigint
SELECT a.id, a.rev, a.year, a.sequence, a.policy_id, v.name AS policy, v.confirm, r.app, r.csr_sha256, r.cms_sha256, r.flags, r.consent,
       coalesce(d.name, '') AS department, h.status = 3 AS holder_left
FROM application a
JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt AND r.csr IS NOT NULL AND r.cms IS NOT NULL
JOIN policy_version v ON v.id = a.policy_id JOIN holder h ON h.id = a.holder_id LEFT JOIN department d ON d.id = h.department_id
WHERE a.state = 2 AND (a.year, a.sequence) > ($1, $2) ORDER BY a.year, a.sequence LIMIT $3
