-- A correction before the signature; a new keystore needs an event, because it moves the application to another agent.
-- params: id bigint, rev int, field text, value text, keystore bigint, now timestamptz, actor text
WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
moved AS (
  UPDATE application a SET rev = a.rev + 1, changed_at = $6, event_id = e.id, keystore_id = coalesce($5, a.keystore_id)
  FROM e WHERE a.id = $1 AND a.rev = $2 AND a.state = 1 RETURNING a.id, a.rev, a.year, a.sequence, a.keystore_id),
event AS (
  INSERT INTO application_event (id, at, application_id, rev, count, from_state, to_state, actor, note)
  SELECT e.id, $6, m.id, m.rev, 1, 1, 1, $7, 'corrected: ' || $3 FROM e, moved m),
correction AS (
  INSERT INTO application_correction (application_id, field, value, actor, at) SELECT m.id, $3, $4, $7, $6 FROM moved m),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $6, $7, 'application.corrected', application_number(m.year, m.sequence), json_build_object('field', $3::text, 'rev', m.rev)::text FROM moved m),
gone AS (DELETE FROM job WHERE kind = 2 AND subject = $1)
SELECT expect((SELECT count(*) FROM moved), 1, 'application') AS moved
