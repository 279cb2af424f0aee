-- Totals of a batch by department and policy. Quotes inside a leaf's strings are escaped, so the name of a field stands in it once: one review of each kind is read as JSON, not every leaf.
-- params: batch bigint
WITH g AS MATERIALIZED (
  SELECT x.review, x.decision, count(*) AS count, min(x.ends) FILTER (WHERE x.ends !~ '^"') AS ends
  FROM (SELECT substr(l.leaf, position('\x2c22726576696577223a'::bytea IN l.leaf) + 10) AS review, coalesce(d.decision, 1::smallint) AS decision,
               convert_from(substr(l.leaf, position('\x2c22656e6473223a22'::bytea IN l.leaf) + 9, 20), 'UTF8') AS ends
        FROM batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
        WHERE l.batch_id = $1) AS x
  GROUP BY x.review, x.decision)
SELECT j.x ->> 'department' AS department, j.x ->> 'policy' AS policy, g.decision, sum(g.count)::bigint AS count, min(g.ends) AS ends
FROM g CROSS JOIN LATERAL (SELECT convert_from(substr(g.review, 1, length(g.review) - 1), 'UTF8')::json) AS j (x)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
