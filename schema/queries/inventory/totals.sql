-- How much there is.
-- params: none
SELECT (SELECT count(*) FROM certificate) AS certificates, (SELECT count(*) FROM holder) AS holders,
       (SELECT count(*) FROM certificate WHERE holder_id IS NULL AND status = 1 AND NOT is_ca) AS unlinked,
       (SELECT count(*) FROM keystore WHERE status <> 4) AS keystores
