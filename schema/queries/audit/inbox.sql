-- The oldest entries that have no number yet; about 8 MB at most.
-- params: at_most int
SELECT id, at, actor, verb, subject, body FROM (
  SELECT i.*, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before
  FROM (SELECT * FROM audit_inbox ORDER BY id LIMIT $1) i) b
WHERE before < 8000000 ORDER BY id
