-- The issuers of a report that are new.
-- params: names text[], ders bytea[]
INSERT INTO issuer (name, subject_der)
SELECT DISTINCT ON (u.der) u.name, u.der FROM unnest($1, $2) AS u (name, der)
WHERE NOT EXISTS (SELECT FROM issuer i WHERE i.subject_der = u.der AND i.aki = '') ORDER BY u.der
ON CONFLICT (subject_der, aki) DO NOTHING
