-- JSON as it was written: jsonb sorts keys and drops doubled ones. What is there already keeps the text that jsonb gives it. A table is written
-- anew once, which locks it meanwhile: docs/operations.md says how long that takes.
ALTER TABLE tasks ALTER COLUMN input TYPE text USING nullif(input::text, 'null'), ALTER COLUMN tweaks TYPE text USING tweaks::text, ALTER COLUMN output TYPE text USING output::text;
ALTER TABLE task_outputs ALTER COLUMN output TYPE text USING output::text;
ALTER TABLE schedules ALTER COLUMN input_value TYPE text USING nullif(input_value::text, 'null'), ALTER COLUMN tweaks TYPE text USING tweaks::text;

-- A process of an older version would show these texts as strings, write them back as strings in strings, and call flows with them. It is told
-- so wherever it would make or change something; a run that it has in hand may still end.
CREATE FUNCTION spark_refuse_older() RETURNS trigger LANGUAGE plpgsql AS
$$
BEGIN
  RAISE EXCEPTION 'This process of Spark is older than its database: stop it and update it. Nothing was written.' USING ERRCODE = 'feature_not_supported';
END
$$;
CREATE TRIGGER tasks_older BEFORE INSERT ON tasks FOR EACH STATEMENT
  WHEN (current_setting('spark.json', true) IS DISTINCT FROM 'text' AND current_setting('application_name') LIKE 'spark-%') EXECUTE FUNCTION spark_refuse_older();
CREATE TRIGGER schedules_older BEFORE INSERT OR UPDATE OF input_value, tweaks ON schedules FOR EACH STATEMENT
  WHEN (current_setting('spark.json', true) IS DISTINCT FROM 'text' AND current_setting('application_name') LIKE 'spark-%') EXECUTE FUNCTION spark_refuse_older();

-- The claim of older workers.
CREATE OR REPLACE FUNCTION spark_claim(worker uuid, fence uuid, slots int, lease interval)
RETURNS TABLE (id uuid, token uuid, tries int, workflow_id uuid, source_id uuid, flow_version int, flow_changed_at timestamptz, source_version int,
  input jsonb, session_id text, tweaks jsonb, timeout int, scheduled_for timestamptz, max_retries int, retry_on text, tries_before int)
LANGUAGE plpgsql AS
$$
BEGIN
  RAISE EXCEPTION 'This worker is older than the database: stop it and update it. It gets no runs.' USING ERRCODE = 'feature_not_supported';
END
$$;

-- As spark_claim was, with JSON as text. Words that leave the planner no way but the right index: it plans while few tasks are open, takes any
-- index of open tasks for empty, and keeps the plan. An order keeps it to the one index that has this order (sorting is off where claims are
-- made), `|| ''` and ctid off all of them, OFFSET 0 to looking up what was claimed.
CREATE FUNCTION spark_claim_ready(worker uuid, fence uuid, slots int, lease interval)
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
