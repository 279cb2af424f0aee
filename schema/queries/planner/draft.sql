-- Drafts every due certificate once: one event, one audit entry, one job for the set. Text between the marks is compiled from the policies.
-- params: as_of timestamptz, horizon timestamptz, now timestamptz, year smallint, actor text, versions int[], days smallint[], keys smallint[], confirms bool[], items bigint
WITH p (index, action, before_s, spread_s) AS (VALUES /*policies*/ (0, 0, 0::bigint, 0::bigint) /*end*/),
governed AS (
  SELECT c.*, /*governing*/ NULL::int /*end*/ AS governing FROM certificate c
  WHERE c.status = 1 AND c.not_after > $1 AND c.not_after <= $2 AND NOT c.is_ca AND c.decodable AND c.holder_id IS NOT NULL),
due AS MATERIALIZED (
  SELECT c.id, c.holder_id, c.governing, x.due, c.not_after, c.cn, c.key_algorithm
  FROM governed c JOIN p ON p.index = c.governing AND p.action = 2
  CROSS JOIN LATERAL (SELECT
    extract(epoch FROM c.not_after)::bigint - p.before_s + ((c.jitter::bigint * p.spread_s) >> 31)) AS x (due)
  WHERE x.due <= extract(epoch FROM $1::timestamptz)::bigint),
fit AS (
  SELECT d.*, h.number, h.name, h.email FROM due d JOIN holder h ON h.id = d.holder_id AND h.status <> 3
  WHERE NOT EXISTS (SELECT FROM application a WHERE a.certificate_id = d.id AND a.open)
    AND NOT EXISTS (SELECT FROM application_memory m WHERE m.certificate_id = d.id AND m.holder_id = d.holder_id AND m.policy_id = ($6)[d.governing + 1])),
-- where the key is: the holder's own place first, then one that can be opened, then where it was seen first
placed AS MATERIALIZED (
  SELECT DISTINCT ON (d.id) d.*, k.id AS keystore_id, k.status AS keystore_status, k.storage AS keystore_storage, k.workstation_id
  FROM fit d JOIN placement l ON l.certificate_id = d.id AND l.gone_at IS NULL AND l.has_key IS NOT FALSE
  JOIN keystore k ON k.id = l.keystore_id AND k.status IN (1, 2) AND k.workstation_id IS NOT NULL
  ORDER BY d.id, coalesce(k.owner = d.number OR k.owner <> '' AND lower(k.owner) = split_part(lower(d.email), '@', 1), false) DESC,
           k.status, l.first_seen, k.id),
fresh AS MATERIALIZED (SELECT d.*, row_number() OVER (ORDER BY d.due, d.id) AS n FROM placed d),
e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
number AS (
  INSERT INTO application_counter AS n (year, last) SELECT $4, count(*) FROM fresh HAVING count(*) > 0
  ON CONFLICT (year) DO UPDATE SET last = n.last + excluded.last
  RETURNING last - (SELECT count(*) FROM fresh) AS base),
born AS (
  INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, ends, drafted_at, changed_at, policy_id, sequence, year, kind, days, algorithm, waits_for)
  SELECT f.id, f.holder_id, f.keystore_id, e.id, f.not_after, $3, $3, ($6)[f.governing + 1], number.base + f.n, $4,
         CASE WHEN f.key_algorithm IN ('ed25519', 'ed448') THEN 2 ELSE 1 END, ($7)[f.governing + 1],
         CASE WHEN ($8)[f.governing + 1] > 0 THEN ($8)[f.governing + 1]
              WHEN f.key_algorithm IN ('ec-p384', 'ec-p521') THEN 2
              WHEN f.key_algorithm ~ '^rsa-[1-9][0-9]{2,4}$' THEN CASE WHEN substr(f.key_algorithm, 5)::int <= 3072 THEN 3 ELSE 4 END
              ELSE 1 END,
         CASE WHEN f.keystore_status = 2 THEN 1 WHEN f.keystore_storage = 2 THEN 2 WHEN g.id IS NULL THEN 3
              WHEN ($9)[f.governing + 1] THEN 4 END
  FROM e, number, fresh f LEFT JOIN agent g ON g.workstation_id = f.workstation_id AND g.state = 2
  ORDER BY f.n
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
renamed AS MATERIALIZED (
  SELECT f.id, f.cn, f.name FROM fresh f
  WHERE f.cn <> f.name AND f.name <> '' AND f.cn <> '' AND length(f.name) <= 64 AND octet_length(f.name) <= 256 AND octet_length(f.cn) <= 256
    AND folded(f.cn) <> folded(f.name)),
changes AS (
  INSERT INTO application_change (application_id, field, old, new)
  SELECT b.id, 'subject.2.5.4.3', f.cn, f.name
  FROM renamed f JOIN born b ON b.certificate_id = f.id JOIN certificate c ON c.id = f.id
  WHERE regexp_count(c.subject, '(^|[,+])CN=') = 1 AND c.subject !~ '(^|[^\\])\+')
SELECT 0 AS what, f.governing, count(*) AS count, NULL::int AS sequence, NULL::bytea AS certificate, NULL::text AS holder, NULL::text AS holder_name,
       NULL::bigint AS due, NULL::timestamptz AS not_after, NULL::text AS why
FROM born b JOIN fresh f ON f.id = b.certificate_id GROUP BY f.governing
UNION ALL
(SELECT 1, f.governing, NULL, b.sequence, c.sha256, f.number, f.name, f.due, f.not_after, NULL
 FROM (SELECT * FROM born ORDER BY sequence LIMIT $10) b JOIN fresh f ON f.id = b.certificate_id JOIN certificate c ON c.id = b.certificate_id
 ORDER BY b.sequence)
