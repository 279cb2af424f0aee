-- The keystores of a report.
-- params: host text, now timestamptz, scanned timestamptz, paths text[], kinds int[], storages int[], statuses int[], reasons text[], owners text[]
INSERT INTO keystore (workstation_id, kind, storage, status, path, reason, owner, first_seen, last_seen, scanned_at)
SELECT w.id, u.kind, u.storage, u.status, u.path, u.reason, u.owner, $2, $2, $3
FROM unnest($4, $5, $6, $7, $8, $9) AS u (path, kind, storage, status, reason, owner) LEFT JOIN workstation w ON w.name = $1
ORDER BY path_key(u.path)
ON CONFLICT (workstation_id, path_key(path)) DO UPDATE
SET kind = excluded.kind, storage = excluded.storage, status = excluded.status, reason = excluded.reason,
    owner = CASE WHEN excluded.owner <> '' THEN excluded.owner ELSE keystore.owner END, last_seen = greatest(keystore.last_seen, excluded.last_seen),
    scanned_at = excluded.scanned_at
