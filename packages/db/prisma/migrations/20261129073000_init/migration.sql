-- The whole schema. Later migrations follow this one. A migration that is on main never changes: CONTRIBUTING.md says how to add one.

CREATE TABLE "sources" (
    "id" UUID NOT NULL,
    "name" TEXT,
    "source_type" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "api_key" TEXT,
    "status" TEXT NOT NULL,
    "health" TEXT NOT NULL DEFAULT 'unknown',
    "health_reason" TEXT,
    "checked_at" TIMESTAMPTZ(3),
    "hold_from" TIMESTAMPTZ(3),
    "hold_until" TIMESTAMPTZ(3),
    "breaker_until" TIMESTAMPTZ(3),
    "breaker_opens" INTEGER NOT NULL DEFAULT 0,
    "breaker_counted" INTEGER NOT NULL DEFAULT 0,
    "suspect_at" TIMESTAMPTZ(3),
    "check_began_at" TIMESTAMPTZ(3),
    "checking_until" TIMESTAMPTZ(3),
    "ramp_from" TIMESTAMPTZ(3),
    "check_at" TIMESTAMPTZ(3),
    "check_failures" INTEGER NOT NULL DEFAULT 0,
    "max_concurrency" INTEGER NOT NULL,
    "version_info" JSONB,
    "version" INTEGER NOT NULL DEFAULT 1,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sources_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "discoveries" (
    "url" TEXT NOT NULL,
    "found_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "discoveries_pkey" PRIMARY KEY ("url")
);

CREATE TABLE "source_outcomes" (
    "source_id" UUID NOT NULL,
    "not_sent" INTEGER NOT NULL DEFAULT 0,
    "last_error" TEXT,
    "reached_at" TIMESTAMPTZ(3),

    CONSTRAINT "source_outcomes_pkey" PRIMARY KEY ("source_id")
);

CREATE TABLE "workflows" (
    "id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "remote_flow_id" TEXT NOT NULL,
    "flow_type" TEXT NOT NULL,
    "flow_version" INTEGER NOT NULL DEFAULT 1,
    "graph_hash" TEXT NOT NULL,
    "input_component" TEXT,
    "output_component" TEXT,
    "chosen_input" TEXT,
    "chosen_output" TEXT,
    "is_component" BOOLEAN NOT NULL,
    "folder_id" TEXT,
    "folder_name" TEXT,
    "icon" TEXT,
    "icon_bg_color" TEXT,
    "liked" BOOLEAN NOT NULL,
    "tags" JSONB NOT NULL,
    "warnings" JSONB NOT NULL,
    "data" JSONB,
    "streams_only" BOOLEAN,
    "deleted_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workflows_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "schedules" (
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "name" TEXT,
    "schedule_type" TEXT NOT NULL,
    "schedule_expr" TEXT NOT NULL,
    "timezone" TEXT NOT NULL,
    "anchor" TIMESTAMPTZ(3) NOT NULL,
    "start_at" TIMESTAMPTZ(3),
    "end_at" TIMESTAMPTZ(3),
    "input_value" TEXT,
    "session_id" TEXT,
    "tweaks" TEXT,
    "timeout" INTEGER,
    "max_retries" INTEGER NOT NULL DEFAULT 3,
    "retry_on" TEXT NOT NULL DEFAULT 'safe',
    "overlap" TEXT NOT NULL,
    "misfire" TEXT NOT NULL DEFAULT 'last',
    "catchup_window" INTEGER,
    "jitter" INTEGER NOT NULL DEFAULT 0,
    "max_runs" INTEGER,
    "pause_after_failures" INTEGER,
    "status" TEXT NOT NULL,
    "paused_reason" TEXT,
    "warnings" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "cron_reread" BOOLEAN NOT NULL DEFAULT true,
    "decided_until" TIMESTAMPTZ(3),
    "next_due_at" TIMESTAMPTZ(3),
    "next_run_at" TIMESTAMPTZ(3),
    "last_run_at" TIMESTAMPTZ(3),
    "run_count" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "schedules_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "schedule_outcomes" (
    "schedule_id" UUID NOT NULL,
    "last_success_at" TIMESTAMPTZ(3),
    "consecutive_failures" INTEGER NOT NULL DEFAULT 0,
    "flows_missing" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "schedule_outcomes_pkey" PRIMARY KEY ("schedule_id")
);

CREATE TABLE "occurrences" (
    "schedule_id" UUID NOT NULL,
    "scheduled_for" TIMESTAMPTZ(3) NOT NULL,
    "until" TIMESTAMPTZ(3),
    "decided_at" TIMESTAMPTZ(3) NOT NULL,
    "decision" TEXT NOT NULL,
    "reason" TEXT,
    "count" INTEGER NOT NULL DEFAULT 1,
    "count_at_least" BOOLEAN NOT NULL DEFAULT false,
    "task_id" UUID,
    "plan" JSONB,

    CONSTRAINT "occurrences_pkey" PRIMARY KEY ("schedule_id","scheduled_for")
);

CREATE TABLE "tasks" (
    "id" UUID NOT NULL,
    "workflow_id" UUID NOT NULL,
    "source_id" UUID NOT NULL,
    "schedule_id" UUID,
    "status" TEXT NOT NULL,
    "phase" TEXT,
    "trigger" TEXT NOT NULL,
    "priority" SMALLINT NOT NULL,
    "serial_key" UUID,
    "scheduled_for" TIMESTAMPTZ(3),
    "input" TEXT,
    "session_id" TEXT,
    "tweaks" TEXT,
    "timeout" INTEGER NOT NULL,
    "output" TEXT,
    "error" TEXT,
    "error_code" TEXT,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "tries_before" INTEGER NOT NULL DEFAULT 0,
    "retried_by_hand" BOOLEAN NOT NULL DEFAULT false,
    "unsent" SMALLINT NOT NULL DEFAULT 0,
    "max_retries" INTEGER NOT NULL DEFAULT 0,
    "retry_on" TEXT NOT NULL DEFAULT 'safe',
    "ready_at" TIMESTAMPTZ(3) NOT NULL,
    "next_retry_at" TIMESTAMPTZ(3),
    "cancel_requested_at" TIMESTAMPTZ(3),
    "worker_id" UUID,
    "token" UUID,
    "lease_until" TIMESTAMPTZ(3),
    "marked_at" TIMESTAMPTZ(3),
    "crashes" INTEGER NOT NULL DEFAULT 0,
    "replay_of" UUID,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "tasks_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "task_outputs" (
    "task_id" UUID NOT NULL,
    "output" TEXT NOT NULL,

    CONSTRAINT "task_outputs_pkey" PRIMARY KEY ("task_id")
);

CREATE TABLE "task_events" (
    "id" BIGSERIAL NOT NULL,
    "task_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "try" INTEGER NOT NULL,

    CONSTRAINT "task_events_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "workers" (
    "id" UUID NOT NULL,
    "hostname" TEXT NOT NULL,
    "pid" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "current_tasks" INTEGER NOT NULL,
    "concurrency" INTEGER NOT NULL,
    "version" TEXT NOT NULL,
    "trouble" TEXT,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "last_heartbeat" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workers_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "workflows_source_id_id_idx" ON "workflows"("source_id", "id");
CREATE INDEX "schedules_workflow_id_id_idx" ON "schedules"("workflow_id", "id");
CREATE INDEX "occurrences_task_id_idx" ON "occurrences"("task_id");
CREATE INDEX "tasks_workflow_id_id_idx" ON "tasks"("workflow_id", "id");
CREATE INDEX "tasks_schedule_id_id_idx" ON "tasks"("schedule_id", "id");
CREATE INDEX "tasks_status_id_idx" ON "tasks"("status", "id");
CREATE INDEX "task_events_task_id_id_idx" ON "task_events"("task_id", "id");

ALTER TABLE "source_outcomes" ADD CONSTRAINT "source_outcomes_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "workflows" ADD CONSTRAINT "workflows_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "schedules" ADD CONSTRAINT "schedules_workflow_id_fkey" FOREIGN KEY ("workflow_id") REFERENCES "workflows"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "schedule_outcomes" ADD CONSTRAINT "schedule_outcomes_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "occurrences" ADD CONSTRAINT "occurrences_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_workflow_id_fkey" FOREIGN KEY ("workflow_id") REFERENCES "workflows"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_schedule_id_fkey" FOREIGN KEY ("schedule_id") REFERENCES "schedules"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "task_outputs" ADD CONSTRAINT "task_outputs_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "task_events" ADD CONSTRAINT "task_events_task_id_fkey" FOREIGN KEY ("task_id") REFERENCES "tasks"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What schema.prisma cannot say: checks, partial indexes, room in pages, functions and triggers.

ALTER TABLE sources
  ADD CONSTRAINT sources_status CHECK (status IN ('active', 'inactive')),
  ADD CONSTRAINT sources_health CHECK (health IN ('up', 'down', 'unknown')),
  ADD CONSTRAINT sources_max_concurrency CHECK (max_concurrency BETWEEN 1 AND 1000);
ALTER TABLE schedules
  ADD CONSTRAINT schedules_type CHECK (schedule_type IN ('cron', 'interval', 'one-time')),
  ADD CONSTRAINT schedules_status CHECK (status IN ('active', 'paused', 'stopped', 'completed')),
  ADD CONSTRAINT schedules_overlap CHECK (overlap IN ('skip', 'queue_all', 'queue_one', 'cancel_previous', 'allow')),
  ADD CONSTRAINT schedules_misfire CHECK (misfire IN ('last', 'skip', 'all')),
  ADD CONSTRAINT schedules_catchup_window CHECK (catchup_window >= 0),
  ADD CONSTRAINT schedules_jitter CHECK (jitter >= 0),
  ADD CONSTRAINT schedules_max_retries CHECK (max_retries BETWEEN 0 AND 100),
  ADD CONSTRAINT schedules_retry_on CHECK (retry_on IN ('safe', 'failure', 'unknown')),
  ADD CONSTRAINT schedules_pause_after_failures CHECK (pause_after_failures >= 1),
  ADD CONSTRAINT schedules_next CHECK (status = 'active' OR next_run_at IS NULL);
ALTER TABLE occurrences
  ADD CONSTRAINT occurrences_decision CHECK (decision IN ('started', 'skipped', 'missed', 'superseded')),
  ADD CONSTRAINT occurrences_span CHECK (until IS NULL OR until > scheduled_for),
  ADD CONSTRAINT occurrences_started CHECK (decision <> 'started' OR (until IS NULL AND count = 1));
ALTER TABLE tasks
  ADD CONSTRAINT tasks_status CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
  ADD CONSTRAINT tasks_phase CHECK (phase IS NULL OR phase IN ('claimed', 'calling', 'asking')),
  ADD CONSTRAINT tasks_trigger CHECK (trigger IN ('manual', 'schedule', 'backfill', 'replay')),
  ADD CONSTRAINT tasks_max_retries CHECK (max_retries BETWEEN 0 AND 100),
  ADD CONSTRAINT tasks_retry_on CHECK (retry_on IN ('safe', 'failure', 'unknown')),
  ADD CONSTRAINT tasks_running CHECK (status <> 'running' OR (token IS NOT NULL AND lease_until IS NOT NULL AND phase IS NOT NULL)),
  ADD CONSTRAINT tasks_finished CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL));

-- Only one row that is not deleted has a URL, or a remote flow.
CREATE UNIQUE INDEX sources_url ON sources (url) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX workflows_remote ON workflows (source_id, flow_type, remote_flow_id) WHERE deleted_at IS NULL;

-- A due time has one task, whether the schedule or a backfill made it. The primary key of occurrences says so already; this is the second fence.
CREATE UNIQUE INDEX tasks_due_once ON tasks (schedule_id, scheduled_for) WHERE trigger IN ('schedule', 'backfill');

CREATE INDEX schedules_due ON schedules (next_run_at) WHERE status = 'active';
CREATE INDEX tasks_ready ON tasks (source_id, priority, ready_at, id) WHERE status = 'pending';
CREATE INDEX tasks_retries ON tasks (next_retry_at) WHERE status = 'pending' AND next_retry_at IS NOT NULL;
CREATE INDEX tasks_running_of_source ON tasks (source_id) WHERE status = 'running';
CREATE INDEX tasks_lease ON tasks (lease_until) WHERE status = 'running';
CREATE INDEX tasks_open_of_schedule ON tasks (schedule_id) WHERE status IN ('pending', 'running');
CREATE INDEX tasks_serial ON tasks (serial_key, ready_at, id) WHERE status IN ('pending', 'running') AND serial_key IS NOT NULL;

-- Few schedules fail: those are read, not all that could be paused.
CREATE INDEX schedule_outcomes_failing ON schedule_outcomes (schedule_id) WHERE consecutive_failures > 0;

-- Each second a query looks for what was deleted, and mostly finds nothing.
CREATE INDEX sources_deleted ON sources (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX workflows_deleted ON workflows (id) WHERE deleted_at IS NOT NULL;

-- A task's row is written four times (made, claimed, called, finished). With room for the next version on the same page, the write of the call,
-- which changes no indexed column, touches no index.
ALTER TABLE tasks SET (fillfactor = 70);
ALTER TABLE schedules SET (fillfactor = 80);
ALTER TABLE schedule_outcomes SET (fillfactor = 60);

-- From here on: the files of prisma/sql, word for word.

-- The clock that every statement uses. Tests replace this function. STABLE, so that an index can be searched by its value.
CREATE OR REPLACE FUNCTION spark_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT date_trunc('milliseconds', clock_timestamp()) $$;

-- The status changes that a task may make; core's TASK_EDGES has the same list.
CREATE OR REPLACE FUNCTION spark_refuse_edge() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a task cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation'; END $$;

-- AFTER: a trigger before the update would lock each row once more, and write that lock.
-- From failed or cancelled back to pending: only by a retry by hand, which starts a new round of tries and leaves no token.
-- From pending to failed: only for a source that cannot be reached, such as a run by hand, or one that waited longer than its catch-up window.
CREATE OR REPLACE TRIGGER tasks_edges AFTER UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('running', 'cancelled'))
    OR (OLD.status = 'pending' AND NEW.status = 'failed' AND NEW.error_code = 'source_unreachable')
    OR (OLD.status = 'running' AND NEW.status IN ('pending', 'completed', 'failed', 'cancelled'))
    OR (OLD.status = 'failed' AND OLD.error_code = 'outcome_unknown' AND NEW.status = 'completed')
    OR (OLD.status IN ('failed', 'cancelled') AND NEW.status = 'pending' AND NEW.tries_before = OLD.tries AND NEW.tries = OLD.tries AND NEW.token IS NULL)))
  EXECUTE FUNCTION spark_refuse_edge();

-- Whether calls may go to a source: not while it is suspended, and not after a call that could not be sent until a health check that started
-- later is over.
CREATE OR REPLACE FUNCTION spark_takes_calls(s sources) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT s.status = 'active' AND s.suspect_at IS NULL AND (s.hold_from IS NULL OR s.hold_until IS NOT NULL) $$;

-- Claims up to `slots` ready tasks for one worker.
-- It is plpgsql and VOLATILE, so that each statement sees what was committed while it waited for the locks of the sources: one statement would
-- count from an old snapshot, and let a source exceed its limit.
-- After a suspension a source takes 1 call at once in the first second, then 2, 4, 8 …; only calls that started since then count.
-- A task whose serial_key is taken waits for the older ones, by due time and not by ready_at: a task that waits for its next try is not
-- overtaken by a younger one. A run by hand starts beside anything; scheduled runs that are younger wait for it.
-- The planner makes its plan while few tasks are open, when every index of open tasks looks empty, and keeps it. So the text leaves it only the
-- right index: ORDER BY allows the one index that has this order (sorting is off where claims are made), `|| ''` and ctid keep it off all
-- indexes, and OFFSET 0 makes it look up only what was claimed.
CREATE OR REPLACE FUNCTION spark_claim_ready(worker uuid, fence uuid, slots int, lease interval)
RETURNS TABLE (id uuid, token uuid, tries int, workflow_id uuid, source_id uuid, flow_version int, flow_changed_at timestamptz, source_version int,
  input text, session_id text, tweaks text, timeout int, scheduled_for timestamptz, max_retries int, retry_on text, tries_before int)
LANGUAGE plpgsql VOLATILE AS
$$
#variable_conflict use_column
DECLARE
  locked uuid[];
  at timestamptz := spark_now();
BEGIN
  SELECT array_agg(s.id) INTO locked FROM (
    SELECT s.id FROM sources s
    WHERE s.deleted_at IS NULL AND spark_takes_calls(s)
      AND (SELECT true FROM tasks t WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= at ORDER BY t.priority, t.ready_at LIMIT 1)
    ORDER BY s.id FOR NO KEY UPDATE OF s
  ) s;
  IF locked IS NULL THEN RETURN; END IF;
  at := spark_now();
  RETURN QUERY
  WITH c AS (
    UPDATE tasks c SET status = 'running', phase = 'claimed', tries = c.tries + 1, worker_id = worker, token = fence,
      lease_until = at + lease, marked_at = NULL, next_retry_at = NULL, error = NULL, error_code = NULL, started_at = at, updated_at = at
    WHERE c.status || '' = 'pending' AND c.ctid = ANY (ARRAY(
      SELECT ready.ctid
      FROM sources s
      CROSS JOIN LATERAL (
        SELECT greatest(least(s.max_concurrency - count(*), CASE WHEN s.ramp_from BETWEEN at - interval '10 seconds' AND at
          THEN power(2, floor(extract(epoch FROM at - s.ramp_from)))::int - count(*) FILTER (WHERE r.started_at >= s.ramp_from) END), 0) AS room
        FROM tasks r WHERE r.source_id = s.id AND r.status = 'running'
      ) free
      CROSS JOIN LATERAL (
        SELECT t.ctid, t.id, t.priority, t.ready_at FROM tasks t
        WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= at
          AND (SELECT w.deleted_at IS NULL FROM workflows w WHERE w.id = t.workflow_id)
          AND (t.serial_key IS NULL OR t.trigger = 'manual' OR (
            SELECT o.id FROM tasks o
            WHERE o.serial_key = t.serial_key AND o.id <> t.id
              AND CASE WHEN o.trigger = 'manual' THEN (o.created_at, o.id) < (t.created_at, t.id)
                ELSE o.status = 'running' OR (coalesce(o.scheduled_for, o.created_at), o.id) < (coalesce(t.scheduled_for, t.created_at), t.id) END
              AND o.status IN ('pending', 'running')
            ORDER BY o.ready_at, o.id LIMIT 1) IS NULL)
        ORDER BY t.priority, t.ready_at, t.id
        LIMIT least(free.room, slots)
      ) ready
      WHERE s.id = ANY (locked) AND spark_takes_calls(s)
      ORDER BY ready.priority, ready.ready_at, ready.id
      LIMIT slots
    ))
    RETURNING c.*
  )
  SELECT c.id, c.token, c.tries, c.workflow_id, c.source_id, w.flow_version, w.updated_at, s.version, c.input, c.session_id, c.tweaks, c.timeout, c.scheduled_for,
    c.max_retries, c.retry_on, c.tries_before
  FROM c, LATERAL (SELECT * FROM workflows w WHERE w.id = c.workflow_id OFFSET 0) w, LATERAL (SELECT * FROM sources s WHERE s.id = c.source_id OFFSET 0) s;
END
$$;

-- Before 0.1.0 there were versions that kept JSON as jsonb. They would show the text columns of today as strings, write them back as strings in
-- strings, and call flows with them. They get an error wherever they would insert or change a task or a schedule; a run that has already
-- started may still end. Processes of today set spark.json = 'text'; psql and other clients are let through.
CREATE OR REPLACE FUNCTION spark_refuse_older() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  RAISE EXCEPTION 'This process of Spark is older than its database: stop it and update it. Nothing was written.' USING ERRCODE = 'feature_not_supported';
END
$$;
CREATE OR REPLACE TRIGGER tasks_older BEFORE INSERT ON tasks FOR EACH STATEMENT
  WHEN (current_setting('spark.json', true) IS DISTINCT FROM 'text' AND current_setting('application_name') LIKE 'spark-%') EXECUTE FUNCTION spark_refuse_older();
CREATE OR REPLACE TRIGGER schedules_older BEFORE INSERT OR UPDATE OF input_value, tweaks ON schedules FOR EACH STATEMENT
  WHEN (current_setting('spark.json', true) IS DISTINCT FROM 'text' AND current_setting('application_name') LIKE 'spark-%') EXECUTE FUNCTION spark_refuse_older();

-- The claim of these versions.
CREATE OR REPLACE FUNCTION spark_claim(worker uuid, fence uuid, slots int, lease interval)
RETURNS TABLE (id uuid, token uuid, tries int, workflow_id uuid, source_id uuid, flow_version int, flow_changed_at timestamptz, source_version int,
  input jsonb, session_id text, tweaks jsonb, timeout int, scheduled_for timestamptz, max_retries int, retry_on text, tries_before int)
LANGUAGE plpgsql AS
$$
BEGIN
  RAISE EXCEPTION 'This worker is older than the database: stop it and update it. It gets no runs.' USING ERRCODE = 'feature_not_supported';
END
$$;

-- Their spark_claim called it. Nothing does now.
CREATE OR REPLACE FUNCTION spark_takes_calls(s sources, not_sent int, at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT s.status = 'active' AND s.check_failures < 3
     AND CASE WHEN s.breaker_until IS NULL THEN coalesce(not_sent, 0) < 5 ELSE s.breaker_until <= at AND coalesce(not_sent, 0) <= s.breaker_counted END $$;
