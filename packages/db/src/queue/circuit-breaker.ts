import { defaultCatchupWindow } from '@automagik-spark/core'
import { NOTIFY_BATCH, notifySql } from '../notify.ts'
import type { Sql } from '../sql.ts'
import { AFTER_SETTLED } from './settle.ts'

/** So many failed health checks in a row suspend a source; after a call that could not be sent one is enough. */
export const DOWN_AFTER = 3
/** How long a manual run waits for a check of its suspended source. */
const WAITS_FOR_CHECK = `interval '5 seconds'`
/** How long a check counts as under way when no result of it arrives: longer than a check may take. */
export const CHECK_LEASE = `interval '15 seconds'`

/** Suspended by failed checks: its server is down. */
export const DOWN = (source: string): string =>
  `(${source}.status = 'active' AND ${source}.hold_from IS NOT NULL AND ${source}.hold_until IS NULL)`
/** Down or inactive: nothing of it is claimed, its schedules do not fire, and its due times wait. The SQL function `spark_takes_calls` says the opposite. */
export const SUSPENDED = (source: string): string =>
  `(${source}.status <> 'active' OR (${source}.hold_from IS NOT NULL AND ${source}.hold_until IS NULL))`

/** A manual run that was not tried yet, or whose only try failed. One that waits for its next try is not among these: it goes on waiting. */
export const MANUAL_RUN = (task: string): string =>
  `(${task}.status = 'pending' AND ${task}.priority = 0 AND ${task}.trigger IN ('manual', 'replay') AND ${task}.tries = ${task}.tries_before AND (${task}.error IS NULL OR ${task}.max_retries = 0))`
/**
 * A manual run (`t`) of a suspended source (`s`) that waits no longer: a check that began after the run was made is over, or the run has waited for
 * its time. If nobody checked for a while, as without a worker, its time begins with the next check.
 */
const HAS_WAITED = `(s.status <> 'active' OR (s.check_began_at >= t.updated_at AND s.checking_until IS NULL)
  OR (s.check_began_at > t.updated_at - ${CHECK_LEASE}
    AND greatest(t.updated_at, CASE WHEN s.check_began_at > t.updated_at + ${WAITS_FOR_CHECK} THEN s.check_began_at END) <= spark_now() - ${WAITS_FOR_CHECK}))`
const WHY_FAILED = `CASE WHEN s.status <> 'active' THEN 'The source ' || s.url || ' is inactive: nothing was sent.'
     ELSE 'Nothing was sent: ' || s.url || ' is down' || coalesce(' (' || s.health_reason || ')', '') || '. Spark checks it again by itself; POST /sources/' || s.id || '/validate checks it now.' END`

/** Columns of a source (`s`) whose server answered a check: it is up, resumed unless it is inactive, and its failures are counted from 0. */
export const RESUMED = `health = 'up', health_reason = NULL, checked_at = spark_now(), check_failures = 0, checking_until = NULL,
  hold_until = CASE WHEN s.status = 'active' THEN coalesce(s.hold_until, CASE WHEN s.hold_from IS NOT NULL THEN spark_now() END) ELSE s.hold_until END,
  ramp_from = CASE WHEN ${DOWN('s')} THEN spark_now() ELSE s.ramp_from END`
/** After a source was suspended (CTE `u`): calls that were not sent have their reason now, and are not counted. */
export const RESET_UNSENT = `UPDATE tasks t SET unsent = 0 FROM u WHERE u.turned AND t.source_id = u.id AND t.status = 'pending' AND t.unsent > 0`
/** After a source was resumed (CTE `u`): calls that could not be sent are ready at once. */
export const READY_AGAIN = `UPDATE tasks t SET unsent = 0, ready_at = least(t.ready_at, spark_now()), next_retry_at = NULL
  FROM u WHERE u.turned AND t.source_id = u.id AND t.status = 'pending' AND (t.unsent > 0 OR t.tries = t.tries_before) AND t.next_retry_at IS NOT NULL`

/** Seen down by a user's validation, and a call reached it since. */
const REACHED_SINCE = `s.status = 'active' AND s.deleted_at IS NULL AND s.health = 'down' AND NOT ${SUSPENDED('s')} AND o.reached_at > s.checked_at`
export const SEEN_UP = `EXISTS (SELECT FROM sources s JOIN source_outcomes o ON o.source_id = s.id WHERE ${REACHED_SINCE})`
/** Whether a run could wait in vain. */
export const SOMETHING_WAITS = `EXISTS (SELECT FROM sources s WHERE s.deleted_at IS NULL AND ${SUSPENDED('s')})`

export type SourceWork = { seen_up: boolean; waiting: boolean }
/** What there is to do about sources. Mostly nothing, so this is read before anything is locked or written. */
export const findSourceWork = async (sql: Sql): Promise<SourceWork> =>
  (await sql.query<SourceWork>(`SELECT ${SEEN_UP} AS seen_up, ${SOMETHING_WAITS} AS waiting`, [])).rows[0]!

/** Shows sources as up that a call reached since they were seen down. It suspends and resumes none: only checks do. */
export const showReachedAsUp = async (sql: Sql): Promise<void> => {
  await sql.query(
    `UPDATE sources s SET health = 'up', health_reason = NULL WHERE s.id = ANY (ARRAY(
       SELECT s.id FROM sources s JOIN source_outcomes o ON o.source_id = s.id WHERE ${REACHED_SINCE} ORDER BY s.id FOR NO KEY UPDATE OF s))`,
    [],
  )
}

/** Fails the manual runs of suspended sources that have waited for a check, and returns their ids. */
export const failManualRuns = async (sql: Sql): Promise<string[]> => {
  const failed: string[] = []
  for (;;) {
    const { rows } = await sql.query<{ id: string }>(
      `WITH x AS (
         SELECT t.id, ${WHY_FAILED} AS error
         FROM sources s JOIN tasks t ON t.source_id = s.id AND ${MANUAL_RUN('t')}
         WHERE s.deleted_at IS NULL AND ${SUSPENDED('s')} AND ${HAS_WAITED}
         ORDER BY t.id LIMIT ${NOTIFY_BATCH} FOR NO KEY UPDATE OF t SKIP LOCKED
       ), u AS (
         UPDATE tasks t SET status = 'failed', error_code = 'source_unreachable', error = x.error, next_retry_at = NULL, finished_at = spark_now(), updated_at = spark_now()
         FROM x WHERE t.id = x.id AND t.status = 'pending' RETURNING t.id
       )
       SELECT u.id, d.sent FROM u, (SELECT ${notifySql('spark_done', "string_agg(id::text, ',')")} AS sent FROM u) d`,
      [],
    )
    failed.push(...rows.map(({ id }) => id))
    if (rows.length < NOTIFY_BATCH) return failed
  }
}

/**
 * Fails tasks whose server has been down for longer than the task may be late, and returns their ids; when they fill a batch, more may be left. Tasks of
 * inactive sources wait on: a user switched these off. A task without a schedule, or whose schedule was deleted, has the window of a recurring one.
 */
export const failOverdue = async (sql: Sql): Promise<string[]> =>
  (
    await sql.query<{ id: string }>(
      `WITH n AS MATERIALIZED (SELECT spark_now() AS at), x AS (
         SELECT t.id, w.seconds, s.url, s.health_reason
         FROM n, sources s JOIN tasks t ON t.source_id = s.id AND t.status = 'pending' LEFT JOIN schedules c ON c.id = t.schedule_id
           CROSS JOIN LATERAL (SELECT coalesce(c.catchup_window, CASE c.schedule_type WHEN 'one-time' THEN $1::int ELSE $2::int END) AS seconds) w
         WHERE s.deleted_at IS NULL AND ${DOWN('s')}
           AND greatest(s.hold_from, t.created_at, CASE WHEN t.retried_by_hand THEN t.updated_at END) < n.at - w.seconds * interval '1 second'
         ORDER BY t.id LIMIT ${NOTIFY_BATCH} FOR NO KEY UPDATE OF t SKIP LOCKED
       ), s AS (
         UPDATE tasks t SET status = 'failed', error_code = 'source_unreachable', next_retry_at = NULL, finished_at = n.at, updated_at = n.at,
           error = 'Nothing was sent: ' || x.url || ' was down for longer than the run may be late (catchup_window, ' || x.seconds || ' s)' || coalesce('. Last seen: ' || x.health_reason, '.')
         FROM x, n WHERE t.id = x.id AND t.status = 'pending'
         RETURNING t.id, t.schedule_id, t.trigger, t.status, t.finished_at AS at, t.next_retry_at, t.error_code, t.retried_by_hand AS counted, t.trigger IN ('manual', 'replay') AS awaited
       ), ${AFTER_SETTLED()}`,
      [defaultCatchupWindow('one-time'), defaultCatchupWindow('cron')],
    )
  ).rows.map((row) => row.id)
