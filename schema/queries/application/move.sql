-- One move with its event and its audit entry; refused as stale unless state and rev are as they were read.
-- params: id bigint, rev int, from smallint, to smallint, waits smallint, now timestamptz, batch bigint, actor text, code text, why text
WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
moved AS (
  UPDATE application a SET state = $4, rev = a.rev + 1, event_id = e.id, changed_at = $6, waits_for = nullif($5, 0),
         failed_in = CASE WHEN $4 = 11 THEN a.state END
  FROM e WHERE a.id = $1 AND a.rev = $2 AND a.state = $3 RETURNING a.id, a.rev, a.year, a.sequence),
event AS (
  INSERT INTO application_event (id, at, application_id, batch_id, rev, count, from_state, to_state, actor, code, note)
  SELECT e.id, $6, m.id, $7, m.rev, 1, $3, $4, $8, $9, $10 FROM e, moved m),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $6, $8, 'application.' || s.name, application_number(m.year, m.sequence),
         json_build_object('from', f.name, 'code', $9::text, 'why', $10::text)::text
  FROM moved m JOIN application_state s ON s.id = $4 JOIN application_state f ON f.id = $3)
SELECT expect((SELECT count(*) FROM moved), 1, 'application') AS moved
