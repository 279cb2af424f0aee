-- Applications by id, in the order of their numbers.
-- params: ids bigint[]
SELECT * FROM application_full WHERE id = ANY ($1) ORDER BY year, sequence
