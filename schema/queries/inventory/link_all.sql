-- Links every unlinked certificate to its holder where exactly one fits (after the register changed).
-- params: none
WITH fits AS (
  SELECT c.certificate_id, c.way, min(c.holder_id) AS holder_id FROM certificate_candidate c GROUP BY 1, 2 HAVING count(DISTINCT c.holder_id) = 1),
best AS (SELECT DISTINCT ON (certificate_id) certificate_id, way, holder_id FROM fits ORDER BY certificate_id, way)
UPDATE certificate c SET holder_id = b.holder_id, department_id = h.department_id, link = b.way
FROM best b JOIN holder h ON h.id = b.holder_id WHERE c.id = b.certificate_id AND c.holder_id IS NULL
