-- A page of applications, of one state or of all (0), after a cursor.
-- params: state smallint, after bigint, limit bigint
SELECT * FROM application_full WHERE id > $2 AND ($1 = 0 OR state = $1) ORDER BY id LIMIT $3
