-- Gives a lease up: it ends now.
-- params: name text, owner text, now timestamptz
UPDATE lease SET until = $3 WHERE name = $1 AND owner = $2
