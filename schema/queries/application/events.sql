-- The events of one application, its set moves included (by batch, or by the numbers that were drafted).
-- params: year smallint, sequence int
SELECT e.at, e.from_state, e.to_state, e.actor, e.code, e.note
FROM application a JOIN application_event e ON e.application_id = a.id
WHERE a.year = $1 AND a.sequence = $2
UNION ALL
SELECT e.at, e.from_state, e.to_state, e.actor, e.code, e.note
FROM application a JOIN application_event e ON e.application_id IS NULL AND e.batch_id IS NULL AND e.from_state = 0
  AND e.year = a.year AND a.sequence BETWEEN e.first_sequence AND e.last_sequence AND e.at = a.drafted_at
WHERE a.year = $1 AND a.sequence = $2
UNION ALL
SELECT e.at, e.from_state, e.to_state, e.actor, e.code, e.note
FROM application a JOIN batch_leaf l ON l.application_id = a.id JOIN application_event e ON e.batch_id = l.batch_id AND e.application_id IS NULL
LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
WHERE a.year = $1 AND a.sequence = $2
  AND (e.from_state <> 3 OR e.to_state = CASE coalesce(d.decision, 1) WHEN 1 THEN 4 WHEN 2 THEN 2 ELSE 9 END
       OR (SELECT b.state FROM batch b WHERE b.id = l.batch_id) = 3)
  AND (e.from_state < 4 OR e.id <= a.event_id)
ORDER BY at, to_state
