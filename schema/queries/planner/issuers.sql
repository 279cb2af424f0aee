-- The dictionary of issuers, for the compiler.
-- params: none
SELECT id, name FROM issuer ORDER BY id
