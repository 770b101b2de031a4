-- Every overlap and misfire policy, catch-up window and jitter. The previous version of Spark works on: its new rows get the defaults, and
-- its decider knows the policies.

ALTER TABLE "schedules"
  ADD COLUMN "misfire" TEXT NOT NULL DEFAULT 'last',
  ADD COLUMN "catchup_window" INTEGER,
  ADD COLUMN "jitter" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE schedules
  DROP CONSTRAINT schedules_overlap,
  ADD CONSTRAINT schedules_overlap CHECK (overlap IN ('skip', 'queue_all', 'queue_one', 'cancel_previous', 'allow')),
  ADD CONSTRAINT schedules_misfire CHECK (misfire IN ('last', 'skip', 'all')),
  ADD CONSTRAINT schedules_catchup_window CHECK (catchup_window >= 0),
  ADD CONSTRAINT schedules_jitter CHECK (jitter >= 0);

-- As before, and a run by hand from a schedule, which bears its serial_key too, starts beside anything, while what the schedule makes
-- later waits for it.
CREATE OR REPLACE FUNCTION spark_claim(worker uuid, fence uuid, slots int, lease interval)
RETURNS TABLE (id uuid, token uuid, tries int, workflow_id uuid, source_id uuid, flow_version int, flow_changed_at timestamptz, source_version int,
  input jsonb, session_id text, tweaks jsonb, timeout int, scheduled_for timestamptz, max_retries int, retry_on text, tries_before int)
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
    lease_until = at + lease, marked_at = NULL, next_retry_at = NULL, error = NULL, error_code = NULL, started_at = at, updated_at = at
  FROM workflows cw, sources cs
  WHERE c.status = 'pending' AND cw.id = c.workflow_id AND cs.id = c.source_id AND c.id = ANY (ARRAY(
    SELECT ready.id
    FROM sources s
    CROSS JOIN LATERAL (SELECT greatest(s.max_concurrency - count(*), 0) AS room FROM tasks r WHERE r.source_id = s.id AND r.status = 'running') free
    CROSS JOIN LATERAL (
      SELECT t.id, t.priority, t.ready_at FROM tasks t
      JOIN workflows w ON w.id = t.workflow_id AND w.deleted_at IS NULL
      WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= at
        AND (t.serial_key IS NULL OR t.trigger = 'manual' OR NOT EXISTS (
          SELECT FROM tasks o
          WHERE o.serial_key = t.serial_key AND o.id <> t.id
            AND CASE WHEN o.trigger = 'manual' THEN (o.created_at, o.id) < (t.created_at, t.id)
              ELSE o.status = 'running' OR (coalesce(o.scheduled_for, o.created_at), o.id) < (coalesce(t.scheduled_for, t.created_at), t.id) END
            AND o.status IN ('pending', 'running')))
      ORDER BY t.priority, t.ready_at, t.id
      LIMIT least(free.room, slots)
    ) ready
    WHERE s.id = ANY (locked)
    ORDER BY ready.priority, ready.ready_at, ready.id
    LIMIT slots
  ))
  RETURNING c.id, c.token, c.tries, c.workflow_id, c.source_id, cw.flow_version, cw.updated_at, cs.version, c.input, c.session_id, c.tweaks, c.timeout, c.scheduled_for,
    c.max_retries, c.retry_on, c.tries_before;
END
$$;
