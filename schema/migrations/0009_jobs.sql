-- Jobs: small and hot; a finished job leaves the table. Reports keep the answers for agents that ask twice.
CREATE TABLE job (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_at   timestamptz NOT NULL,                -- ready: when it may run; claimed: when its lease ends
  made_at  timestamptz NOT NULL,
  subject  bigint NOT NULL,                     -- application, batch, event, agent...: what the kind says
  agent_id bigint,                              -- NULL: work of the orchestrator
  owner    int,                                 -- who claimed it; completion asks for it
  lane     int NOT NULL DEFAULT 0,              -- CA or site, for rates and windows
  progress int NOT NULL DEFAULT 0,              -- a set job is claimed in chunks: how far it came
  kind     smallint NOT NULL CHECK (kind BETWEEN 1 AND 99),
  prio     smallint NOT NULL DEFAULT 5,
  attempt  smallint NOT NULL DEFAULT 0,
  body     text NOT NULL DEFAULT '',            -- JSON, kind by kind
  UNIQUE (kind, subject))                       -- enqueueing twice is harmless
  WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX job_fifo ON job (kind, lane, prio, id);
CREATE INDEX job_agent ON job (agent_id, id) WHERE agent_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON job TO tamga_run;

-- job.kind, once for C, SQL and people
CREATE TABLE job_kind (id smallint PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO job_kind VALUES
  (1, 'scan'), (2, 'prepare'), (3, 'install'), (4, 'retire'), (5, 'cancel'), (6, 'reconnect'), (7, 'trust'),  -- agents'
  (20, 'dispatch-drafts'),     -- subject: the event of a set of drafts
  (21, 'issue-batch'),         -- subject: the batch
  (22, 'issue'),               -- subject: the application
  (23, 'dispatch-install'),    -- subject: the application
  (24, 'recall'),              -- subject: the batch
  (25, 'retry');               -- subject: the failed application
CALL make_insert_only('job_kind');
REVOKE INSERT ON job_kind FROM tamga_run;

CREATE TABLE report (
  job_id   bigint NOT NULL,
  agent_id bigint NOT NULL,
  kind     text NOT NULL CHECK (kind IN ('inventory', 'prepared', 'installed', 'failed', 'ack')),
  answer   text NOT NULL,                       -- the stored answer: a repeat gets it
  at       timestamptz NOT NULL,
  PRIMARY KEY (job_id, kind));
CREATE INDEX report_agent ON report (agent_id, job_id);
CALL make_insert_only('report');
