-- Retries inside one task. The previous version of Spark works on: it settles as before, and its new rows get the defaults.

ALTER TABLE "schedules"
  ADD COLUMN "max_retries" INTEGER NOT NULL DEFAULT 3,
  ADD COLUMN "retry_on" TEXT NOT NULL DEFAULT 'safe';
ALTER TABLE "tasks" ADD COLUMN "tries_before" INTEGER NOT NULL DEFAULT 0;

ALTER TABLE schedules
  ADD CONSTRAINT schedules_max_retries CHECK (max_retries BETWEEN 0 AND 100),
  ADD CONSTRAINT schedules_retry_on CHECK (retry_on IN ('safe', 'failure', 'unknown'));
-- Not validated: no row breaks them yet, and looking at every task would hold up whoever works.
ALTER TABLE tasks
  ADD CONSTRAINT tasks_max_retries CHECK (max_retries BETWEEN 0 AND 100) NOT VALID,
  ADD CONSTRAINT tasks_retry_on CHECK (retry_on IN ('safe', 'failure', 'unknown')) NOT VALID,
  DROP CONSTRAINT tasks_trigger,
  ADD CONSTRAINT tasks_trigger CHECK (trigger IN ('manual', 'schedule', 'backfill', 'replay')) NOT VALID;

-- Retries that are due soon want a wake-up. (Built in this transaction: on its own it would wait for all who wait for the migration.)
CREATE INDEX tasks_retries ON tasks (next_retry_at) WHERE status = 'pending' AND next_retry_at IS NOT NULL;

-- As before, and back to pending out of failed or cancelled: only by a retry by hand, which begins a round of tries and leaves no token.
DROP TRIGGER tasks_edges ON tasks;
CREATE TRIGGER tasks_edges BEFORE UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('running', 'cancelled'))
    OR (OLD.status = 'running' AND NEW.status IN ('pending', 'completed', 'failed', 'cancelled'))
    OR (OLD.status = 'failed' AND OLD.error_code = 'outcome_unknown' AND NEW.status = 'completed')
    OR (OLD.status IN ('failed', 'cancelled') AND NEW.status = 'pending' AND NEW.tries_before = OLD.tries AND NEW.tries = OLD.tries AND NEW.token IS NULL)))
  EXECUTE FUNCTION spark_refuse_edge();

-- As before, but what is older says the due time, not ready_at: a task that waits for its next try is not overtaken by a younger one of
-- its schedule. It also tells the options of retries, and clears what the last attempt left.
DROP FUNCTION spark_claim(uuid, uuid, int, interval);
CREATE FUNCTION spark_claim(worker uuid, fence uuid, slots int, lease interval)
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
        AND (t.serial_key IS NULL OR NOT EXISTS (
          SELECT FROM tasks o
          WHERE o.serial_key = t.serial_key AND o.id <> t.id
            AND (o.status = 'running'
              OR (o.status = 'pending' AND (coalesce(o.scheduled_for, o.created_at), o.id) < (coalesce(t.scheduled_for, t.created_at), t.id)))))
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
