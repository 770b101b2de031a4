import type { TaskErrorCode } from '@automagik-spark/core'
import type { Sql } from '../sql.ts'

/** How an attempt ended, in the name of the token that holds it. */
export type Settlement = {
  id: string
  token: string
  status: 'completed' | 'failed' | 'cancelled'
  /** JSON text for the task's row: the whole answer, or its short form. */
  output: string | null
  /** JSON text of an answer that is kept apart. */
  full_output: string | null
  error: string | null
  error_code: TaskErrorCode | null
}

/** A settled task, for those who wait. */
export type Settled = { id: string; status: string }

/** Tasks in one statement: their ids fit into one NOTIFY payload (under 8,000 bytes). */
export const SETTLE_BATCH = 200

/**
 * After tasks ended (CTE `s`): the outcomes of their schedules, by plan only, cancellations not counted, and the announcement.
 * Counter rows come last in the order of locks, sorted.
 */
export const AFTER_SETTLED = `
  c AS (
    INSERT INTO schedule_outcomes AS c (schedule_id, last_success_at, consecutive_failures)
    SELECT schedule_id, max(at) FILTER (WHERE status = 'completed'),
      CASE WHEN count(*) FILTER (WHERE status = 'completed') > 0 THEN 0 ELSE count(*) FILTER (WHERE status = 'failed') END
    FROM s WHERE trigger = 'schedule' AND schedule_id IS NOT NULL AND status IN ('completed', 'failed')
    GROUP BY schedule_id ORDER BY schedule_id
    ON CONFLICT (schedule_id) DO UPDATE SET
      last_success_at = coalesce(excluded.last_success_at, c.last_success_at),
      consecutive_failures = CASE WHEN excluded.last_success_at IS NULL THEN c.consecutive_failures + excluded.consecutive_failures ELSE 0 END
  )
  SELECT s.id, s.status, d.sent FROM s, (SELECT pg_notify('spark_done', string_agg(id::text, ',')) AS sent FROM s) d`

/**
 * Ends attempts, fenced by their tokens: a row that is no longer this token's is not touched and not returned. The one way out of a
 * terminal status: `outcome_unknown` may still learn its outcome from the attempt that holds the token.
 */
export const settle = async (sql: Sql, settlements: Settlement[]): Promise<Settled[]> => {
  const sorted = [...settlements].sort((a, b) => (a.id < b.id ? -1 : 1))
  return (
    await sql.query<Settled>(
      `WITH r AS (
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
           AS r(id, token, status, output, full_output, error, error_code)
       ), s AS (
         UPDATE tasks t SET status = r.status, phase = NULL, output = r.output::jsonb, error = r.error, error_code = r.error_code,
           finished_at = spark_now(), lease_until = NULL, marked_at = NULL, updated_at = spark_now()
         FROM r WHERE t.id = r.id AND t.token = r.token
           AND (t.status = 'running' OR (t.status = 'failed' AND t.error_code = 'outcome_unknown' AND r.status <> 'cancelled' AND r.error_code IS DISTINCT FROM 'outcome_unknown'))
         RETURNING t.id, t.schedule_id, t.trigger, t.status, t.finished_at AS at
       ), f AS (
         INSERT INTO task_outputs (task_id, output) SELECT r.id, r.full_output::jsonb FROM r JOIN s ON s.id = r.id WHERE r.full_output IS NOT NULL
         ON CONFLICT (task_id) DO UPDATE SET output = excluded.output
       ), ${AFTER_SETTLED}`,
      [
        sorted.map((r) => r.id), sorted.map((r) => r.token), sorted.map((r) => r.status), sorted.map((r) => r.output),
        sorted.map((r) => r.full_output), sorted.map((r) => r.error), sorted.map((r) => r.error_code),
      ],
    )
  ).rows
}

/** Which of these are written as asked already: the answer to a settle whose commit was in doubt. */
export const settledBy = async (sql: Sql, settlements: Settlement[]): Promise<Set<string>> =>
  new Set(
    (
      await sql.query<{ id: string }>(
        `SELECT t.id FROM tasks t JOIN unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS r(id, token, status, error_code) ON t.id = r.id AND t.token = r.token
         WHERE t.status = r.status AND t.error_code IS NOT DISTINCT FROM r.error_code`,
        [settlements.map((r) => r.id), settlements.map((r) => r.token), settlements.map((r) => r.status), settlements.map((r) => r.error_code)],
      )
    ).rows.map((row) => row.id),
  )

/** Gives tasks back whose call was never sent, as their holder knows; their try is given back too. */
export const handBack = async (sql: Sql, pairs: { id: string; token: string }[], why: string): Promise<string[]> => {
  const sorted = [...pairs].sort((a, b) => (a.id < b.id ? -1 : 1))
  return (
    await sql.query<{ id: string }>(
      `WITH s AS (
         UPDATE tasks t SET status = 'pending', phase = NULL, tries = t.tries - 1, token = NULL, worker_id = NULL, lease_until = NULL, marked_at = NULL,
           started_at = NULL, updated_at = spark_now()
         FROM unnest($1::uuid[], $2::uuid[]) AS h(id, token)
         WHERE t.id = h.id AND t.token = h.token AND t.status = 'running'
         RETURNING t.id, t.tries
       ), e AS (INSERT INTO task_events (task_id, at, type, message, try) SELECT id, spark_now(), 'handed_back', $3, tries + 1 FROM s)
       SELECT s.id, n.sent FROM s, (SELECT pg_notify('spark_ready', '') AS sent) n`,
      [sorted.map((p) => p.id), sorted.map((p) => p.token), why],
    )
  ).rows.map((row) => row.id)
}

/** Keeps what an attempt found out too late, or what else happened to a task. */
export const addEvent = async (sql: Sql, event: { task_id: string; type: string; message: string; try: number }): Promise<void> => {
  await sql.query(
    `INSERT INTO task_events (task_id, at, type, message, try) SELECT id, spark_now(), $2, $3, $4 FROM tasks WHERE id = $1`,
    [event.task_id, event.type, event.message, event.try],
  )
}
