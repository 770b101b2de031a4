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
