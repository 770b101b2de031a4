-- What Prisma's schema cannot say: the clock, the checks, the edges between statuses, partial indexes, the claim.

-- The one clock that decides. Tests replace this function. STABLE, so that an index may be searched by it.
CREATE FUNCTION spark_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT date_trunc('milliseconds', clock_timestamp()) $$;

ALTER TABLE sources
  ADD CONSTRAINT sources_status CHECK (status IN ('active', 'inactive')),
  ADD CONSTRAINT sources_health CHECK (health IN ('up', 'down', 'unknown')),
  ADD CONSTRAINT sources_max_concurrency CHECK (max_concurrency BETWEEN 1 AND 1000);
ALTER TABLE schedules
  ADD CONSTRAINT schedules_type CHECK (schedule_type IN ('cron', 'interval', 'one-time')),
  ADD CONSTRAINT schedules_status CHECK (status IN ('active', 'paused', 'stopped', 'completed')),
  ADD CONSTRAINT schedules_overlap CHECK (overlap IN ('skip', 'allow')),
  ADD CONSTRAINT schedules_next CHECK (status = 'active' OR next_run_at IS NULL);
ALTER TABLE occurrences
  ADD CONSTRAINT occurrences_decision CHECK (decision IN ('started', 'skipped', 'missed', 'superseded')),
  ADD CONSTRAINT occurrences_span CHECK (until IS NULL OR until > scheduled_for),
  ADD CONSTRAINT occurrences_started CHECK (decision <> 'started' OR (until IS NULL AND count = 1));
ALTER TABLE tasks
  ADD CONSTRAINT tasks_status CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
  ADD CONSTRAINT tasks_phase CHECK (phase IS NULL OR phase IN ('claimed', 'calling')),
  ADD CONSTRAINT tasks_trigger CHECK (trigger IN ('manual', 'schedule')),
  ADD CONSTRAINT tasks_running CHECK (status <> 'running' OR (token IS NOT NULL AND lease_until IS NOT NULL AND phase IS NOT NULL)),
  ADD CONSTRAINT tasks_finished CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL));

-- A source's URL and a remote flow are taken by one living row.
CREATE UNIQUE INDEX sources_url ON sources (url) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX workflows_remote ON workflows (source_id, flow_type, remote_flow_id) WHERE deleted_at IS NULL;

-- A second net under the ledger's primary key: one task per due time.
CREATE UNIQUE INDEX tasks_due_once ON tasks (schedule_id, scheduled_for) WHERE trigger = 'schedule';

CREATE INDEX schedules_due ON schedules (next_run_at) WHERE status = 'active';
CREATE INDEX tasks_ready ON tasks (source_id, priority, ready_at, id) WHERE status = 'pending';
CREATE INDEX tasks_running_of_source ON tasks (source_id) WHERE status = 'running';
CREATE INDEX tasks_token ON tasks (token) WHERE status = 'running';
CREATE INDEX tasks_lease ON tasks (lease_until) WHERE status = 'running';
CREATE INDEX tasks_open_of_schedule ON tasks (schedule_id) WHERE status IN ('pending', 'running');
CREATE INDEX tasks_serial ON tasks (serial_key, ready_at, id) WHERE status IN ('pending', 'running') AND serial_key IS NOT NULL;

-- The only ways from one status to another (core's TASK_EDGES says the same).
CREATE FUNCTION spark_refuse_edge() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a task cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation'; END $$;
CREATE TRIGGER tasks_edges BEFORE UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('running', 'cancelled'))
    OR (OLD.status = 'running' AND NEW.status IN ('pending', 'completed', 'failed', 'cancelled'))
    OR (OLD.status = 'failed' AND OLD.error_code = 'outcome_unknown' AND NEW.status = 'completed')))
  EXECUTE FUNCTION spark_refuse_edge();

-- Takes up to `slots` ready tasks for one worker. Volatile plpgsql, so that each statement sees what was committed while it waited
-- for the sources' locks: as one statement it counted from a stale snapshot and let a source run over its limit.
CREATE FUNCTION spark_claim(worker uuid, fence uuid, slots int, lease interval)
RETURNS TABLE (id uuid, token uuid, tries int, workflow_id uuid, source_id uuid, flow_version int, flow_changed_at timestamptz, source_version int,
  input jsonb, session_id text, tweaks jsonb, timeout int, scheduled_for timestamptz)
LANGUAGE plpgsql VOLATILE AS
$$
#variable_conflict use_column
DECLARE
  locked uuid[];
  at timestamptz := spark_now();
BEGIN
  SELECT array_agg(s.id) INTO locked FROM (
    SELECT s.id FROM sources s
    WHERE s.status = 'active' AND s.deleted_at IS NULL
      AND EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= at)
    ORDER BY s.id FOR NO KEY UPDATE
  ) s;
  IF locked IS NULL THEN RETURN; END IF;
  at := spark_now();
  RETURN QUERY
  UPDATE tasks c SET status = 'running', phase = 'claimed', tries = c.tries + 1, worker_id = worker, token = fence,
    lease_until = at + lease, marked_at = NULL, next_retry_at = NULL, started_at = at, updated_at = at
  FROM workflows cw, sources cs
  WHERE c.status = 'pending' AND cw.id = c.workflow_id AND cs.id = c.source_id AND c.id = ANY (ARRAY(
    SELECT ready.id
    FROM sources s
    CROSS JOIN LATERAL (SELECT greatest(s.max_concurrency - count(*), 0) AS room FROM tasks r WHERE r.source_id = s.id AND r.status = 'running') free
    CROSS JOIN LATERAL (
      SELECT t.id, t.priority, t.ready_at FROM tasks t
      JOIN workflows w ON w.id = t.workflow_id AND w.deleted_at IS NULL
      WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= at
        AND (t.serial_key IS NULL OR NOT EXISTS (
          SELECT FROM tasks o
          WHERE o.serial_key = t.serial_key AND o.id <> t.id
            AND (o.status = 'running' OR (o.status = 'pending' AND (o.ready_at, o.id) < (t.ready_at, t.id)))))
      ORDER BY t.priority, t.ready_at, t.id
      LIMIT least(free.room, slots)
    ) ready
    WHERE s.id = ANY (locked)
    ORDER BY ready.priority, ready.ready_at, ready.id
    LIMIT slots
  ))
  RETURNING c.id, c.token, c.tries, c.workflow_id, c.source_id, cw.flow_version, cw.updated_at, cs.version, c.input, c.session_id, c.tweaks, c.timeout, c.scheduled_for;
END
$$;
