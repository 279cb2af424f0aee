-- The signatures of all versions.
-- params: none
SELECT version, cms FROM trust_signature ORDER BY version, number
