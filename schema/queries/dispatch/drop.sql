-- A job that has nothing left to do.
-- params: id bigint
DELETE FROM job WHERE id = $1
