-- One application by number with what a report about it is checked against.
-- params: year smallint, sequence int
SELECT f.*, o.der AS old_der, i.certificate_id AS new_id, v.archive_after_s,
       (SELECT count(*) FROM application_event e WHERE e.application_id = f.id AND e.to_state = 11) AS failures,
       (SELECT j.id FROM job j WHERE j.kind = 2 AND j.subject = f.id) AS job
FROM application_full f JOIN policy_version v ON v.id = f.policy_id
LEFT JOIN certificate_der o ON o.certificate_id = f.certificate_id LEFT JOIN application_issue i ON i.application_id = f.id
WHERE f.year = $1 AND f.sequence = $2
