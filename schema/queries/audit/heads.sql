-- The checkpoints above a size, oldest first.
-- params: size int8, at_most int
SELECT size, note FROM audit_head WHERE size > $1 ORDER BY size LIMIT $2
