-- The approved lines of a batch, a page: leaf hash and evidence, from which the proofs are made.
-- params: batch bigint, after int, limit bigint
SELECT l.leaf_index, l.leaf_hash, l.csr_sha256, l.cms_sha256, l.status_sha256
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
WHERE l.batch_id = $1 AND l.leaf_index > $2 AND coalesce(d.decision, 1) = 1 ORDER BY l.leaf_index LIMIT $3
