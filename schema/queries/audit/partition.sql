-- Makes the partition that the log will need next.
-- params: k int
SELECT 1 AS done FROM audit_partition($1)
