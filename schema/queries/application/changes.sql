-- What applications change: rows of the draft (order 0), then corrections by age.
-- params: ids bigint[]
SELECT application_id, 0::bigint AS turn, field, old, new FROM application_change WHERE application_id = ANY ($1)
UNION ALL
SELECT application_id, id, field, '', value FROM application_correction WHERE application_id = ANY ($1) AND field <> 'keystore'
ORDER BY 1, 2
