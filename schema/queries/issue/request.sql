-- The intent, before the CA is called: reference and public key, by which a lost answer is found.
-- params: ids bigint[], attempts smallint[], connectors text[], references text[], spkis bytea[], now timestamptz
INSERT INTO ca_request (application_id, attempt, connector, reference, spki_sha256, at)
SELECT w.id, w.attempt, w.connector, w.reference, w.spki, $6
FROM unnest($1, $2, $3, $4, $5) AS w (id, attempt, connector, reference, spki)
ON CONFLICT (application_id, attempt) DO NOTHING
