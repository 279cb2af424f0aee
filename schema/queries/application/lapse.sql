-- Open applications whose old certificate has expired before they were issued: a chunk of one state.
-- params: state smallint, now timestamptz, limit bigint
SELECT id, rev FROM application WHERE open AND state = $1 AND ends <= $2 ORDER BY id LIMIT $3
