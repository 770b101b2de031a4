import type { SourceType } from '@automagik-spark/core'
import { wholeSecond } from './settle.ts'
import type { Sql } from '../sql.ts'

/** So many calls in a row that could not be sent open the breaker. The SQL function `spark_takes_calls` says the same. */
export const BREAKER_AFTER = 5
/** How long it is open the first time; each further time twice as long, up to twenty times as long. */
export const BREAKER_MS = 30_000
const LONGEST = 20
/** So many failed health checks in a row hold a source. `spark_takes_calls` says the same. */
export const DOWN_AFTER = 3

/** A hold that lasts: its schedules do not fire, and its due times wait. */
export const HELD = (source: string): string => `(${source}.status <> 'active' OR (${source}.hold_from IS NOT NULL AND ${source}.hold_until IS NULL))`
/** Held, but one call may try whether it is back. */
const HALF_OPEN = (source: string): string =>
  `(${source}.status = 'active' AND ${source}.check_failures < ${DOWN_AFTER} AND ${source}.breaker_until IS NOT NULL AND ${source}.breaker_until <= spark_now())`
/** What was asked for by hand now ends at once instead of waiting for nobody knows how long. */
export const TURNS_AWAY = (source: string): string => `(${HELD(source)} AND NOT ${HALF_OPEN(source)})`
export const whyTurnedAway = (source: string): string =>
  `CASE WHEN ${source}.status <> 'active' THEN 'The source ' || ${source}.url || ' is inactive: nothing was sent.'
     ELSE 'Nothing was sent: ' || ${source}.url || ' is down' || coalesce(' (' || ${source}.health_reason || ')', '') || '. Spark looks whether it is back; POST /sources/' || ${source}.id || '/validate looks now.' END`

/** As of now: a server that was seen to work is held no longer, unless it is inactive. */
export const RELEASED = `health = 'up', health_reason = NULL, checked_at = spark_now(), check_failures = 0, breaker_until = NULL, breaker_opens = 0, breaker_counted = 0,
  hold_until = CASE WHEN status = 'active' THEN coalesce(hold_until, CASE WHEN hold_from IS NOT NULL THEN spark_now() END) ELSE hold_until END`

/** Whether the counters (`o`) say something else than the breaker (`s`) does. */
const TO_TEND = `s.status = 'active' AND s.deleted_at IS NULL AND CASE
    WHEN o.not_sent = 0 THEN s.breaker_until IS NOT NULL OR (s.health = 'down' AND s.check_failures < ${DOWN_AFTER} AND o.reached_at > s.checked_at)
    WHEN s.breaker_until IS NULL THEN o.not_sent >= ${BREAKER_AFTER}
    ELSE s.breaker_until <= spark_now() AND o.not_sent > s.breaker_counted END`
/** Due, or set before the clock was set back. @param every the place of the milliseconds between two checks */
const TO_CHECK = (every: string): string => `s.status = 'active' AND s.deleted_at IS NULL
  AND (s.check_at IS NULL OR s.check_at <= spark_now() OR s.check_at > spark_now() + 3 * ${every} * interval '1 millisecond')`

/** Whether a breaker has to be opened or closed. */
export const BREAKERS_TO_TEND = `EXISTS (SELECT FROM sources s JOIN source_outcomes o ON o.source_id = s.id WHERE ${TO_TEND})`
/** Whether somebody could wait in vain. */
export const SOMEBODY_WAITS = `EXISTS (SELECT FROM sources s WHERE s.deleted_at IS NULL AND ${TURNS_AWAY('s')})`
/** Whether a source's check is due. @param every as for `TO_CHECK` */
export const CHECKS_DUE = (every: string): string => `EXISTS (SELECT FROM sources s WHERE ${TO_CHECK(every)})`

export type SourcesToTend = { breakers: boolean; waiting: boolean }
/** What there is to do about sources: mostly nothing, so it is asked for before anything is locked or written. */
export const sourcesToTend = async (sql: Sql): Promise<SourcesToTend> =>
  (await sql.query<SourcesToTend>(`SELECT ${BREAKERS_TO_TEND} AS breakers, ${SOMEBODY_WAITS} AS waiting`, [])).rows[0]!

/** What became of a hold: it began or went on (`until`: when one call may try again), or it is over. */
export type Turn = { source_id: string; held: boolean; until: Date | null; reason: string | null }

/**
 * Opens the breakers of sources to which call after call could not be sent, and closes those of sources that took one. May be done by many at once
 * and as often as anybody likes: it follows the counters.
 */
export const tendBreakers = async (sql: Sql, breakerMs: number = BREAKER_MS): Promise<Turn[]> =>
  (
    await sql.query<Turn>(
      `WITH n AS MATERIALIZED (SELECT spark_now() AS at), x AS (
         SELECT s.id, o.not_sent, o.last_error, o.not_sent > 0 AS opens, n.at, ${wholeSecond(`n.at + $1 * least(2 ^ s.breaker_opens, ${LONGEST}) * interval '1 millisecond'`)} AS until
         FROM n, sources s JOIN source_outcomes o ON o.source_id = s.id
         WHERE ${TO_TEND}
         ORDER BY s.id FOR NO KEY UPDATE OF s
       ), opened AS (
         UPDATE sources s SET breaker_until = x.until, breaker_opens = least(s.breaker_opens + 1, 30), breaker_counted = x.not_sent,
           check_at = least(coalesce(s.check_at, x.until), x.until),
           health = 'down', health_reason = x.last_error, checked_at = x.at,
           hold_from = CASE WHEN s.hold_from IS NOT NULL AND s.hold_until IS NULL THEN s.hold_from ELSE x.at END, hold_until = NULL
         FROM x WHERE s.id = x.id AND x.opens RETURNING s.id, s.breaker_until, s.health_reason
       ), closed AS (
         UPDATE sources s SET ${RELEASED} FROM x WHERE s.id = x.id AND NOT x.opens RETURNING s.id
       )
       SELECT id AS source_id, true AS held, breaker_until AS until, health_reason AS reason FROM opened
       UNION ALL SELECT id, false, NULL, NULL FROM closed`,
      [breakerMs],
    )
  ).rows

/**
 * Ends what was asked for by hand and is not tried yet, of sources that are held: nobody who waits for it is kept. A run that waits for its
 * next try goes on waiting: it was told to come back.
 */
export const turnAway = async (sql: Sql): Promise<string[]> =>
  (
    await sql.query<{ id: string }>(
      `WITH x AS (
         SELECT t.id, ${whyTurnedAway('s')} AS error
         FROM sources s JOIN tasks t ON t.source_id = s.id AND t.status = 'pending' AND t.priority = 0 AND t.trigger IN ('manual', 'replay') AND t.tries = t.tries_before
         WHERE s.deleted_at IS NULL AND ${TURNS_AWAY('s')}
         ORDER BY t.id LIMIT 200 FOR NO KEY UPDATE OF t SKIP LOCKED
       ), u AS (
         UPDATE tasks t SET status = 'failed', error_code = 'source_unreachable', error = x.error, finished_at = spark_now(), updated_at = spark_now()
         FROM x WHERE t.id = x.id AND t.status = 'pending' RETURNING t.id
       )
       SELECT u.id, d.sent FROM u, (SELECT pg_notify('spark_done', string_agg(id::text, ',')) AS sent FROM u) d`,
    )
  ).rows.map((row) => row.id)

/** A source that this process is to ask how it is. `check_at`, when it is to be asked next, fences what is reported. */
export type Check = { source_id: string; check_at: Date; held: boolean; source_type: SourceType; url: string; api_key: string | null }

/**
 * Takes the sources whose check is due: active ones with an active schedule, and those that are held. Each is asked by one worker, the next
 * time in about `everyMs`.
 * @param random in [0, 1), so that the checks of many sources do not stay together
 */
export const claimChecks = async (sql: Sql, everyMs: number, random: number, limit: number): Promise<Check[]> => {
  // Once a minute there is something to write; it is looked for much more often.
  const { rowCount } = await sql.query(`SELECT FROM sources s WHERE ${TO_CHECK('$1')} LIMIT 1`, [everyMs])
  if (rowCount === 0) return []
  return (
    await sql.query<Check>(
      `WITH u AS (
         UPDATE sources s SET check_at = ${wholeSecond(`spark_now() + $1 * (0.9 + 0.2 * $2::float8) * interval '1 millisecond'`)}
         WHERE s.id = ANY (ARRAY(
           SELECT s.id FROM sources s WHERE ${TO_CHECK('$1')} ORDER BY s.id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED))
         RETURNING s.*
       )
       SELECT u.id AS source_id, u.check_at, ${HELD('u')} AS held, u.source_type, u.url, u.api_key FROM u
       WHERE ${HELD('u')} OR EXISTS (SELECT FROM workflows w JOIN schedules c ON c.workflow_id = w.id AND c.status = 'active' WHERE w.source_id = u.id AND w.deleted_at IS NULL)`,
      [everyMs, random, limit],
    )
  ).rows
}

/** The server answered as it should: up, and held no longer. Null: the report is out of date. `released`: a hold is over with it. */
export const checkedUp = async (sql: Sql, check: Check, version_info: unknown): Promise<{ released: boolean } | null> =>
  (
    await sql.query<{ released: boolean }>(
      `WITH x AS (
         SELECT id, ${HELD('s')} AS held FROM sources s WHERE id = $1 AND check_at = $2 AND url = $3 AND status = 'active' AND deleted_at IS NULL FOR NO KEY UPDATE
       ), u AS (
         UPDATE sources s SET version_info = $4::jsonb, ${RELEASED} FROM x WHERE s.id = x.id RETURNING s.id, x.held
       ), o AS (UPDATE source_outcomes o SET not_sent = 0 FROM u WHERE o.source_id = u.id AND o.not_sent > 0)
       SELECT held AS released FROM u`,
      [check.source_id, check.check_at, check.url, JSON.stringify(version_info)],
    )
  ).rows[0] ?? null

/**
 * The server did not answer as it should; the third time in a row it is down. `busy`: it took too long or asked to come later,
 * which is no failure while it has calls to work on, or took one within the last minute. Null: nothing became of the report.
 */
export const checkedDown = async (sql: Sql, check: Check, reason: string, busy: boolean): Promise<{ failures: number; began: boolean } | null> =>
  (
    await sql.query<{ failures: number; began: boolean }>(
      `WITH x AS (
         SELECT id, ${HELD('s')} AS held FROM sources s WHERE id = $1 AND check_at = $2 AND url = $3 AND status = 'active' AND deleted_at IS NULL
           AND NOT ($5 AND (EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND t.status = 'running' AND t.phase <> 'claimed')
             OR EXISTS (SELECT FROM source_outcomes o WHERE o.source_id = s.id AND o.reached_at > spark_now() - interval '1 minute')))
         FOR NO KEY UPDATE
       )
       UPDATE sources s SET check_failures = s.check_failures + 1, checked_at = spark_now(),
         health = CASE WHEN s.check_failures + 1 >= ${DOWN_AFTER} THEN 'down' ELSE s.health END,
         health_reason = CASE WHEN s.check_failures + 1 >= ${DOWN_AFTER} THEN $4 ELSE s.health_reason END,
         hold_from = CASE WHEN s.check_failures + 1 >= ${DOWN_AFTER} AND NOT x.held THEN spark_now() ELSE s.hold_from END,
         hold_until = CASE WHEN s.check_failures + 1 >= ${DOWN_AFTER} THEN NULL ELSE s.hold_until END
       FROM x WHERE s.id = x.id RETURNING s.check_failures AS failures, s.check_failures >= ${DOWN_AFTER} AND NOT x.held AS began`,
      [check.source_id, check.check_at, check.url, reason, busy],
    )
  ).rows[0] ?? null
