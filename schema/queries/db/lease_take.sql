-- Takes or renews a lease: the epoch grows when it changes hands; no row = somebody else holds it.
-- params: name text, owner text, now timestamptz, ttl_s int8
INSERT INTO lease AS l (name, epoch, owner, until)
VALUES ($1, 1, $2, $3 + make_interval(secs => $4))
ON CONFLICT (name) DO UPDATE
   SET owner = excluded.owner, until = excluded.until, epoch = l.epoch + (l.owner <> excluded.owner)::int
 WHERE l.owner = excluded.owner OR l.until <= $3
RETURNING epoch
