-- Numbers entries and writes the next checkpoint, if the lease and the size are still what they were (writes).
-- params: epoch int8, ids int8[], hashes bytea[], first int8, at timestamptz, root bytea, frontier bytea, note text
SELECT audit_sequence($1, $2, $3, $4, $5, $6, $7, $8) AS count
