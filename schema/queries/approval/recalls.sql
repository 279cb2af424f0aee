-- Every recall that is kept.
-- params: none
SELECT statement_sha256, text, cms FROM recall ORDER BY id
