-- What an application waits for; no move, no event.
-- params: id bigint, rev int, waits smallint, now timestamptz
WITH told AS (
  UPDATE application SET waits_for = nullif($3, 0), rev = rev + 1, changed_at = $4 WHERE id = $1 AND rev = $2 RETURNING id)
SELECT expect((SELECT count(*) FROM told), 1, 'application') AS told
