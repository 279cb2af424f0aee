-- What a report came to, and its audit entry.
-- params: sha bytea[], keystores bigint, refused bigint, host text, actor text, now timestamptz
WITH told AS (
  SELECT count(*) AS certificates, count(*) FILTER (WHERE holder_id IS NOT NULL) AS linked,
         count(*) FILTER (WHERE holder_id IS NULL AND NOT is_ca) AS unlinked
  FROM certificate WHERE sha256 = ANY ($1)),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $6, $5, 'inventory.taken', $4, json_build_object('keystores', $2::bigint, 'certificates', t.certificates, 'refused', $3::bigint)::text
  FROM told t)
SELECT certificates, linked, unlinked FROM told
