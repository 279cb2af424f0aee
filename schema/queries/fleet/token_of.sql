-- A token by its id.
-- params: id text
SELECT secret_sha256 AS secret, kind, hosts, uses_left, expires_at FROM agent_token WHERE id = $1
