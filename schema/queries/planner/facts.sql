-- All that a decision looks at, about certificates by id.
-- params: ids bigint[]
SELECT c.id, c.sha256, i.name AS issuer, coalesce(d.name, '') AS department, c.storage, c.role, c.not_before, c.not_after, c.is_ca, c.decodable,
       c.status, h.status AS holder, y.status AS keystore,
       a.year AS open_year, a.sequence AS open_sequence, m.numbers AS ended_numbers, m.hashes AS ended_hashes
FROM certificate c JOIN issuer i ON i.id = c.issuer_id
LEFT JOIN holder h ON h.id = c.holder_id LEFT JOIN department d ON d.id = c.department_id
LEFT JOIN LATERAL (
  SELECT k.status FROM placement l JOIN keystore k ON k.id = l.keystore_id AND k.status IN (1, 2) AND k.workstation_id IS NOT NULL
  WHERE l.certificate_id = c.id AND l.gone_at IS NULL AND l.has_key IS NOT FALSE
  ORDER BY coalesce(k.owner = h.number OR k.owner <> '' AND lower(k.owner) = split_part(lower(h.email), '@', 1), false) DESC,
           k.status, l.first_seen, k.id LIMIT 1) y ON true
LEFT JOIN application a ON a.certificate_id = c.id AND a.open
LEFT JOIN LATERAL (
  SELECT array_agg(application_number(b.year, b.sequence) ORDER BY b.id) AS numbers, array_agg(v.hash ORDER BY b.id) AS hashes
  FROM application_memory x JOIN application b ON b.id = x.application_id JOIN policy_version v ON v.id = x.policy_id
  WHERE x.certificate_id = c.id AND x.holder_id = c.holder_id) m ON true
WHERE c.id = ANY ($1) ORDER BY c.id
