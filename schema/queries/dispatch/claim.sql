-- The next jobs of an agent: those sent to a connection that is gone, then new ones under new ids, as many as the flow allows.
-- params: agent bigint, after bigint, now timestamptz, trust bool, until timestamptz, flow bigint
WITH mine AS MATERIALIZED (
  SELECT id, prio, kind, owner = 1 AND run_at > $3 AS sent, run_at <= $3 AS due FROM job WHERE agent_id = $1 ORDER BY id FOR UPDATE SKIP LOCKED),
fresh AS MATERIALIZED (
  SELECT id FROM mine WHERE due AND ($4 OR kind <> 2) ORDER BY prio, id
  LIMIT (SELECT greatest($6 - count(*) FILTER (WHERE sent), 0) FROM mine)),
again AS (UPDATE job j SET run_at = $5 FROM mine m WHERE j.id = m.id AND m.sent AND m.id > $2 RETURNING j.id, j.kind, j.subject),
taken AS (UPDATE job j SET id = DEFAULT, owner = 1, run_at = $5, attempt = least(j.attempt + 1, 32000) FROM fresh f WHERE j.id = f.id
          RETURNING j.id, j.kind, j.subject)
SELECT id, kind, subject FROM again UNION ALL SELECT id, kind, subject FROM taken ORDER BY id
