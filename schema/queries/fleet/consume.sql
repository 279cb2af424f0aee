-- One use of a token.
-- params: id text, now timestamptz
WITH used AS (UPDATE agent_token SET uses_left = uses_left - 1 WHERE id = $1 AND uses_left > 0 AND expires_at > $2 RETURNING id)
SELECT expect((SELECT count(*) FROM used), 1, 'token') AS used
