-- Drafts every due certificate once: one event, one audit entry, one job for the set. Text between the marks is compiled from the policies.
-- params: as_of timestamptz, horizon timestamptz, now timestamptz, year smallint, actor text, versions int[], days smallint[], keys smallint[], confirms bool[], items bigint
WITH p (index, action, before_s, spread_s) AS (VALUES /*policies*/ (0, 0, 0::bigint, 0::bigint) /*end*/),
governed AS (
  SELECT c.*, /*governing*/ NULL::int /*end*/ AS governing FROM certificate c
  WHERE c.status = 1 AND c.not_after > $1 AND c.not_after <= $2 AND NOT c.is_ca AND c.decodable AND c.holder_id IS NOT NULL),
due AS (
  SELECT c.id, c.holder_id, c.governing, x.due, c.not_after, c.cn,
         CASE WHEN c.key_algorithm IN ('ed25519', 'ed448') THEN 2 ELSE 1 END::smallint AS kind,
         CASE WHEN ($8)[c.governing + 1] > 0 THEN ($8)[c.governing + 1]
              WHEN c.key_algorithm IN ('ec-p384', 'ec-p521') THEN 2
              WHEN c.key_algorithm ~ '^rsa-[1-9][0-9]{2,4}$' THEN CASE WHEN substr(c.key_algorithm, 5)::int <= 3072 THEN 3 ELSE 4 END
              ELSE 1 END::smallint AS algorithm
  FROM governed c JOIN p ON p.index = c.governing AND p.action = 2
  CROSS JOIN LATERAL (SELECT c.not_after - (p.before_s - ((c.jitter::bigint * p.spread_s) >> 31)) * interval '1 second') AS x (due)
  WHERE x.due <= $1 OFFSET 0), -- its columns are computed once
-- renamed: the register has another name, and it can stand in the certificate
fit AS (
  SELECT d.id, d.holder_id, d.governing, d.due, d.not_after, d.kind, d.algorithm, h.number, h.email,
         d.cn <> h.name AND h.name <> '' AND d.cn <> '' AND length(h.name) <= 64 AND octet_length(h.name) <= 256 AND octet_length(d.cn) <= 256
           AND folded(d.cn) <> folded(h.name) AS renamed
  FROM due d JOIN holder h ON h.id = d.holder_id AND h.status <> 3
  WHERE NOT EXISTS (SELECT FROM application a WHERE a.certificate_id = d.id AND a.open)
    AND NOT EXISTS (SELECT FROM application_memory m WHERE m.certificate_id = d.id AND m.holder_id = d.holder_id AND m.policy_id = ($6)[d.governing + 1])),
-- where the key is: the holder's own place first, then one that can be opened, then where it was seen first
placed AS (
  SELECT DISTINCT ON (d.id) d.id, d.holder_id, d.governing, d.due, d.not_after, d.kind, d.algorithm, d.renamed, k.id AS keystore_id,
         CASE WHEN k.status = 2 THEN 1 WHEN k.storage = 2 THEN 2 WHEN g.id IS NULL THEN 3 WHEN ($9)[d.governing + 1] THEN 4 END::smallint AS waits_for
  FROM fit d JOIN placement l ON l.certificate_id = d.id AND l.gone_at IS NULL AND l.has_key IS NOT FALSE
  JOIN keystore k ON k.id = l.keystore_id AND k.status IN (1, 2) AND k.workstation_id IS NOT NULL
  LEFT JOIN agent g ON g.workstation_id = k.workstation_id AND g.state = 2
  ORDER BY d.id, coalesce(k.owner = d.number OR k.owner <> '' AND lower(k.owner) = split_part(lower(d.email), '@', 1), false) DESC,
           k.status, l.first_seen, k.id),
-- in the order of its numbers, as the window leaves it
fresh AS MATERIALIZED (SELECT d.*, row_number() OVER (ORDER BY d.id) AS n FROM placed d),
e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
number AS (
  INSERT INTO application_counter AS n (year, last) SELECT $4, count(*) FROM fresh HAVING count(*) > 0
  ON CONFLICT (year) DO UPDATE SET last = n.last + excluded.last
  RETURNING last - (SELECT count(*) FROM fresh) AS base),
born AS (
  INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, ends, drafted_at, changed_at, policy_id, sequence, year, kind, days, algorithm, waits_for)
  SELECT f.id, f.holder_id, f.keystore_id, e.id, f.not_after, $3, $3, ($6)[f.governing + 1], number.base + f.n, $4, f.kind, ($7)[f.governing + 1],
         f.algorithm, f.waits_for
  FROM e, number, fresh f
  ON CONFLICT (certificate_id) WHERE open DO NOTHING
  RETURNING id, certificate_id, holder_id, policy_id, sequence),
event AS (
  INSERT INTO application_event (id, at, count, first_sequence, last_sequence, year, from_state, to_state, actor)
  SELECT (SELECT id FROM e), $3, count(*), min(sequence), max(sequence), $4, 0, 1, $5 FROM born HAVING count(*) > 0
  RETURNING id, count, first_sequence, last_sequence),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $3, $5, 'application.drafted', 'event ' || v.id,
         json_build_object('count', v.count, 'first', application_number($4, v.first_sequence), 'last', application_number($4, v.last_sequence))::text
  FROM event v),
jobs AS (INSERT INTO job (run_at, made_at, subject, kind) SELECT $3, $3, v.id, 20 FROM event v),
-- the register's name where the certificate has another one and exactly one CN that can be replaced
renamed AS MATERIALIZED (SELECT b.id, b.certificate_id, b.holder_id FROM (SELECT id FROM fresh WHERE renamed) f JOIN born b ON b.certificate_id = f.id),
changes AS (
  INSERT INTO application_change (application_id, field, old, new)
  SELECT r.id, 'subject.2.5.4.3', c.cn, h.name FROM renamed r
  CROSS JOIN LATERAL (SELECT cn, subject FROM certificate WHERE id = r.certificate_id OFFSET 0) AS c JOIN holder h ON h.id = r.holder_id
  WHERE regexp_count(c.subject, '(^|[,+])CN=') = 1 AND c.subject !~ '(^|[^\\])\+')
SELECT 0 AS what, array_position($6, b.policy_id) - 1 AS governing, count(*) AS count, NULL::int AS sequence, NULL::bytea AS certificate, NULL::text AS holder,
       NULL::text AS holder_name, NULL::bigint AS due, NULL::timestamptz AS not_after, NULL::text AS why
FROM born b GROUP BY b.policy_id
UNION ALL
(SELECT 1, f.governing, NULL, b.sequence, (SELECT c.sha256 FROM certificate c WHERE c.id = b.certificate_id), h.number, h.name,
        extract(epoch FROM f.due)::bigint, f.not_after, NULL
 FROM (SELECT * FROM born ORDER BY sequence LIMIT $10) b JOIN fresh f ON f.id = b.certificate_id JOIN holder h ON h.id = b.holder_id
 ORDER BY b.sequence)
