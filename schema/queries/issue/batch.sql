-- What was signed for a batch, and where it stands.
-- params: batch bigint
SELECT b.state, b.release_at, b.install_by, b.approve_count, p.statement, p.cms, p.statement_sha256
FROM batch b JOIN approval p ON p.batch_id = b.id WHERE b.id = $1
