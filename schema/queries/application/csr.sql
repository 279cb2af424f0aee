-- What was prepared for the present attempt: CSR, exact app bytes, the holder's signature.
-- params: id bigint, attempt smallint, now timestamptz, agent bigint, consent smallint, csr bytea, spki bytea, app bytea, cms bytea, flags text
INSERT INTO application_csr (application_id, attempt, prepared_at, agent_id, consent, csr, csr_sha256, spki_sha256, app, cms, cms_sha256, flags)
VALUES ($1, $2, $3, $4, $5, $6, sha256($6), $7, $8, $9, sha256($9), $10)
