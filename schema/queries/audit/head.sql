-- The newest checkpoint.
-- params: none
SELECT size, root, frontier, note FROM audit_head ORDER BY size DESC LIMIT 1
