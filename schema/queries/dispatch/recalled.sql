-- Issued applications of a recalled batch whose cancel job is among these.
-- params: agent bigint, ids bigint[]
SELECT a.id, a.rev FROM job j JOIN application a ON a.id = j.subject AND a.state = 6
WHERE j.agent_id = $1 AND j.id = ANY ($2) AND j.kind = 5
  AND EXISTS (SELECT FROM batch_leaf l JOIN batch b ON b.id = l.batch_id AND b.state = 4
              WHERE l.application_id = a.id AND NOT EXISTS (SELECT FROM batch_leaf x WHERE x.application_id = a.id AND x.batch_id > l.batch_id))
ORDER BY a.id
