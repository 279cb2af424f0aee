-- Links the certificates of a report to their holders where exactly one fits, by IIN, else e-mail, else keystore owner.
-- params: sha bytea[]
WITH fits AS (
  SELECT c.certificate_id, c.way, min(c.holder_id) AS holder_id FROM certificate_candidate c
  WHERE c.certificate_id IN (SELECT id FROM certificate WHERE sha256 = ANY ($1)) GROUP BY 1, 2 HAVING count(DISTINCT c.holder_id) = 1),
best AS (SELECT DISTINCT ON (certificate_id) certificate_id, way, holder_id FROM fits ORDER BY certificate_id, way)
UPDATE certificate c SET holder_id = b.holder_id, department_id = h.department_id, link = b.way
FROM best b JOIN holder h ON h.id = b.holder_id WHERE c.id = b.certificate_id AND c.holder_id IS NULL
