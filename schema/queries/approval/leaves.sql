-- Leaves of a batch in building, from an index on.
-- params: batch bigint, first int, ids bigint[], revs int[], leaves bytea[], hashes bytea[], csrs bytea[], cmss bytea[], flags text[]
INSERT INTO batch_leaf (batch_id, application_id, leaf_index, app_rev, leaf, leaf_hash, csr_sha256, cms_sha256, flags)
SELECT $1, w.id, $2 + w.n - 1, w.rev + 1, w.leaf, w.hash, w.csr, w.cms, w.flags
FROM unnest($3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY AS w (id, rev, leaf, hash, csr, cms, flags, n)
