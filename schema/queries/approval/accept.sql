-- What was signed, for ever; the guard asks session, rev, sign-by and the chain of statements.
-- params: batch bigint, session bigint, now timestamptz, trust int, statement bytea, previous bytea, decisions bytea, root bytea, cms bytea[], signers text[]
INSERT INTO approval (batch_id, session_id, accepted_at, trust_version, statement, statement_sha256, previous, decisions_sha256, approve_root, cms, signer_spki, role)
VALUES ($1, $2, $3, $4, $5, sha256($5), $6, $7, $8, $9, $10, 'ceo')
