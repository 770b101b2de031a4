-- The clock that every statement uses. Tests replace this function. STABLE, so that an index can be searched by its value.
CREATE OR REPLACE FUNCTION spark_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT date_trunc('milliseconds', clock_timestamp()) $$;
