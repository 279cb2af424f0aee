-- Many applications move by one event and one audit entry; all of them or none.
-- params: ids bigint[], revs int[], from smallint, to smallint, waits smallint, now timestamptz, batch bigint, root bytea, actor text, code text, why text
WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
want AS MATERIALIZED (SELECT w.id, w.rev FROM unnest($1, $2) AS w (id, rev) ORDER BY w.id),
moved AS (
  UPDATE application a SET state = $4, rev = a.rev + 1, event_id = e.id, changed_at = $6, waits_for = nullif($5, 0),
         failed_in = CASE WHEN $4 = 11 THEN a.state END
  FROM e, want w WHERE a.id = w.id AND a.state = $3 AND a.rev = coalesce(w.rev, a.rev) RETURNING a.id),
event AS (
  INSERT INTO application_event (id, at, batch_id, count, from_state, to_state, root, actor, code, note)
  SELECT e.id, $6, $7, (SELECT count(*) FROM moved), $3, $4, $8, $9, $10, $11 FROM e WHERE EXISTS (SELECT FROM moved) RETURNING count),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $6, $9, 'application.' || s.name, coalesce('batch ' || $7, encode($8, 'hex')),
         json_build_object('from', f.name, 'count', v.count, 'root', encode($8, 'hex'), 'code', $10::text, 'why', $11::text)::text
  FROM event v JOIN application_state s ON s.id = $4 JOIN application_state f ON f.id = $3)
SELECT expect((SELECT count(*) FROM moved), cardinality($1), 'applications') AS moved
