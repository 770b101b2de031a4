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
