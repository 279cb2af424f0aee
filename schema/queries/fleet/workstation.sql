-- The workstation of an enrolment.
-- params: host text, now timestamptz
INSERT INTO workstation (name, first_seen) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
