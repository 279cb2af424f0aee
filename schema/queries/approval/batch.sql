-- One batch by name with its counts; those that were never frozen are not there.
-- params: year smallint, sequence int
SELECT b.id, b.year, b.sequence, b.rev, b.state, b.leaf_count, b.taken, b.release_at, d.hold, d.back, p.statement_sha256
FROM batch b LEFT JOIN approval p ON p.batch_id = b.id
CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE decision = 2) AS hold, count(*) FILTER (WHERE decision = 3) AS back
                    FROM batch_decision WHERE batch_id = b.id) AS d
WHERE b.year = $1 AND b.sequence = $2 AND b.leaf_count > 0
