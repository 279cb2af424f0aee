-- What is prepared and whose certificate lies in several places: copied: its key lies on two workstations or under two owners; moved: another workstation had it first.
-- params: none
WITH several AS MATERIALIZED (SELECT certificate_id FROM placement WHERE certificate_id IS NOT NULL GROUP BY certificate_id HAVING count(*) > 1)
SELECT * FROM (
  SELECT a.id, coalesce(min(k.workstation_id) FILTER (WHERE x.live) <> max(k.workstation_id) FILTER (WHERE x.live)
                     OR min(nullif(k.owner, '')) FILTER (WHERE x.live) <> max(nullif(k.owner, '')) FILTER (WHERE x.live), false) AS copied,
         coalesce(min(l.first_seen) FILTER (WHERE k.workstation_id <> mine.workstation_id)
                < min(l.first_seen) FILTER (WHERE k.workstation_id = mine.workstation_id), false) AS moved
  FROM several s JOIN application a ON a.certificate_id = s.certificate_id AND a.open AND a.state = 2
  LEFT JOIN keystore mine ON mine.id = a.keystore_id
  JOIN placement l ON l.certificate_id = s.certificate_id JOIN keystore k ON k.id = l.keystore_id
  CROSS JOIN LATERAL (SELECT l.gone_at IS NULL AND l.has_key IS NOT FALSE AND k.status IN (1, 2)) AS x (live)
  GROUP BY a.id) AS y
WHERE y.copied OR y.moved ORDER BY y.id
