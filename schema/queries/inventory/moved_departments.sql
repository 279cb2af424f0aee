-- Certificates follow their holders into other departments.
-- params: none
UPDATE certificate c SET department_id = h.department_id FROM holder h
WHERE c.holder_id = h.id AND c.department_id IS DISTINCT FROM h.department_id
