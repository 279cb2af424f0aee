-- Lines of a batch with their decisions: those after an index up to another, in no order.
-- params: batch bigint, after int, upto int
SELECT l.leaf, l.csr_sha256, l.cms_sha256, l.status_sha256, coalesce(d.decision, 1::smallint) AS decision, coalesce(d.reason, '') AS reason, l.leaf_index
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
WHERE l.batch_id = $1 AND l.leaf_index > $2 AND l.leaf_index <= $3
