-- A certificate by its id, or by the beginning of its SHA-256: at most two.
-- params: id bigint, from bytea, to bytea
SELECT id FROM certificate WHERE id = $1 OR (sha256 >= $2 AND sha256 <= $3) ORDER BY sha256 LIMIT 2
