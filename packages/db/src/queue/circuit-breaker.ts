import { defaultCatchupWindow } from '@automagik-spark/core'
import type { Sql } from '../sql.ts'
import { AFTER_SETTLED } from './settle.ts'

/** So many failed health checks in a row hold a source; after a call that could not be sent one is enough. */
export const DOWN_AFTER = 3
/** How long a run by hand waits for a check of its held source. */
const WAITS_FOR_CHECK = `interval '5 seconds'`
/** How long a check is taken to be under way when nothing is heard of it: longer than one may take. */
export const CHECK_LEASE = `interval '15 seconds'`

/** Its server is down, as checks saw it. */
export const DOWN = (source: string): string =>
  `(${source}.status = 'active' AND ${source}.hold_from IS NOT NULL AND ${source}.hold_until IS NULL)`
/** A hold that lasts: its schedules do not fire, and its due times wait. */
export const HELD = (source: string): string =>
  `(${source}.status <> 'active' OR (${source}.hold_from IS NOT NULL AND ${source}.hold_until IS NULL))`

/** Asked for by hand, and not tried yet, or tried in vain without retries. A run that waits for its next try goes on waiting: it was told to come back. */
export const BY_HAND = (task: string): string =>
  `(${task}.status = 'pending' AND ${task}.priority = 0 AND ${task}.trigger IN ('manual', 'replay') AND ${task}.tries = ${task}.tries_before AND (${task}.error IS NULL OR ${task}.max_retries = 0))`
/**
 * A run by hand (`t`) of a held source (`s`) that waits no longer: a check that began after it came is over, or it has waited for its time. After a
 * while in which nobody checked, as without a worker, its time begins with the next check.
 */
const IS_TOLD = `(s.status <> 'active' OR (s.check_began_at >= t.updated_at AND s.checking_until IS NULL)
  OR (s.check_began_at > t.updated_at - ${CHECK_LEASE}
    AND greatest(t.updated_at, CASE WHEN s.check_began_at > t.updated_at + ${WAITS_FOR_CHECK} THEN s.check_began_at END) <= spark_now() - ${WAITS_FOR_CHECK}))`
const WHY = `CASE WHEN s.status <> 'active' THEN 'The source ' || s.url || ' is inactive: nothing was sent.'
     ELSE 'Nothing was sent: ' || s.url || ' is down' || coalesce(' (' || s.health_reason || ')', '') || '. Spark looks whether it is back; POST /sources/' || s.id || '/validate looks now.' END`

/** What a server that was seen to work is: up, and held no longer, unless it is inactive. What was counted of it is forgotten. */
export const RELEASED = `health = 'up', health_reason = NULL, checked_at = spark_now(), check_failures = 0, checking_until = NULL,
  hold_until = CASE WHEN s.status = 'active' THEN coalesce(s.hold_until, CASE WHEN s.hold_from IS NOT NULL THEN spark_now() END) ELSE s.hold_until END,
  ramp_from = CASE WHEN ${DOWN('s')} THEN spark_now() ELSE s.ramp_from END`
/** After a hold began (`u`): that calls were not sent has its reason, and is not counted. */
export const NOT_COUNTED = `UPDATE tasks t SET unsent = 0 FROM u WHERE u.turned AND t.source_id = u.id AND t.status = 'pending' AND t.unsent > 0`
/** After a hold ended (`u`): what could not be sent waits no longer. */
export const SENT_ANEW = `UPDATE tasks t SET unsent = 0, ready_at = least(t.ready_at, spark_now()), next_retry_at = NULL
  FROM u WHERE u.turned AND t.source_id = u.id AND t.status = 'pending' AND (t.unsent > 0 OR t.tries = t.tries_before) AND t.next_retry_at IS NOT NULL`

/** Seen down by somebody who asked, and a call got through since. */
const SEEN_BY_CALL = `s.status = 'active' AND s.deleted_at IS NULL AND s.health = 'down' AND NOT ${HELD('s')} AND o.reached_at > s.checked_at`
export const SEEN_UP = `EXISTS (SELECT FROM sources s JOIN source_outcomes o ON o.source_id = s.id WHERE ${SEEN_BY_CALL})`
/** Whether something could wait in vain. */
export const SOMETHING_WAITS = `EXISTS (SELECT FROM sources s WHERE s.deleted_at IS NULL AND ${HELD('s')})`

export type SourceWork = { seen_up: boolean; waiting: boolean }
/** What there is to do about sources: mostly nothing, so it is asked for before anything is locked or written. */
export const findSourceWork = async (sql: Sql): Promise<SourceWork> =>
  (await sql.query<SourceWork>(`SELECT ${SEEN_UP} AS seen_up, ${SOMETHING_WAITS} AS waiting`, [])).rows[0]!

/** Shows sources as up that took a call since somebody saw them down. It holds and releases nothing: checks do. */
export const showReachedAsUp = async (sql: Sql): Promise<void> => {
  await sql.query(
    `UPDATE sources s SET health = 'up', health_reason = NULL WHERE s.id = ANY (ARRAY(
       SELECT s.id FROM sources s JOIN source_outcomes o ON o.source_id = s.id WHERE ${SEEN_BY_CALL} ORDER BY s.id FOR NO KEY UPDATE OF s))`,
    [],
  )
}

/** Ids in one statement: they fit into one NOTIFY payload. */
const BATCH = 200

/** Ends runs by hand of held sources that have waited for a check. Their ids; more may be left when there are 200. */
export const failManualRuns = async (sql: Sql): Promise<string[]> => {
  const ended: string[] = []
  for (;;) {
    const { rows } = await sql.query<{ id: string }>(
      `WITH x AS (
         SELECT t.id, ${WHY} AS error
         FROM sources s JOIN tasks t ON t.source_id = s.id AND ${BY_HAND('t')}
         WHERE s.deleted_at IS NULL AND ${HELD('s')} AND ${IS_TOLD}
         ORDER BY t.id LIMIT ${BATCH} FOR NO KEY UPDATE OF t SKIP LOCKED
       ), u AS (
         UPDATE tasks t SET status = 'failed', error_code = 'source_unreachable', error = x.error, next_retry_at = NULL, finished_at = spark_now(), updated_at = spark_now()
         FROM x WHERE t.id = x.id AND t.status = 'pending' RETURNING t.id
       )
       SELECT u.id, d.sent FROM u, (SELECT pg_notify('spark_done', string_agg(id::text, ',')) AS sent FROM u) d`,
      [],
    )
    ended.push(...rows.map(({ id }) => id))
    if (rows.length < BATCH) return ended
  }
}

/**
 * Ends tasks of servers that have been down for longer than the tasks may be late. Not those of inactive sources: somebody switched these off, and
 * knows. What has no schedule (any more) has the window of a recurring one.
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
         ORDER BY t.id LIMIT ${BATCH} FOR NO KEY UPDATE OF t SKIP LOCKED
       ), s AS (
         UPDATE tasks t SET status = 'failed', error_code = 'source_unreachable', next_retry_at = NULL, finished_at = n.at, updated_at = n.at,
           error = 'Nothing was sent: ' || x.url || ' was down for longer than the run may be late (catchup_window, ' || x.seconds || ' s)' || coalesce('. Last seen: ' || x.health_reason, '.')
         FROM x, n WHERE t.id = x.id AND t.status = 'pending'
         RETURNING t.id, t.schedule_id, t.trigger, t.status, t.finished_at AS at, t.next_retry_at, t.error_code, t.retried_by_hand AS counted, t.trigger IN ('manual', 'replay') AS awaited
       ), ${AFTER_SETTLED()}`,
      [defaultCatchupWindow('one-time'), defaultCatchupWindow('cron')],
    )
  ).rows.map((row) => row.id)
