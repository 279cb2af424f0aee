-- A recall is kept, once.
-- params: statement bytea, text bytea, cms bytea, signer text, now timestamptz
INSERT INTO recall (statement_sha256, text, cms, signer_spki, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (text) DO NOTHING
