-- Numbered entries from a number on.
-- params: first int8, at_most int
SELECT seq, at, actor, verb, subject, body, leaf_hash FROM audit_log WHERE seq >= $1 ORDER BY seq LIMIT $2
