-- The batch is recalled: before its jobs are swept, so that whoever makes install jobs waits for this lock, and then sees it.
-- params: batch bigint
UPDATE batch SET state = 4, rev = rev + 1 WHERE id = $1 AND state = 2
