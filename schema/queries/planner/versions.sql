-- The rules that are in force, each version stored once; ids in the order given.
-- params: hashes bytea[], names text[], rules text[], connectors text[], confirms bool[], keeps bool[], validities bigint[], recalls bigint[], archives bigint[], now timestamptz
WITH wanted AS (
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) WITH ORDINALITY AS w (hash, name, rule, ca, confirm, keep, validity, recall, archive, n)),
stored AS (
  INSERT INTO policy_version (hash, name, rule, at, ca, confirm, keep_decryption_keys, validity_s, recall_s, archive_after_s)
  SELECT w.hash, w.name, w.rule, $10, w.ca, w.confirm, w.keep, w.validity, w.recall, w.archive
  FROM wanted w WHERE NOT EXISTS (SELECT FROM policy_version v WHERE v.hash = w.hash) ORDER BY w.n
  ON CONFLICT (hash) DO NOTHING RETURNING id, hash)
SELECT coalesce(v.id, s.id) AS id FROM wanted w LEFT JOIN policy_version v ON v.hash = w.hash LEFT JOIN stored s ON s.hash = w.hash ORDER BY w.n
