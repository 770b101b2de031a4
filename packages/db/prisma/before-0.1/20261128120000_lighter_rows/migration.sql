-- A run's row is written four times (made, claimed, called, ended). Room for the next version beside the last one: then the call, which
-- changes no indexed column, writes none of the twelve indexes.
ALTER TABLE tasks SET (fillfactor = 70);
ALTER TABLE schedules SET (fillfactor = 80);
ALTER TABLE schedule_outcomes SET (fillfactor = 60);

-- Asked only for a claim whose answer was lost, and there are never more running tasks than workers have slots.
DROP INDEX tasks_token;

-- As before, but after the update: a trigger before it locks each row once more, and writes that lock.
DROP TRIGGER tasks_edges ON tasks;
CREATE TRIGGER tasks_edges AFTER UPDATE OF status ON tasks FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status AND NOT (
    (OLD.status = 'pending' AND NEW.status IN ('running', 'cancelled'))
    OR (OLD.status = 'pending' AND NEW.status = 'failed' AND NEW.error_code = 'source_unreachable' AND OLD.trigger IN ('manual', 'replay'))
    OR (OLD.status = 'running' AND NEW.status IN ('pending', 'completed', 'failed', 'cancelled'))
    OR (OLD.status = 'failed' AND OLD.error_code = 'outcome_unknown' AND NEW.status = 'completed')
    OR (OLD.status IN ('failed', 'cancelled') AND NEW.status = 'pending' AND NEW.tries_before = OLD.tries AND NEW.tries = OLD.tries AND NEW.token IS NULL)))
  EXECUTE FUNCTION spark_refuse_edge();
