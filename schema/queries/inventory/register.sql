-- A page of the staff register with the number of live certificates.
-- params: after bigint, limit bigint
SELECT h.id, h.number, h.name, coalesce(h.iin, '') AS iin, coalesce(h.email, '') AS email, coalesce(d.name, '') AS department,
       coalesce(h.position, '') AS position, h.status, h.leave_until,
       (SELECT count(*) FROM certificate c WHERE c.holder_id = h.id AND c.status = 1) AS certificates
FROM holder h LEFT JOIN department d ON d.id = h.department_id WHERE h.id > $1 ORDER BY h.id LIMIT $2
