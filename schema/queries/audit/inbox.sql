-- The oldest entries that have no number yet.
-- params: at_most int
SELECT id, at, actor, verb, subject, body FROM audit_inbox ORDER BY id LIMIT $1
