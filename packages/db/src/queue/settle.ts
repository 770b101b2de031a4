import type { TaskErrorCode } from '@automagik-spark/core'
import { NOTIFY_BATCH, notifySql } from '../notify.ts'
import type { Sql } from '../sql.ts'
import { inIdOrder } from './id-order.ts'

/** How an attempt ended, as the holder of the token reports it. */
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
  /** When a failure is tried again, counted from now. Null: the task ends here. */
  retry_in_ms: number | null
  /** The call surely reached its server. If a health check takes too long now, the server is busy, not down. */
  reached: boolean
}

/** Fields that are not given are null. */
export const settlementOf = (
  { id, token }: Pick<Settlement, 'id' | 'token'>,
  part: Partial<Settlement> & Pick<Settlement, 'status'>,
): Settlement => ({
  id,
  token,
  output: null,
  full_output: null,
  error: null,
  error_code: null,
  retry_in_ms: null,
  reached: false,
  ...part,
})

/** A settled task. `pending`: it waits for its next try, or was released. */
export type Settled = { id: string; status: string; next_retry_at: Date | null }

/** `outcomes_changed`: the statement noted that a call reached some source. */
export type SettledRun = Settled & { outcomes_changed: boolean }
/** How often at most it is noted that calls reach a source. */
const REACHED_EVERY = `interval '10 seconds'`

/** How a pending task is cancelled. The error of its last attempt stays in the log only: it is not why the task was cancelled. */
export const CANCELLED = `status = 'cancelled', next_retry_at = NULL, error = NULL, error_code = NULL, finished_at = spark_now(), updated_at = spark_now()`

/** The whole second at or after this expression: retries begin at whole seconds, as wake-ups do. */
export const wholeSecond = (at: string): string => `date_trunc('second', ${at} + interval '999 milliseconds')`
/** A whole second as a log shows it. */
export const utcText = (at: string): string => `to_char(${at} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`

/** Tasks in one statement: it notifies of all of them at once. */
export const SETTLE_BATCH = NOTIFY_BATCH

/**
 * The end of a statement whose CTE `s` has settled tasks. It counts the outcomes of their schedules: only of scheduled runs, only completed and failed
 * ones, and none that is `counted` already (it had failed before, or was retried by hand). Then it notifies of the tasks that somebody may wait for
 * (`awaited`); tasks in `s` that are pending or running have not ended. Counters are the last in the order of locks, by id.
 *
 * It notifies only if it must: PostgreSQL commits transactions that notify one after the other, each with its wait for the disk.
 */
export const AFTER_SETTLED = (more = ''): string => `
  c AS (
    INSERT INTO schedule_outcomes AS c (schedule_id, last_success_at, consecutive_failures, flows_missing)
    SELECT schedule_id, max(at) FILTER (WHERE status = 'completed'),
      CASE WHEN count(*) FILTER (WHERE status = 'completed') > 0 THEN 0 ELSE count(*) FILTER (WHERE status = 'failed') END,
      CASE WHEN bool_and(status = 'failed' AND error_code = 'flow_not_found') THEN count(*) ELSE 0 END
    FROM s WHERE trigger = 'schedule' AND schedule_id IS NOT NULL AND (status = 'completed' OR (status = 'failed' AND NOT counted))
    GROUP BY schedule_id ORDER BY schedule_id
    ON CONFLICT (schedule_id) DO UPDATE SET
      last_success_at = coalesce(excluded.last_success_at, c.last_success_at),
      consecutive_failures = CASE WHEN excluded.last_success_at IS NULL THEN c.consecutive_failures + excluded.consecutive_failures ELSE 0 END,
      flows_missing = CASE WHEN excluded.flows_missing > 0 THEN c.flows_missing + excluded.flows_missing ELSE 0 END
  )
  SELECT s.id, s.status, s.next_retry_at, d.sent${more}
  FROM s, (SELECT CASE WHEN ids IS NOT NULL THEN ${notifySql('spark_done', 'ids')} END AS sent
    FROM (SELECT string_agg(id::text, ',') FILTER (WHERE awaited AND status NOT IN ('pending', 'running')) AS ids FROM s) ended) d`

/** Somebody may wait for the end of task `t`: it is a manual run, or is being cancelled. */
const AWAITED = `(t.trigger IN ('manual', 'replay') OR t.cancel_requested_at IS NOT NULL)`

/** A failed attempt (`r`) whose task (`t`) may be tried again: it is tried again, or cancelled if that was requested meanwhile. */
const AGAIN = `(r.retry_at IS NOT NULL AND t.status = 'running' AND t.cancel_requested_at IS NULL)`
const STOPPED = `(r.retry_at IS NOT NULL AND t.status = 'running' AND t.cancel_requested_at IS NOT NULL)`

/** Writes into the log the attempts that failed and may be tried again. */
const LOG_ATTEMPTS = `
  e AS (
    -- Within one statement \`tasks\` is still as it was, and has the start of the attempt that failed.
    INSERT INTO task_events (task_id, at, type, message, try)
    SELECT s.id, v.at, v.type, v.message, s.tries
    FROM s JOIN r ON r.id = s.id AND r.retry_at IS NOT NULL AND s.status <> 'failed',
      LATERAL (VALUES
        (1, (SELECT was.started_at FROM tasks was WHERE was.id = s.id), 'attempt_started', 'attempt ' || s.tries || ' started'),
        (2, r.now, 'attempt_failed', r.error || coalesce(' Next try at ' || ${utcText('s.next_retry_at')} || '.', ' Not tried again: a cancel was requested.'))
      ) v(n, at, type, message)
    WHERE s.status = 'pending' OR v.n = 2
    ORDER BY s.id, v.n
  ), `
/**
 * The source text of an element of a JSON array, counted from 1. The array is split once a statement; `->` would walk it again for each element,
 * and refuses texts with a \u0000 in them.
 */
const elementOf = (array: string, place: string): string =>
  `(ARRAY(SELECT e.value::text FROM json_array_elements(${array}::json) AS e(value)))[${place}]`

/** Writes the answers that are kept in a table of their own. */
const KEEP_LARGE = `
  f AS (
    INSERT INTO task_outputs (task_id, output) SELECT r.id, ${elementOf('$10', 'r.full_output')} FROM r JOIN s ON s.id = r.id WHERE r.full_output IS NOT NULL
    ON CONFLICT (task_id) DO UPDATE SET output = excluded.output
  ), `

/** `again`: some may be tried again; `large`: some answers are kept apart. Mostly neither, and each part of a statement costs time even when it finds no row. */
const SETTLE = (again: boolean, large: boolean): string => `
  WITH n AS MATERIALIZED (SELECT spark_now() AS at), r AS (
    SELECT r.*, n.at AS now, ${wholeSecond(`n.at + retry_in_ms * interval '1 millisecond'`)} AS retry_at
    FROM n, unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bool[], $9::int[]${large ? ', $11::int[]' : ''})
      AS r(id, token, status, error, error_code, retry_in_ms, reached, output${large ? ', full_output' : ''})
  ), s AS (
    UPDATE tasks t SET phase = NULL, unsent = 0, output = ${elementOf('$8', 'r.output')}, lease_until = NULL, marked_at = NULL, updated_at = r.now,
      status = CASE WHEN ${AGAIN} THEN 'pending' WHEN ${STOPPED} THEN 'cancelled' ELSE r.status END,
      error = CASE WHEN NOT ${STOPPED} THEN r.error END, error_code = CASE WHEN NOT ${STOPPED} THEN r.error_code END,
      started_at = CASE WHEN NOT ${AGAIN} THEN t.started_at END,
      finished_at = CASE WHEN ${AGAIN} THEN NULL WHEN t.status = 'failed' AND r.status = 'failed' THEN t.finished_at ELSE r.now END,
      next_retry_at = CASE WHEN ${AGAIN} THEN r.retry_at END, ready_at = CASE WHEN ${AGAIN} THEN r.retry_at ELSE t.ready_at END
    FROM r WHERE t.id = r.id AND t.token = r.token
      AND (t.status = 'running' OR (t.status = 'failed' AND t.error_code = 'outcome_unknown' AND r.status <> 'cancelled' AND r.error_code IS DISTINCT FROM 'outcome_unknown'))
    RETURNING t.id, t.schedule_id, t.trigger, t.status, t.finished_at AS at, t.next_retry_at, t.tries, t.error_code, t.finished_at < t.updated_at OR t.retried_by_hand AS counted, ${AWAITED} AS awaited,
      t.source_id, r.reached, r.now
  ), ${again ? LOG_ATTEMPTS : ''}${large ? KEEP_LARGE : ''}o AS (
    -- Mostly there is nothing to write. If every settle wrote this row, they would wait for each other.
    INSERT INTO source_outcomes AS o (source_id, reached_at)
    SELECT source_id, max(now) FROM s WHERE reached
    GROUP BY source_id
    HAVING NOT EXISTS (SELECT FROM source_outcomes f WHERE f.source_id = s.source_id AND f.reached_at > max(s.now) - ${REACHED_EVERY})
    ORDER BY source_id
    ON CONFLICT (source_id) DO UPDATE SET reached_at = excluded.reached_at
    RETURNING source_id
  ), ${AFTER_SETTLED(', EXISTS (SELECT FROM o) AS outcomes_changed')}`

/**
 * Completes, fails or cancels tasks, or sets their next try, and returns them. A task that has another token by now is not changed and not returned.
 * One terminal status may still change: an `outcome_unknown` becomes the outcome, if the attempt that holds the token reports it. If that is another
 * failure, the task keeps its `finished_at`, and is not counted twice.
 *
 * A failure that may be tried again makes its task pending until `next_retry_at`. The token stays until the next claim makes another one, so that
 * `settledBy` can read a doubtful commit; nothing else accepts it while the task is pending.
 */
export const settle = async (sql: Sql, settlements: Settlement[]): Promise<SettledRun[]> => {
  const sorted = inIdOrder(settlements)
  const again = sorted.some((r) => r.retry_in_ms !== null)
  const large = sorted.some((r) => r.full_output !== null)
  return (
    await sql.query<SettledRun>(SETTLE(again, large), [
      sorted.map((r) => r.id),
      sorted.map((r) => r.token),
      sorted.map((r) => r.status),
      sorted.map((r) => r.error),
      sorted.map((r) => r.error_code),
      sorted.map((r) => r.retry_in_ms),
      sorted.map((r) => r.reached),
      ...jsonArray(sorted.map((r) => r.output)),
      ...(large ? jsonArray(sorted.map((r) => r.full_output)) : []),
    ])
  ).rows
}

/** JSON texts as one JSON array, and the place of each in it, from 1. In a `text[]` each quote would be escaped, and the text read twice. */
const jsonArray = (texts: readonly (string | null)[]): [array: string, places: (number | null)[]] => {
  const given = texts.filter((text) => text !== null)
  let place = 0
  return [`[${given.join(',')}]`, texts.map((text) => (text === null ? null : ++place))]
}

/** The ids of those that are written already, after a `settle` whose commit is in doubt. */
export const settledBy = async (sql: Sql, settlements: Settlement[]): Promise<Set<string>> =>
  new Set(
    (
      await sql.query<{ id: string }>(
        `SELECT t.id FROM tasks t JOIN unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[]) AS r(id, token, status, error_code, retry_in_ms)
           ON t.id = r.id AND t.token = r.token
         WHERE (t.status = r.status AND t.error_code IS NOT DISTINCT FROM r.error_code)
           OR (r.retry_in_ms IS NOT NULL AND t.status = 'pending' AND t.next_retry_at IS NOT NULL AND t.error_code = r.error_code)
           OR (r.retry_in_ms IS NOT NULL AND t.status = 'cancelled')`,
        [
          settlements.map((r) => r.id),
          settlements.map((r) => r.token),
          settlements.map((r) => r.status),
          settlements.map((r) => r.error_code),
          settlements.map((r) => r.retry_in_ms),
        ],
      )
    ).rows.map((row) => row.id),
  )

/** Releases tasks whose call was not sent, as their holder knows, with their try. Returns their ids. */
export const releaseTasks = async (
  sql: Sql,
  pairs: { id: string; token: string }[],
  why: string,
): Promise<string[]> => {
  const sorted = inIdOrder(pairs)
  return (
    await sql.query<{ id: string }>(
      `WITH s AS (
         UPDATE tasks t SET status = 'pending', phase = NULL, tries = t.tries - 1, unsent = 0, token = NULL, worker_id = NULL, lease_until = NULL, marked_at = NULL,
           started_at = NULL, updated_at = spark_now()
         FROM unnest($1::uuid[], $2::uuid[]) AS h(id, token)
         WHERE t.id = h.id AND t.token = h.token AND t.status = 'running'
         RETURNING t.id, t.tries
       ), e AS (INSERT INTO task_events (task_id, at, type, message, try) SELECT id, spark_now(), 'handed_back', $3, tries + 1 FROM s)
       SELECT s.id, n.sent FROM s, (SELECT ${notifySql('spark_ready')} AS sent) n`,
      [sorted.map((p) => p.id), sorted.map((p) => p.token), why],
    )
  ).rows.map((row) => row.id)
}

/** Adds to a task's log what an attempt found out too late, or what else happened. */
export const addEvent = async (
  sql: Sql,
  event: { task_id: string; type: string; message: string; try: number },
): Promise<void> => {
  await sql.query(
    `INSERT INTO task_events (task_id, at, type, message, try) SELECT id, spark_now(), $2, $3, $4 FROM tasks WHERE id = $1`,
    [event.task_id, event.type, event.message, event.try],
  )
}
