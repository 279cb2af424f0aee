-- The beats of the last second, in the order of their keys.
-- params: ids bigint[], seen timestamptz[], versions text[]
INSERT INTO agent_beat AS b (agent_id, seen_at, version)
SELECT u.id, u.seen, coalesce(u.version, '') FROM unnest($1, $2, $3) AS u (id, seen, version) ORDER BY u.id
ON CONFLICT (agent_id) DO UPDATE SET seen_at = greatest(b.seen_at, excluded.seen_at),
  version = CASE WHEN excluded.version <> '' THEN excluded.version ELSE b.version END
