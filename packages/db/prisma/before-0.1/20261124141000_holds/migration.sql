-- Sources that are held: by their breaker, by three failed health checks, or since they are inactive. The previous version of Spark works
-- on: it knows no breaker and claims as before.

ALTER TABLE "sources"
  ADD COLUMN "breaker_until" TIMESTAMPTZ(3),
  ADD COLUMN "breaker_opens" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "breaker_counted" INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN "check_at" TIMESTAMPTZ(3),
  ADD COLUMN "check_failures" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "source_outcomes" (
    "source_id" UUID NOT NULL,
    "not_sent" INTEGER NOT NULL DEFAULT 0,
    "last_error" TEXT,
    "reached_at" TIMESTAMPTZ(3),

    CONSTRAINT "source_outcomes_pkey" PRIMARY KEY ("source_id")
);

-- AddForeignKey
ALTER TABLE "source_outcomes" ADD CONSTRAINT "source_outcomes_source_id_fkey" FOREIGN KEY ("source_id") REFERENCES "sources"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- As before, and from pending to failed: only what was asked for by hand of a source that is held.
DROP TRIGGER tasks_edges ON tasks;
CREATE TRIGGER tasks_edges BEFORE UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('running', 'cancelled'))
    OR (OLD.status = 'pending' AND NEW.status = 'failed' AND NEW.error_code = 'source_unreachable' AND OLD.trigger IN ('manual', 'replay'))
    OR (OLD.status = 'running' AND NEW.status IN ('pending', 'completed', 'failed', 'cancelled'))
    OR (OLD.status = 'failed' AND OLD.error_code = 'outcome_unknown' AND NEW.status = 'completed')
    OR (OLD.status IN ('failed', 'cancelled') AND NEW.status = 'pending' AND NEW.tries_before = OLD.tries AND NEW.tries = OLD.tries AND NEW.token IS NULL)))
  EXECUTE FUNCTION spark_refuse_edge();

-- Whether a call may go to a source at this moment; half-open there is room for one. The breaker counts as open from its fifth call in a
-- row that was not sent, and half-open no longer from the next one: what is written to `sources` about it comes a moment later.
CREATE FUNCTION spark_takes_calls(s sources, not_sent int, at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT s.status = 'active' AND s.check_failures < 3
     AND CASE WHEN s.breaker_until IS NULL THEN coalesce(not_sent, 0) < 5 ELSE s.breaker_until <= at AND coalesce(not_sent, 0) <= s.breaker_counted END $$;

-- As before, without sources that take no calls now.
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
      AND EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND t.status = 'pending' AND t.ready_at <= at)
    ORDER BY s.id FOR NO KEY UPDATE OF s
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
    LEFT JOIN source_outcomes so ON so.source_id = s.id
    CROSS JOIN LATERAL (
      SELECT greatest(least(s.max_concurrency - count(*), CASE WHEN s.breaker_until IS NOT NULL THEN 1 - count(*) FILTER (WHERE r.started_at >= s.breaker_until) END), 0) AS room
      FROM tasks r WHERE r.source_id = s.id AND r.status = 'running'
    ) free
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
    WHERE s.id = ANY (locked) AND spark_takes_calls(s, so.not_sent, at)
    ORDER BY ready.priority, ready.ready_at, ready.id
    LIMIT slots
  ))
  RETURNING c.id, c.token, c.tries, c.workflow_id, c.source_id, cw.flow_version, cw.updated_at, cs.version, c.input, c.session_id, c.tweaks, c.timeout, c.scheduled_for,
    c.max_retries, c.retry_on, c.tries_before;
END
$$;
