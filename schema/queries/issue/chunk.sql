-- Approved applications of a batch that have no certificate yet, in order, with all that a CA is given.
-- params: batch bigint, after int, limit bigint
SELECT l.leaf_index, l.leaf, a.id, a.rev, a.state, a.year, a.sequence, a.attempt, a.certificate_id, v.ca AS connector,
       r.csr, r.cms, r.spki_sha256, l.status_sha256, o.der AS old
FROM batch_leaf l JOIN application a ON a.id = l.application_id AND a.state IN (4, 5) AND a.kind <> 3
JOIN policy_version v ON v.id = a.policy_id
LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
LEFT JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt
LEFT JOIN certificate_der o ON o.certificate_id = a.certificate_id
WHERE l.batch_id = $1 AND l.leaf_index > $2 AND coalesce(d.decision, 1) = 1
  AND NOT EXISTS (SELECT FROM batch_leaf x WHERE x.application_id = l.application_id AND x.batch_id > l.batch_id)
ORDER BY l.leaf_index LIMIT $3
