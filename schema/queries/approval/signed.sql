-- The approval of a batch.
-- params: year smallint, sequence int
SELECT p.batch_id, b.state, p.statement, p.cms, p.trust_version, p.statement_sha256, b.approve_count, b.hold_count, b.return_count, b.release_at
FROM batch b JOIN approval p ON p.batch_id = b.id WHERE b.year = $1 AND b.sequence = $2
