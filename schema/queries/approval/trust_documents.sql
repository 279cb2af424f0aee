-- All versions of the trust document.
-- params: none
SELECT version, text FROM trust_document ORDER BY version
