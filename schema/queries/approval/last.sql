-- The statement accepted last, and the audit log's newest checkpoint.
-- params: none
SELECT (SELECT statement_sha256 FROM approval p WHERE NOT EXISTS (SELECT FROM approval n WHERE n.previous = p.statement_sha256)) AS previous,
       h.size, h.root
FROM (SELECT 1) AS one LEFT JOIN LATERAL (SELECT size, root FROM audit_head ORDER BY size DESC LIMIT 1) AS h ON true
