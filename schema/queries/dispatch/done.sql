-- The agents' job of one kind about an application is done, whatever its id is by now.
-- params: kind smallint, subject bigint
DELETE FROM job WHERE kind = $1 AND subject = $2
