-- What one application changes: rows of the draft, then corrections by age.
-- params: year smallint, sequence int
SELECT x.application_id, 0::bigint AS turn, x.field, x.old, x.new FROM application a JOIN application_change x ON x.application_id = a.id
WHERE a.year = $1 AND a.sequence = $2
UNION ALL
SELECT x.application_id, x.id, x.field, '', x.value FROM application a JOIN application_correction x ON x.application_id = a.id AND x.field <> 'keystore'
WHERE a.year = $1 AND a.sequence = $2
ORDER BY 1, 2
