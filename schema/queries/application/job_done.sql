-- A retry job that was taken leaves the table.
-- params: id bigint
DELETE FROM job WHERE id = $1 AND kind = 25
