-- An application that waits for its CA again: its batch is issued once more (what has a certificate is passed over).
-- params: id bigint, now timestamptz
-- A pass that is under way may have gone past it: it loses its lease, and the next one looks at everything.
INSERT INTO job (run_at, made_at, subject, kind)
SELECT $2, $2, l.batch_id, 21 FROM batch_leaf l WHERE l.application_id = $1 ORDER BY l.batch_id DESC LIMIT 1
ON CONFLICT (kind, subject) DO UPDATE SET run_at = excluded.run_at, owner = NULL, attempt = 0
