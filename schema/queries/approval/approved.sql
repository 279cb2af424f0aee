-- The approved lines of a batch, in order: their hashes, and those of their evidence.
-- params: batch bigint
SELECT l.leaf_index, l.leaf_hash, l.csr_sha256, l.cms_sha256, l.status_sha256
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
WHERE l.batch_id = $1 AND coalesce(d.decision, 1) = 1 ORDER BY l.leaf_index
