-- What is not routine in a batch: flags, or a decision of its own; stops first, then warnings.
-- params: batch bigint, stops text[], warns text[], limit bigint
SELECT j.app ->> 'no' AS number, j.app ->> 'holder' AS holder, j.app ->> 'name' AS name, j.review ->> 'department' AS department,
       j.review ->> 'policy' AS policy, l.flags, coalesce(d.decision, 1::smallint) AS decision, coalesce(d.reason, '') AS reason, coalesce(d.actor, '') AS actor
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
CROSS JOIN LATERAL (SELECT x -> 'app' AS app, x -> 'review' AS review FROM (SELECT convert_from(l.leaf, 'UTF8')::json) AS t (x)) AS j
WHERE l.batch_id = $1 AND (l.flags <> '' OR d.batch_id IS NOT NULL)
ORDER BY CASE WHEN string_to_array(l.flags, ' ') && $2 THEN 0 WHEN string_to_array(l.flags, ' ') && $3 THEN 1 ELSE 2 END, l.leaf_index LIMIT $4
