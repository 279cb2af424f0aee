-- Where the certificates of a report lie. A locked entry stands for the newest certificate with its key id, when one is known.
-- params: host text, now timestamptz, paths text[], sha bytea[], ski bytea[], names text[], keys int[]
WITH entry AS (
  SELECT k.id AS keystore_id, coalesce(c.id, s.id) AS certificate_id, CASE WHEN c.id IS NULL AND s.id IS NULL THEN u.ski END AS ski, u.name, u.key
  FROM unnest($3, $4, $5, $6, $7) AS u (path, sha, ski, name, key)
  LEFT JOIN workstation w ON w.name = $1
  JOIN keystore k ON k.workstation_id IS NOT DISTINCT FROM w.id AND path_key(k.path) = path_key(u.path)
  LEFT JOIN certificate c ON c.sha256 = u.sha
  LEFT JOIN LATERAL (SELECT x.id FROM certificate x WHERE u.sha IS NULL AND x.ski = u.ski ORDER BY x.not_after DESC LIMIT 1) s ON true)
INSERT INTO placement (keystore_id, certificate_id, ski, friendly_name, has_key, first_seen, last_seen)
SELECT DISTINCT ON (e.keystore_id, e.certificate_id, e.ski) e.keystore_id, e.certificate_id, e.ski, e.name,
       CASE e.key WHEN 1 THEN true WHEN 0 THEN false END, $2, $2
FROM entry e WHERE e.certificate_id IS NOT NULL OR e.ski IS NOT NULL
ORDER BY e.keystore_id, e.certificate_id, e.ski, e.key DESC
ON CONFLICT (keystore_id, certificate_id, ski) DO UPDATE
SET friendly_name = excluded.friendly_name, has_key = coalesce(excluded.has_key, placement.has_key),
    last_seen = greatest(placement.last_seen, excluded.last_seen), gone_at = NULL
