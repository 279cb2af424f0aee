-- Entries and checkpoints as the export has them: a checkpoint after the last entry that it covers; about 8 MB at most.
-- params: seq int8, size int8, until int8, at_most int
WITH u AS MATERIALIZED (SELECT coalesce(nullif($3, 0), (SELECT max(size) FROM audit_head), 0) AS until),
page AS (
  (SELECT seq AS place, at, actor, verb, subject, body, leaf_hash, false AS is_head FROM audit_log
   WHERE seq >= $1 AND seq < (SELECT until FROM u) ORDER BY seq LIMIT $4)
  UNION ALL
  (SELECT size - 1, NULL, '', '', '', note, NULL, true FROM audit_head
   WHERE size > $2 AND size <= (SELECT until FROM u) ORDER BY size LIMIT $4)),
measured AS (
  SELECT page.*, sum(octet_length(body)) OVER (ORDER BY place, is_head) - octet_length(body) AS before FROM page)
SELECT place, at, actor, verb, subject, body, leaf_hash, is_head, (SELECT until FROM u) AS until
FROM measured WHERE before < 8000000 ORDER BY place, is_head LIMIT $4
