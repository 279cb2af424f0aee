-- Views that several rooms read, and the number of an application as people read it.

-- TRUST F1 `no`: year, sequence of at least 6 digits, Damm check digit over both (the table of Damm's thesis, row by row).
CREATE FUNCTION application_number(year smallint, sequence int) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  y text := lpad(year::text, 2, '0');
  s text := lpad(sequence::text, greatest(6, length(sequence::text)), '0');
  damm CONSTANT text := '0317598642709215486342068713591750983426612304597836742095815869720134894536201794386172052581436790';
  i int := 0;
BEGIN
  FOR k IN 1 .. length(y || s) LOOP i := substr(damm, i * 10 + substr(y || s, k, 1)::int + 1, 1)::int; END LOOP;
  RETURN y || '-' || s || '-' || i;
END $$;

-- A keystore with its workstation: NULL is the place of files that were imported at the service.
CREATE VIEW keystore_where AS
  SELECT k.id, k.kind, k.storage, k.status, k.path, k.owner, k.workstation_id, coalesce(w.name, 'import') AS host,
         (ARRAY['', 'pkcs12', 'pem', 'pkcs11', 'nss', 'windows', 'der'])[k.kind + 1] AS store,
         a.id AS agent_id, coalesce(a.agent, '') AS agent
  FROM keystore k LEFT JOIN workstation w ON w.id = k.workstation_id
  LEFT JOIN agent a ON a.workstation_id = w.id AND a.state = 2;
GRANT SELECT ON keystore_where TO tamga_run;

CREATE VIEW application_full AS
  SELECT a.id, a.rev, a.certificate_id, a.holder_id, a.keystore_id, a.policy_id, a.event_id, a.year, a.sequence, a.state, a.failed_in,
         a.kind, a.waits_for, a.attempt, a.days, a.algorithm, a.drafted_at, a.changed_at, a.ends, a.open,
         h.number AS holder, h.name AS holder_name, coalesce(d.name, '') AS department,
         v.name AS policy, v.hash AS policy_hash, v.ca AS connector, v.confirm,
         c.sha256 AS certificate, c.subject,
         coalesce(k.path, '') AS path, coalesce(k.store, '') AS store, coalesce(k.host, '') AS host,
         k.agent_id, coalesce(k.agent, '') AS agent,
         r.consent, r.spki_sha256 AS key, coalesce(l.flags, r.flags, '') AS flags,
         l.batch_id, b.year AS batch_year, b.sequence AS batch_sequence,
         n.sha256 AS new_certificate, n.not_after AS new_not_after,
         coalesce(f.code, '') AS code, coalesce(f.note, '') AS error
  FROM application a JOIN holder h ON h.id = a.holder_id JOIN policy_version v ON v.id = a.policy_id
  JOIN certificate c ON c.id = a.certificate_id
  LEFT JOIN department d ON d.id = h.department_id
  LEFT JOIN keystore_where k ON k.id = a.keystore_id
  LEFT JOIN application_csr r ON r.application_id = a.id AND r.attempt = a.attempt
  LEFT JOIN LATERAL (SELECT x.batch_id, x.flags FROM batch_leaf x WHERE x.application_id = a.id ORDER BY x.batch_id DESC LIMIT 1) l ON true
  LEFT JOIN batch b ON b.id = l.batch_id
  LEFT JOIN application_issue i ON i.application_id = a.id
  LEFT JOIN certificate n ON n.id = i.certificate_id
  LEFT JOIN application_event f ON f.id = a.event_id AND a.state = 11;
GRANT SELECT ON application_full TO tamga_run;

-- A name without regard to letter case, in any script; compared byte by byte so that an index serves.
CREATE FUNCTION folded(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT lower(name COLLATE "und-x-icu") COLLATE "C" $$;
CREATE INDEX holder_folded ON holder (folded(name));
CREATE INDEX holder_login ON holder (split_part(lower(email), '@', 1)) WHERE email IS NOT NULL;

-- Who an unlinked certificate may belong to: by IIN, by e-mail, by the login that owns its keystore (the part of the
-- e-mail before @, or the register number; not where the name of the certificate is another holder's).
CREATE VIEW certificate_candidate AS
  WITH loose AS NOT MATERIALIZED (SELECT * FROM certificate WHERE holder_id IS NULL AND status = 1 AND NOT is_ca)
  SELECT c.id AS certificate_id, h.id AS holder_id, 1 AS way FROM loose c JOIN holder h ON h.iin = c.iin WHERE c.iin <> ''
  UNION ALL
  SELECT c.id, h.id, 2 FROM loose c JOIN holder h ON lower(h.email) = lower(c.email) WHERE c.email <> ''
  UNION ALL
  SELECT DISTINCT c.id, h.id, 3
  FROM loose c JOIN placement p ON p.certificate_id = c.id AND p.gone_at IS NULL AND p.has_key IS NOT FALSE
  JOIN keystore k ON k.id = p.keystore_id AND k.owner <> ''
  JOIN holder h ON h.number = k.owner OR h.email IS NOT NULL AND split_part(lower(h.email), '@', 1) = lower(k.owner)
  WHERE NOT EXISTS (SELECT FROM holder o WHERE o.id <> h.id AND o.name <> '' AND folded(o.name) = folded(c.cn));
GRANT SELECT ON certificate_candidate TO tamga_run;

-- Who an unlinked certificate likely belongs to, and why nobody was sure.
CREATE FUNCTION certificate_likely(certificate bigint) RETURNS TABLE (number text, why text) LANGUAGE sql STABLE AS $$
  SELECT h.number, x.why FROM (
    SELECT c.holder_id, 10 + c.way AS turn,
           'several share the ' || (ARRAY['IIN', 'e-mail', 'keystore owner'])[c.way] AS why
    FROM certificate_candidate c WHERE c.certificate_id = certificate
    UNION ALL
    SELECT o.id, 1, 'same name' FROM certificate c JOIN holder o ON folded(o.name) = folded(c.cn)
    WHERE c.id = certificate AND c.cn <> ''
    UNION ALL
    SELECT o.id, 2, 'the name begins the same' FROM certificate c
    JOIN holder o ON folded(o.name) >= folded(c.cn) || ' ' AND folded(o.name) < folded(c.cn) || '!'
    WHERE c.id = certificate AND c.cn LIKE '% %'
    UNION ALL
    SELECT o.id, 3, 'its keystore belongs to the login ' || k.owner
    FROM placement p JOIN keystore k ON k.id = p.keystore_id AND k.owner <> ''
    JOIN holder o ON o.number = k.owner OR o.email IS NOT NULL AND split_part(lower(o.email), '@', 1) = lower(k.owner)
    WHERE p.certificate_id = certificate AND p.gone_at IS NULL) x
  JOIN holder h ON h.id = x.holder_id ORDER BY x.turn, h.status, h.id LIMIT 1 $$;
