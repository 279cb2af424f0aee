-- What is prepared, by number, with all that its leaf says; a page. copied: its key lies on two workstations or under two owners; moved: another workstation had it first.
-- params: year smallint, sequence int, limit bigint
SELECT a.id, a.rev, a.year, a.sequence, a.policy_id, v.name AS policy, v.confirm, r.app, r.csr_sha256, r.cms_sha256, r.flags, r.consent,
       coalesce(d.name, '') AS department, h.status = 3 AS holder_left, coalesce(y.copied, false) AS copied, coalesce(y.moved, false) AS moved
FROM application a
JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt AND r.csr IS NOT NULL AND r.cms IS NOT NULL
JOIN policy_version v ON v.id = a.policy_id JOIN holder h ON h.id = a.holder_id LEFT JOIN department d ON d.id = h.department_id
LEFT JOIN keystore mine ON mine.id = a.keystore_id
CROSS JOIN LATERAL (
  SELECT min(k.workstation_id) FILTER (WHERE x.live) <> max(k.workstation_id) FILTER (WHERE x.live)
           OR min(nullif(k.owner, '')) FILTER (WHERE x.live) <> max(nullif(k.owner, '')) FILTER (WHERE x.live) AS copied,
         min(l.first_seen) FILTER (WHERE k.workstation_id <> mine.workstation_id)
           < min(l.first_seen) FILTER (WHERE k.workstation_id = mine.workstation_id) AS moved
  FROM placement l JOIN keystore k ON k.id = l.keystore_id
  CROSS JOIN LATERAL (SELECT l.gone_at IS NULL AND l.has_key IS NOT FALSE AND k.status IN (1, 2)) AS x (live)
  WHERE l.certificate_id = a.certificate_id) AS y
WHERE a.state = 2 AND (a.year, a.sequence) > ($1, $2) ORDER BY a.year, a.sequence LIMIT $3
