-- A batch in building, with the next number of the year.
-- params: year smallint, now timestamptz, actor text
INSERT INTO batch (year, sequence, taken, opened_by) SELECT $1, coalesce(max(sequence), 0) + 1, $2, $3 FROM batch WHERE year = $1
RETURNING id, sequence
