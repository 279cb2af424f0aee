-- The next chunk of prepare jobs of a set of drafts; the set's own job goes with its last chunk.
-- params: now timestamptz, chunk bigint
WITH next AS MATERIALIZED (
  SELECT j.id, j.subject, j.progress FROM job j WHERE j.kind = 20 ORDER BY j.id LIMIT 1 FOR UPDATE SKIP LOCKED),
chunk AS MATERIALIZED (
  SELECT a.id, a.sequence, a.state, a.keystore_id FROM next s JOIN application_event e ON e.id = s.subject
  JOIN application a ON a.year = e.year AND a.sequence > greatest(s.progress, e.first_sequence - 1) AND a.sequence <= e.last_sequence
  ORDER BY a.sequence LIMIT $2),
jobs AS (
  INSERT INTO job (run_at, made_at, subject, agent_id, kind)
  SELECT $1, $1, c.id, g.id, 2 FROM chunk c JOIN keystore k ON k.id = c.keystore_id JOIN agent g ON g.workstation_id = k.workstation_id AND g.state = 2
  WHERE c.state = 1 ORDER BY c.sequence
  ON CONFLICT (kind, subject) DO NOTHING RETURNING id),
step AS (UPDATE job j SET progress = (SELECT max(sequence) FROM chunk) FROM next s WHERE j.id = s.id AND (SELECT count(*) FROM chunk) = $2),
done AS (DELETE FROM job j USING next s WHERE j.id = s.id AND (SELECT count(*) FROM chunk) < $2)
SELECT (SELECT count(*) FROM next) AS sets, (SELECT count(*) FROM jobs) AS jobs
