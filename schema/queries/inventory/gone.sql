-- What an opened keystore no longer holds; and, after a complete scan, keystores that none of its parts named.
-- params: host text, now timestamptz, scanned timestamptz, complete bool, paths text[], statuses int[], entry_paths text[], entry_sha bytea[]
WITH w AS (SELECT (SELECT id FROM workstation WHERE name = $1) AS id),
told AS (
  SELECT k.id, u.status FROM unnest($5, $6) AS u (path, status), w
  JOIN keystore k ON k.workstation_id IS NOT DISTINCT FROM w.id WHERE path_key(k.path) = path_key(u.path)),
held AS (
  SELECT k.id AS keystore_id, c.id AS certificate_id FROM unnest($7, $8) AS u (path, sha) JOIN certificate c ON c.sha256 = u.sha, w
  JOIN keystore k ON k.workstation_id IS NOT DISTINCT FROM w.id WHERE path_key(k.path) = path_key(u.path)),
lost AS (
  UPDATE keystore k SET status = 4 FROM w
  WHERE $4 AND $1 <> 'import' AND k.workstation_id = w.id AND k.status <> 4 AND k.scanned_at <> $3 RETURNING k.id)
UPDATE placement p SET gone_at = $2
WHERE p.gone_at IS NULL AND (p.keystore_id IN (SELECT id FROM lost)
  OR (p.keystore_id IN (SELECT id FROM told WHERE status = 1)
      AND NOT EXISTS (SELECT FROM held h WHERE h.keystore_id = p.keystore_id AND h.certificate_id = p.certificate_id)))
