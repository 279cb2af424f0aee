-- Totals of a batch by department and policy.
-- params: batch bigint
SELECT j.review ->> 'department' AS department, j.review ->> 'policy' AS policy, coalesce(d.decision, 1::smallint) AS decision, count(*) AS count,
       min(j.ends) AS ends
FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
CROSS JOIN LATERAL (SELECT x -> 'review' AS review, nullif(x -> 'app' ->> 'ends', '') AS ends FROM (SELECT convert_from(l.leaf, 'UTF8')::json) AS t (x)) AS j
WHERE l.batch_id = $1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
