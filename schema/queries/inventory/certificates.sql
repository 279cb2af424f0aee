-- The certificates of a report that are new; facts only.
-- params: sha bytea[], spki bytea[], ski bytea[], issuer bytea[], serial text[], subject text[], cn text[], email text[], organization text[], locality text[], iin text[], bin text[], key_algorithm text[], signature_algorithm text[], not_before timestamptz[], not_after timestamptz[], jitter int[], bits int[], usage int[], role int[], storage int[], flags int[], now timestamptz
INSERT INTO certificate (not_before, not_after, first_seen, issuer_id, jitter, key_bits, key_usage, storage, role, decodable, weak, is_ca, self_issued,
  sha256, spki_sha256, ski, serial, key_algorithm, signature_algorithm, subject, cn, email, organization, locality, iin, bin)
SELECT u.not_before, u.not_after, $23, i.id, u.jitter, u.bits, u.usage, u.storage, u.role, (u.flags & 1) <> 0, (u.flags & 2) <> 0, (u.flags & 4) <> 0,
  (u.flags & 8) <> 0, u.sha, u.spki, u.ski, u.serial, u.key_algorithm, u.signature_algorithm, u.subject, u.cn, u.email, u.organization, u.locality, u.iin, u.bin
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
  AS u (sha, spki, ski, issuer, serial, subject, cn, email, organization, locality, iin, bin, key_algorithm, signature_algorithm,
        not_before, not_after, jitter, bits, usage, role, storage, flags)
JOIN issuer i ON i.subject_der = u.issuer AND i.aki = ''
WHERE NOT EXISTS (SELECT FROM certificate c WHERE c.sha256 = u.sha)
ORDER BY u.sha
ON CONFLICT (sha256) DO NOTHING
