-- The dictionary of departments, for the compiler.
-- params: none
SELECT id, name FROM department ORDER BY id
