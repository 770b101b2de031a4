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
