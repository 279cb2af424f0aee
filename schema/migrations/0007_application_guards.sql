-- Guards of the application table. Row guards are pure expressions in WHEN (a function is called only to raise);
-- what crosses tables is one statement trigger over the transition tables.

CREATE FUNCTION application_bad_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'UPDATE' THEN RAISE EXCEPTION 'applications are never deleted' USING ERRCODE = 'TG002'; END IF;
  RAISE EXCEPTION 'application %-%: move % -> % (rev % -> %) is not allowed', lpad(OLD.year::text, 2, '0'), lpad(OLD.sequence::text, 6, '0'),
    (SELECT name FROM tamga.application_state WHERE id = OLD.state), (SELECT name FROM tamga.application_state WHERE id = NEW.state),
    OLD.rev, NEW.rev USING ERRCODE = 'TG001';
END $$;
CREATE TRIGGER application_guard BEFORE UPDATE ON application FOR EACH ROW
  WHEN (NEW.rev <> OLD.rev + 1 OR NOT OLD.open
        OR NEW.certificate_id <> OLD.certificate_id OR NEW.holder_id <> OLD.holder_id OR NEW.policy_id <> OLD.policy_id
        OR NEW.kind <> OLD.kind OR NEW.year <> OLD.year OR NEW.sequence <> OLD.sequence OR NEW.ends <> OLD.ends
        OR NEW.event_id < OLD.event_id
        OR (NEW.attempt <> OLD.attempt AND (NEW.attempt <> OLD.attempt + 1 OR NEW.state <> 1))
        OR (NEW.keystore_id IS DISTINCT FROM OLD.keystore_id AND (OLD.state <> 1 OR NEW.event_id = OLD.event_id))
        OR (NEW.state <> OLD.state AND (NEW.event_id = OLD.event_id OR NOT application_next(OLD.state, NEW.state)
             OR (NEW.state = 11 AND NEW.failed_in <> OLD.state) OR (OLD.state = 11 AND NEW.state <> OLD.failed_in))))
  EXECUTE FUNCTION application_bad_move();
CREATE TRIGGER application_kept BEFORE DELETE OR TRUNCATE ON application FOR EACH STATEMENT EXECUTE FUNCTION application_bad_move();

-- Is this event of the present transaction, and does it say what was done? Marks a set event as spent.
CREATE FUNCTION application_event_check(event bigint, was smallint, now smallint, n bigint) RETURNS application_event
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tamga, pg_temp AS $$
DECLARE e application_event;
BEGIN
  SELECT * INTO e FROM application_event ev WHERE ev.id = event AND ev.xmin = pg_current_xact_id()::xid;
  IF e.id IS NULL THEN
    RAISE EXCEPTION 'applications moved without an event of the same transaction' USING ERRCODE = 'TG001'; END IF;
  IF (e.from_state, e.to_state, e.count) IS DISTINCT FROM (was, now, n::int) THEN
    RAISE EXCEPTION 'event % says % x % -> %, but it was % x % -> %', e.id, e.count, e.from_state, e.to_state, n, was, now
      USING ERRCODE = 'TG001'; END IF;
  IF e.application_id IS NULL THEN
    INSERT INTO application_event_spent VALUES (e.id) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RAISE EXCEPTION 'event % named another set already', e.id USING ERRCODE = 'TG001'; END IF;
  END IF;
  RETURN e;
END $$;
REVOKE ALL ON FUNCTION application_event_check(bigint, smallint, smallint, bigint) FROM PUBLIC;

CREATE FUNCTION application_born() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tamga, pg_temp AS $$
DECLARE n bigint; odd bigint; lo bigint; hi bigint; first int; last int; y smallint; e application_event;
BEGIN
  SELECT count(*), count(*) FILTER (WHERE state <> 1 OR rev <> 1 OR attempt <> 1 OR year <> y0), min(event_id), max(event_id),
         min(sequence), max(sequence), min(year)
    INTO n, odd, lo, hi, first, last, y FROM fresh, (SELECT year AS y0 FROM fresh LIMIT 1) AS any_year;
  IF n = 0 THEN RETURN NULL; END IF;
  IF odd > 0 OR lo <> hi THEN
    RAISE EXCEPTION 'applications are born drafted, at rev 1, under one event and in one year' USING ERRCODE = 'TG001'; END IF;
  e := application_event_check(lo, 0::smallint, 1::smallint, n);
  IF e.application_id IS NULL AND (e.year, e.first_sequence, e.last_sequence) IS DISTINCT FROM (y, first, last) THEN
    RAISE EXCEPTION 'event % does not name the numbers that were drafted', e.id USING ERRCODE = 'TG001'; END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER application_born AFTER INSERT ON application REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION application_born();

-- What must be there before an application may be in a state: its CSR, its approved leaf, its request, its certificate.
CREATE FUNCTION application_proof(a application, was smallint, e application_event) RETURNS boolean
LANGUAGE plpgsql SET search_path = tamga, pg_temp AS $$
BEGIN
  RETURN CASE
    WHEN was = 11 THEN true
    WHEN a.state = 2 AND was = 1 THEN EXISTS (SELECT FROM application_csr c WHERE c.application_id = a.id AND c.attempt = a.attempt
                                              AND (c.csr IS NOT NULL OR a.kind = 3))
    WHEN a.state = 3 THEN e.batch_id IS NOT NULL
    WHEN a.state = 4 THEN EXISTS (SELECT FROM batch_leaf l JOIN batch b ON b.id = l.batch_id AND b.state = 2
                                  LEFT JOIN batch_decision d ON d.batch_id = l.batch_id AND d.leaf_index = l.leaf_index
                                  WHERE l.application_id = a.id AND l.app_rev = a.rev - 1 AND l.batch_id = e.batch_id
                                  AND coalesce(d.decision, 1) = 1)
    WHEN a.state = 5 THEN a.kind = 3 OR EXISTS (SELECT FROM ca_request r WHERE r.application_id = a.id)
    WHEN a.state = 6 THEN EXISTS (SELECT FROM application_issue i WHERE i.application_id = a.id)
    WHEN a.state = 7 THEN EXISTS (SELECT FROM application_install i WHERE i.application_id = a.id)
    ELSE true END;
END $$;

-- The same for a whole set, by one hash join. Transition tables have no statistics: with nested loops allowed, a
-- 100,000 x 100,000 join did not end (> 10 min), hence the settings of the caller.
CREATE FUNCTION application_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = tamga, pg_temp SET enable_nestloop = off SET work_mem = '64MB' AS $$
DECLARE
  n bigint; lo bigint; hi bigint; sum_new numeric; sum_old numeric; to_lo smallint; to_hi smallint;
  was_lo smallint; was_hi smallint; proved bigint; e application_event; r record; a application;
BEGIN
  SELECT count(*), min(event_id), max(event_id), sum(event_id), min(state), max(state)
    INTO n, lo, hi, sum_new, to_lo, to_hi FROM newt;
  SELECT sum(event_id), min(state), max(state) INTO sum_old, was_lo, was_hi FROM oldt;
  -- the row guard lets event_id only grow, and wants it to grow with every move: equal sums mean nobody moved
  IF n = 0 OR sum_new = sum_old THEN RETURN NULL; END IF;
  IF n <= 256 THEN
    FOR r IN SELECT o.event_id AS was_event, o.state AS was, nt AS row, nt.event_id, nt.state
             FROM newt nt JOIN oldt o USING (id) WHERE nt.event_id <> o.event_id ORDER BY nt.event_id LOOP
      a := r.row;
      IF e.id IS DISTINCT FROM r.event_id THEN
        SELECT count(*) INTO n FROM newt nt JOIN oldt o USING (id) WHERE nt.event_id = r.event_id AND o.event_id <> r.event_id;
        e := application_event_check(r.event_id, r.was, r.state, n);
      END IF;
      IF (r.was, r.state) IS DISTINCT FROM (e.from_state, e.to_state)
         OR (e.application_id IS NOT NULL AND (e.application_id, e.rev) IS DISTINCT FROM (a.id, a.rev)) THEN
        RAISE EXCEPTION 'event % does not name this move of application %', e.id, a.id USING ERRCODE = 'TG001'; END IF;
      IF NOT application_proof(a, r.was, e) THEN
        RAISE EXCEPTION 'application %-%: nothing proves the move % -> %', lpad(a.year::text, 2, '0'), lpad(a.sequence::text, 6, '0'), r.was, a.state
          USING ERRCODE = 'TG004'; END IF;
      IF a.state IN (9, 10, 12) THEN
        INSERT INTO application_memory VALUES (a.certificate_id, a.holder_id, a.policy_id, a.id)
          ON CONFLICT (certificate_id, holder_id, policy_id) DO UPDATE SET application_id = excluded.application_id;
      END IF;
    END LOOP;
    RETURN NULL;
  END IF;

  SELECT count(*) INTO proved FROM oldt WHERE event_id = lo;
  IF lo <> hi OR to_lo <> to_hi OR was_lo <> was_hi OR proved > 0 THEN
    RAISE EXCEPTION 'more than 256 applications move by one event a statement' USING ERRCODE = 'TG001'; END IF;
  e := application_event_check(lo, was_lo, to_lo, n);
  proved := CASE
    WHEN was_lo = 11 THEN n
    WHEN to_lo = 2 AND was_lo = 1 THEN
      (SELECT count(*) FROM newt m JOIN application_csr c ON c.application_id = m.id AND c.attempt = m.attempt WHERE c.csr IS NOT NULL OR m.kind = 3)
    WHEN to_lo = 3 THEN CASE WHEN e.batch_id IS NULL THEN 0 ELSE n END
    WHEN to_lo = 4 THEN
      (SELECT count(*) FROM newt m JOIN batch_leaf l ON l.application_id = m.id AND l.app_rev = m.rev - 1
       WHERE l.batch_id = e.batch_id AND (SELECT state FROM batch WHERE id = e.batch_id) = 2
       AND NOT EXISTS (SELECT FROM batch_decision d WHERE d.batch_id = e.batch_id AND d.leaf_index = l.leaf_index AND d.decision <> 1))
    WHEN to_lo = 5 THEN (SELECT count(*) FROM newt m WHERE m.kind = 3 OR EXISTS (SELECT FROM ca_request q WHERE q.application_id = m.id))
    WHEN to_lo = 6 THEN (SELECT count(*) FROM newt m JOIN application_issue i ON i.application_id = m.id)
    WHEN to_lo = 7 THEN (SELECT count(*) FROM newt m JOIN application_install i ON i.application_id = m.id)
    ELSE n END;
  IF proved <> n THEN
    RAISE EXCEPTION '% of % applications: nothing proves the move % -> %', n - proved, n, was_lo, to_lo USING ERRCODE = 'TG004'; END IF;
  IF to_lo IN (9, 10, 12) THEN
    INSERT INTO application_memory SELECT certificate_id, holder_id, policy_id, max(id) FROM newt GROUP BY 1, 2, 3
      ON CONFLICT (certificate_id, holder_id, policy_id) DO UPDATE SET application_id = excluded.application_id;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER application_moved AFTER UPDATE ON application REFERENCING OLD TABLE AS oldt NEW TABLE AS newt
  FOR EACH STATEMENT EXECUTE FUNCTION application_moved();
