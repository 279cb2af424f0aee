-- The next version with its signatures; every active agent is told.
-- params: version int, text bytea, previous bytea, expires timestamptz, now timestamptz, cms bytea[]
WITH made AS (
  INSERT INTO trust_document (version, text, sha256, previous, expires, at) VALUES ($1, $2, sha256($2), $3, $4, $5) RETURNING version),
signed AS (
  INSERT INTO trust_signature (version, number, cms) SELECT m.version, s.n, s.cms FROM made m, unnest($6) WITH ORDINALITY AS s (cms, n))
INSERT INTO job (run_at, made_at, subject, agent_id, kind, prio)
SELECT $5, $5, a.id, a.id, 7, 1 FROM made, agent a WHERE a.state = 2 ORDER BY a.id
ON CONFLICT (kind, subject) DO UPDATE SET id = DEFAULT, owner = NULL, run_at = excluded.run_at, made_at = excluded.made_at
