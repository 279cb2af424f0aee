-- The staff register, set by set; what is the same is not touched.
-- params: numbers text[], names text[], iins text[], emails text[], phones text[], departments text[], positions text[], localities text[], managers text[], statuses int[], leaves date[], locales text[], now timestamptz, actor text
WITH given AS (
  SELECT u.*, d.id AS department_id
  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    AS u (number, name, iin, email, phone, department, position, locality, manager, status, leave, locale)
  LEFT JOIN department d ON d.name = u.department),
put AS (
  INSERT INTO holder AS h (number, name, iin, email, phone, department_id, position, locality, manager, status, leave_until, locale, changed_at)
  SELECT g.number, g.name, nullif(g.iin, ''), nullif(g.email, ''), nullif(g.phone, ''), g.department_id, nullif(g.position, ''), nullif(g.locality, ''),
         nullif(g.manager, ''), g.status, g.leave, g.locale, $13
  FROM given g ORDER BY g.number
  ON CONFLICT (number) DO UPDATE SET name = excluded.name, iin = excluded.iin, email = excluded.email, phone = excluded.phone,
    department_id = excluded.department_id, position = excluded.position, locality = excluded.locality, manager = excluded.manager,
    status = excluded.status, leave_until = excluded.leave_until, locale = excluded.locale, changed_at = excluded.changed_at
  WHERE (h.name, h.iin, h.email, h.phone, h.department_id, h.position, h.locality, h.manager, h.status, h.leave_until, h.locale)
    IS DISTINCT FROM (excluded.name, excluded.iin, excluded.email, excluded.phone, excluded.department_id, excluded.position, excluded.locality,
                      excluded.manager, excluded.status, excluded.leave_until, excluded.locale)
  RETURNING xmax = 0 AS added),
entry AS (
  INSERT INTO audit_inbox (at, actor, verb, subject, body)
  SELECT $13, $14, 'employees.imported', 'register',
         json_build_object('rows', cardinality($1), 'added', count(*) FILTER (WHERE added), 'changed', count(*) FILTER (WHERE NOT added))::text FROM put)
SELECT count(*) FILTER (WHERE added) AS added, count(*) FILTER (WHERE NOT added) AS changed FROM put
