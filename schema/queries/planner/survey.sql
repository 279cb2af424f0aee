-- What is due at a time, and what keeps the rest of it from being drafted; changes nothing. Text between the marks is compiled.
-- params: as_of timestamptz, horizon timestamptz, versions int[], items bigint
WITH p (index, action, before_s, spread_s) AS (VALUES /*policies*/ (0, 0, 0::bigint, 0::bigint) /*end*/),
governed AS (
  SELECT c.*, /*governing*/ NULL::int /*end*/ AS governing FROM certificate c WHERE c.not_after > $1 AND c.not_after <= $2),
due AS MATERIALIZED (
  SELECT c.id, c.sha256, c.holder_id, c.governing, x.due, c.not_after, c.is_ca, c.status, c.decodable
  FROM governed c JOIN p ON p.index = c.governing AND p.action = 2
  CROSS JOIN LATERAL (SELECT
    extract(epoch FROM c.not_after)::bigint - p.before_s + ((c.jitter::bigint * p.spread_s) >> 31)) AS x (due)
  WHERE x.due <= extract(epoch FROM $1::timestamptz)::bigint),
keyed AS (
  SELECT DISTINCT l.certificate_id AS id FROM due d JOIN placement l ON l.certificate_id = d.id AND l.gone_at IS NULL AND l.has_key IS NOT FALSE
  JOIN keystore k ON k.id = l.keystore_id AND k.status IN (1, 2) AND k.workstation_id IS NOT NULL),
judged AS MATERIALIZED (
  SELECT d.*, h.number, h.name,
         CASE WHEN d.is_ca THEN 'ca-certificate' WHEN d.status = 2 THEN 'superseded' WHEN d.status > 2 THEN 'revoked'
              WHEN h.status = 3 THEN 'holder-left' WHEN h.id IS NULL THEN 'no-holder' WHEN NOT d.decodable THEN 'cannot-be-verified'
              WHEN y.id IS NULL THEN 'no-key' WHEN a.id IS NOT NULL THEN 'open-application'
              WHEN m.policy_id IS NOT NULL THEN 'refused-before' ELSE 'due' END AS why
  FROM due d LEFT JOIN holder h ON h.id = d.holder_id LEFT JOIN keyed y ON y.id = d.id
  LEFT JOIN application a ON a.certificate_id = d.id AND a.open
  LEFT JOIN application_memory m ON m.certificate_id = d.id AND m.holder_id = d.holder_id AND m.policy_id = ($3)[d.governing + 1])
SELECT 0 AS what, j.governing, count(*) AS count, NULL::int AS sequence, NULL::bytea AS certificate, NULL::text AS holder, NULL::text AS holder_name,
       NULL::bigint AS due, NULL::timestamptz AS not_after, NULL::text AS why
FROM judged j WHERE j.why = 'due' GROUP BY j.governing
UNION ALL
(SELECT 1, j.governing, NULL, NULL, j.sha256, j.number, j.name, j.due, j.not_after, NULL FROM judged j WHERE j.why = 'due'
 ORDER BY j.due, j.id LIMIT $4)
UNION ALL
SELECT 2, NULL, count(*), NULL, NULL, NULL, NULL, NULL, NULL, j.why FROM judged j WHERE j.why <> 'due' GROUP BY j.why
