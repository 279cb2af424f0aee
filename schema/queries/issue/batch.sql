-- What was signed for a batch, and its hours.
-- params: batch bigint
SELECT b.release_at, b.install_by, p.statement, p.cms, p.statement_sha256
FROM batch b JOIN approval p ON p.batch_id = b.id WHERE b.id = $1
