-- Decisions over lines of a batch that is as it was read; its rev grows, its sessions are dead.
-- params: batch bigint, rev int, indexes int[], decision smallint, reason text, actor text, now timestamptz
WITH b AS MATERIALIZED (SELECT id FROM batch WHERE id = $1 AND rev = $2 AND state IN (0, 1) FOR UPDATE),
made AS (
  INSERT INTO batch_decision (batch_id, leaf_index, decision, reason, actor, at)
  SELECT b.id, x.i, $4, $5, $6, $7 FROM b, unnest($3) AS x (i) ORDER BY x.i
  ON CONFLICT (batch_id, leaf_index) DO UPDATE SET decision = excluded.decision, reason = excluded.reason, actor = excluded.actor, at = excluded.at
  RETURNING leaf_index)
SELECT expect((SELECT count(*) FROM made), cardinality($3), 'the batch') AS made
