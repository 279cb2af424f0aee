-- Issued certificates belong to the holder of the old ones.
-- params: sha bytea[], old bigint[]
UPDATE certificate n SET holder_id = o.holder_id, department_id = o.department_id, link = o.link, storage = o.storage
FROM unnest($1, $2) AS u (sha, old) JOIN certificate o ON o.id = u.old
WHERE n.sha256 = u.sha AND n.holder_id IS NULL
