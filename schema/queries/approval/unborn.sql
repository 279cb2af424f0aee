-- A batch that could not be frozen: its number stays unused.
-- params: batch bigint, now timestamptz
UPDATE batch SET state = 3, rev = rev + 1, closed_at = $2, note = 'not frozen' WHERE id = $1 AND state = 0 AND leaf_count = 0
