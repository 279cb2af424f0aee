-- Retry: a new application with a new number, like an ended one, with its event, audit entry and prepare job.
-- params: id bigint, now timestamptz, year smallint, actor text
WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
number AS (
  INSERT INTO application_counter AS n (year, last) VALUES ($3, 1) ON CONFLICT (year) DO UPDATE SET last = n.last + 1 RETURNING last),
born AS (
  INSERT INTO application (certificate_id, holder_id, keystore_id, event_id, ends, drafted_at, changed_at, policy_id, sequence, year, kind, days, algorithm, waits_for)
  SELECT a.certificate_id, a.holder_id, a.keystore_id, e.id, a.ends, $2, $2, a.policy_id, number.last, $3, a.kind, a.days, a.algorithm,
         CASE WHEN k.status = 2 THEN 1 WHEN k.agent_id IS NULL THEN 3 WHEN v.confirm THEN 4 END
  FROM e, number, application a JOIN certificate c ON c.id = a.certificate_id JOIN policy_version v ON v.id = a.policy_id
  LEFT JOIN keystore_where k ON k.id = a.keystore_id
  WHERE a.id = $1 AND a.state IN (9, 10, 12) AND c.status = 1 AND a.ends > $2
  RETURNING id, year, sequence),
event AS (
  INSERT INTO application_event (id, at, application_id, rev, count, first_sequence, last_sequence, year, from_state, to_state, actor, note)
  SELECT e.id, $2, b.id, 1, 1, b.sequence, b.sequence, b.year, 0, 1, $4, 'retry of ' || application_number(a.year, a.sequence)
  FROM e, born b, application a WHERE a.id = $1),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $2, $4, 'application.drafted', application_number(b.year, b.sequence), json_build_object('retry-of', application_number(a.year, a.sequence))::text
  FROM born b, application a WHERE a.id = $1),
changes AS (
  INSERT INTO application_change (application_id, field, old, new)
  SELECT b.id, x.field, x.old, x.new FROM born b, application_change x WHERE x.application_id = $1),
jobs AS (
  INSERT INTO job (run_at, made_at, subject, agent_id, kind)
  SELECT $2, $2, b.id, k.agent_id, 2 FROM born b, application a JOIN keystore_where k ON k.id = a.keystore_id
  WHERE a.id = $1 AND k.agent_id IS NOT NULL
  ON CONFLICT (kind, subject) DO NOTHING)
SELECT expect((SELECT count(*) FROM born), 1, 'the ended application') AS born, (SELECT sequence FROM born) AS sequence
