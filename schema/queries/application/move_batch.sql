-- The applications of a batch's leaves move by one event and one audit entry. step: rev minus app_rev. decision NULL: every leaf.
-- params: batch bigint, from smallint, to smallint, waits smallint, step int, decision smallint, last bool, wanted bigint, now timestamptz, root bytea, actor text, why text
WITH e AS MATERIALIZED (SELECT nextval('application_event_id_seq') AS id),
moved AS (
  UPDATE application a SET state = $3, rev = a.rev + 1, event_id = e.id, changed_at = $9, waits_for = nullif($4, 0)
  FROM e, batch_leaf l LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
  WHERE l.batch_id = $1 AND a.id = l.application_id AND a.state = $2
    AND CASE WHEN $7 THEN a.rev > l.app_rev AND NOT EXISTS (SELECT FROM batch_leaf x WHERE x.application_id = a.id AND x.batch_id > $1)
             ELSE a.rev = l.app_rev + $5 END
    AND ($6 IS NULL OR coalesce(d.decision, 1) = $6)
  RETURNING a.id),
event AS (
  INSERT INTO application_event (id, at, batch_id, count, from_state, to_state, root, actor, note)
  SELECT e.id, $9, $1, (SELECT count(*) FROM moved), $2, $3, $10, $11, $12 FROM e WHERE EXISTS (SELECT FROM moved) RETURNING count),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $9, $11, 'application.' || s.name, lpad(b.year::text, 2, '0') || '-' || b.sequence,
         json_build_object('from', f.name, 'count', v.count, 'root', encode($10, 'hex'), 'why', $12::text)::text
  FROM event v JOIN batch b ON b.id = $1 JOIN application_state s ON s.id = $3 JOIN application_state f ON f.id = $2)
SELECT expect((SELECT count(*) FROM moved), $8, 'the applications of the batch') AS moved
