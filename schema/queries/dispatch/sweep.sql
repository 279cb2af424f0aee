-- What fell between: issued ones without a job, and prepare jobs of an agent that was replaced.
-- params: now timestamptz
WITH moved AS (
  UPDATE job j SET id = DEFAULT, agent_id = k.agent_id, owner = NULL, run_at = $1
  FROM application a JOIN keystore_where k ON k.id = a.keystore_id
  WHERE j.kind = 2 AND a.id = j.subject AND k.agent_id IS NOT NULL AND k.agent_id <> j.agent_id)
INSERT INTO job (run_at, made_at, subject, agent_id, kind)
SELECT $1, $1, a.id, k.agent_id, 3
FROM application a JOIN keystore_where k ON k.id = a.keystore_id JOIN application_issue i ON i.application_id = a.id
WHERE a.open AND a.state = 6 AND k.agent_id IS NOT NULL
  AND NOT EXISTS (SELECT FROM job j WHERE j.kind IN (3, 5, 23) AND j.subject = a.id)
  AND NOT EXISTS (SELECT FROM batch_leaf l JOIN batch b ON b.id = l.batch_id AND b.state = 4
                  WHERE l.application_id = a.id AND NOT EXISTS (SELECT FROM batch_leaf x WHERE x.application_id = a.id AND x.batch_id > l.batch_id))
ORDER BY a.id
ON CONFLICT (kind, subject) DO NOTHING
