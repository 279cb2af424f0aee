-- A new token: only the hash of its secret is kept.
-- params: id text, secret bytea, kind smallint, hosts text, uses int, expires timestamptz, now timestamptz, actor text
WITH made AS (
  INSERT INTO agent_token (id, secret_sha256, kind, hosts, uses_left, expires_at, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8))
INSERT INTO audit_inbox (at, actor, verb, subject, body)
VALUES ($7, $8, 'agents.token', $1, json_build_object('hosts', $4::text, 'uses', $5::int, 'expires', to_char($6::timestamptz, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))::text)
