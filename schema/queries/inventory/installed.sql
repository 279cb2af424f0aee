-- After a verified install: the new certificate lies in the keystore, the old one no longer, and is superseded.
-- params: keystore bigint, old bigint, new bigint, now timestamptz
WITH placed AS (
  INSERT INTO placement (keystore_id, certificate_id, friendly_name, has_key, first_seen, last_seen)
  SELECT $1, $3, coalesce((SELECT p.friendly_name FROM placement p WHERE p.keystore_id = $1 AND p.certificate_id = $2 LIMIT 1), ''), true, $4, $4
  ON CONFLICT (keystore_id, certificate_id, ski) DO UPDATE SET has_key = true, last_seen = excluded.last_seen, gone_at = NULL),
left_there AS (UPDATE placement SET gone_at = $4 WHERE keystore_id = $1 AND certificate_id = $2 AND gone_at IS NULL)
UPDATE certificate SET status = 2, superseded_by = $3 WHERE id = $2 AND status = 1
