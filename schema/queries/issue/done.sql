-- Nothing of the batch is left to issue.
-- params: job bigint, owner int
DELETE FROM job WHERE id = $1 AND owner = $2
