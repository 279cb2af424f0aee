-- Policies of the approved lines of a batch: one version per name.
-- params: batch bigint
SELECT v.name, v.hash, max(v.recall_s) AS recall_s, count(*) AS count
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
JOIN application a ON a.id = l.application_id JOIN policy_version v ON v.id = a.policy_id
WHERE l.batch_id = $1 AND coalesce(d.decision, 1) = 1 GROUP BY v.name, v.hash ORDER BY v.name
