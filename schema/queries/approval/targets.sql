-- The lines that a decision names: one by its number, or all with an exception.
-- params: batch bigint, year smallint, sequence int, code text
SELECT l.leaf_index, l.flags, coalesce(d.decision, 1::smallint) AS decision
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
WHERE l.batch_id = $1 AND CASE WHEN $4 <> '' THEN $4 = ANY (string_to_array(l.flags, ' '))
                               ELSE l.application_id = (SELECT id FROM application WHERE year = $2 AND sequence = $3) END
ORDER BY l.leaf_index
