-- One application by year and sequence.
-- params: year smallint, sequence int
SELECT * FROM application_full WHERE year = $1 AND sequence = $2
