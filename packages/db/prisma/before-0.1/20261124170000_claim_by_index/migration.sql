-- As before, in words that leave the planner no way but the right index. It plans while few tasks are open, takes any index of open tasks for
-- empty, and keeps the plan: when thousands became due, each task that was claimed walked all of them. An order keeps it to the one index that
-- has this order (sorting is off where claims are made), `|| ''` and ctid off all of them, OFFSET 0 to looking up what was claimed.
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
    SELECT s.id FROM sources s LEFT JOIN source_outcomes so ON so.source_id = s.id
    WHERE s.deleted_at IS NULL AND spark_takes_calls(s, so.not_sent, at)
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
      LEFT JOIN source_outcomes so ON so.source_id = s.id
      CROSS JOIN LATERAL (
        SELECT greatest(least(s.max_concurrency - count(*), CASE WHEN s.breaker_until IS NOT NULL THEN 1 - count(*) FILTER (WHERE r.started_at >= s.breaker_until) END), 0) AS room
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
      WHERE s.id = ANY (locked) AND spark_takes_calls(s, so.not_sent, at)
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
