import type { SourceType } from '@automagik-spark/core'
import type { Sql } from '../sql.ts'
import { BY_HAND, CHECK_LEASE, DOWN, DOWN_AFTER, HELD, NOT_COUNTED, RELEASED, SENT_ANEW } from './circuit-breaker.ts'

/**
 * A check that is due, or wanted: a call could not be sent, or somebody asked for a run of a held source after the last one began. One at a time and
 * one a second for all workers together, whatever is wanted; what was set before the clock was set back is no reason to wait.
 * @param every the place of the milliseconds between two checks of a source that is up
 */
const TO_CHECK = (every: string): string => `s.status = 'active' AND s.deleted_at IS NULL
  AND (s.checking_until IS NULL OR s.checking_until <= spark_now() OR s.checking_until > spark_now() + interval '1 minute')
  AND (s.check_began_at IS NULL OR s.check_began_at <= spark_now() - interval '1 second' OR s.check_began_at > spark_now())
  AND (s.check_at IS NULL OR s.check_at <= spark_now() OR s.check_at > spark_now() + 3 * ${every} * interval '1 millisecond' OR s.suspect_at IS NOT NULL
    OR (${DOWN('s')} AND EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND ${BY_HAND('t')} AND t.updated_at > s.check_began_at)))`
/** Whether a source's check is due. @param every as for `TO_CHECK` */
export const CHECKS_DUE = (every: string): string => `EXISTS (SELECT FROM sources s WHERE ${TO_CHECK(every)})`

/** Seconds between two checks of a source that is down: each its own 2 to 3 for two minutes, so that not all are checked together; then ever more, up to a minute. */
const WHILE_DOWN = (source: string, heldSince: string): string => `(CASE
  WHEN spark_now() < ${heldSince} + interval '120 seconds' THEN 2 + abs(hashtext(${source}.id::text)::bigint) % 1000 / 1000.0
  WHEN spark_now() < ${heldSince} + interval '125 seconds' THEN 5 WHEN spark_now() < ${heldSince} + interval '135 seconds' THEN 10
  WHEN spark_now() < ${heldSince} + interval '155 seconds' THEN 20 WHEN spark_now() < ${heldSince} + interval '195 seconds' THEN 40 ELSE 60 END)`

/** A source that this process is to ask how it is. `began_at` fences what is reported. */
export type HealthCheck = {
  source_id: string
  began_at: Date
  check_at: Date
  held: boolean
  source_type: SourceType
  url: string
  api_key: string | null
}

/**
 * Takes the sources whose check is due or wanted: those that are held or that a call could not be sent to, and active ones with an active schedule.
 * Each is asked by one worker; what somebody waits for comes first, then what is due for longest, so that many that are down leave none out.
 * @param everyMs until the next check of a source that is up
 * @param random in [0, 1), so that the checks of many sources do not stay together
 */
export const claimHealthChecks = async (
  sql: Sql,
  everyMs: number,
  random: number,
  limit: number,
): Promise<HealthCheck[]> => {
  // Seldom there is something to write; it is looked for much more often.
  const { rowCount } = await sql.query(`SELECT FROM sources s WHERE ${TO_CHECK('$1')} LIMIT 1`, [everyMs])
  if (rowCount === 0) return []
  return (
    await sql.query<HealthCheck>(
      `WITH x AS (
         SELECT s.id, ${HELD('s')} OR s.suspect_at IS NOT NULL
           OR EXISTS (SELECT FROM workflows w JOIN schedules c ON c.workflow_id = w.id AND c.status = 'active' WHERE w.source_id = s.id AND w.deleted_at IS NULL) AS asked
         FROM sources s WHERE ${TO_CHECK('$1')} ORDER BY s.suspect_at NULLS LAST, s.check_at NULLS FIRST, s.id LIMIT $3 FOR NO KEY UPDATE OF s SKIP LOCKED
       ), u AS (
         UPDATE sources s SET
           check_at = spark_now() + CASE WHEN ${DOWN('s')} THEN least(${WHILE_DOWN('s', 's.hold_from')}, $1 / 1000.0) ELSE $1 * (0.9 + 0.2 * $2::float8) / 1000 END * interval '1 second',
           check_began_at = CASE WHEN x.asked THEN spark_now() ELSE s.check_began_at END,
           checking_until = CASE WHEN x.asked THEN spark_now() + ${CHECK_LEASE} END
         FROM x WHERE s.id = x.id RETURNING s.*, x.asked
       )
       SELECT u.id AS source_id, u.check_began_at AS began_at, u.check_at, ${HELD('u')} AS held, u.source_type, u.url, u.api_key FROM u WHERE u.asked`,
      [everyMs, random, limit],
    )
  ).rows
}

/** The source of a check that is still this one, and still that server. */
const MINE = `s.id = $1 AND s.check_began_at = $2 AND s.checking_until IS NOT NULL AND s.url = $3 AND s.status = 'active' AND s.deleted_at IS NULL`
/** What could not be sent since this check began wants another one. */
const STILL_SUSPECT = `CASE WHEN s.suspect_at > s.check_began_at THEN s.suspect_at END`
const fence = ({ source_id, began_at, url }: HealthCheck) => [source_id, began_at, url]

/**
 * The server answered as it should: up, and held no longer. Null: the report is out of date. `released`: a hold is over with it; `cleared`: calls go
 * out again that waited for this check.
 */
export const recordUp = async (
  sql: Sql,
  check: HealthCheck,
  version_info: unknown,
): Promise<{ released: boolean; cleared: boolean } | null> =>
  (
    await sql.query<{ released: boolean; cleared: boolean }>(
      `WITH x AS (SELECT s.id, ${HELD('s')} AS held, s.suspect_at FROM sources s WHERE ${MINE} FOR NO KEY UPDATE),
       u AS (
         UPDATE sources s SET version_info = $4::jsonb, suspect_at = ${STILL_SUSPECT}, ${RELEASED} FROM x WHERE s.id = x.id
         RETURNING s.id, x.held AS turned, x.suspect_at IS NOT NULL AND s.suspect_at IS NULL AS cleared
       ), t AS (${SENT_ANEW})
       SELECT turned AS released, cleared FROM u`,
      [...fence(check), JSON.stringify(version_info)],
    )
  ).rows[0] ?? null

/** `down`: the source is held, `began`: since now. `next_at`: when it is asked again. */
export type DownReport = { down: boolean; began: boolean; failures: number; next_at: Date }

/**
 * The server did not answer as it should: it is held, at once after a call that could not be sent, else the third time in a row. `busy`: it took too
 * long or asked to come later, which is no failure while it has calls to work on, or took one within the last minute. A server that comes and goes
 * and takes no call in between is in one hold, so that no task waits for ever. Null: the report is out of date.
 */
export const recordDown = async (
  sql: Sql,
  check: HealthCheck,
  reason: string,
  busy: boolean,
): Promise<DownReport | null> =>
  (
    await sql.query<DownReport>(
      `WITH x AS (
         SELECT s.id, ${HELD('s')} AS held, s.suspect_at, s.hold_from, s.check_failures,
           $5 AND (EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND t.status = 'running' AND t.phase <> 'claimed')
             OR EXISTS (SELECT FROM source_outcomes o WHERE o.source_id = s.id AND o.reached_at > spark_now() - interval '1 minute')) AS excused,
           s.hold_until > spark_now() - interval '1 minute' AND NOT EXISTS (SELECT FROM source_outcomes o WHERE o.source_id = s.id AND o.reached_at > s.hold_from) AS again
         FROM sources s WHERE ${MINE} FOR NO KEY UPDATE
       ), y AS (
         SELECT id, held, held OR (NOT excused AND (suspect_at IS NOT NULL OR check_failures + 1 >= ${DOWN_AFTER})) AS down, excused,
           CASE WHEN held OR again THEN hold_from ELSE spark_now() END AS since
         FROM x
       ), u AS (
         UPDATE sources s SET checking_until = NULL, checked_at = CASE WHEN y.excused THEN s.checked_at ELSE spark_now() END,
           suspect_at = CASE WHEN NOT y.down THEN ${STILL_SUSPECT} END,
           check_failures = CASE WHEN y.excused THEN s.check_failures ELSE s.check_failures + 1 END,
           health = CASE WHEN y.down AND NOT y.excused THEN 'down' ELSE s.health END, health_reason = CASE WHEN y.down AND NOT y.excused THEN $4 ELSE s.health_reason END,
           hold_from = CASE WHEN y.down THEN y.since ELSE s.hold_from END, hold_until = CASE WHEN y.down THEN NULL ELSE s.hold_until END,
           check_at = CASE WHEN y.down AND NOT y.held THEN least(s.check_at, spark_now() + ${WHILE_DOWN('s', 'y.since')} * interval '1 second') ELSE s.check_at END
         FROM y WHERE s.id = y.id RETURNING s.id, y.down, y.down AND NOT y.held AS turned, s.check_failures, s.check_at
       ), t AS (${NOT_COUNTED})
       SELECT down, turned AS began, check_failures AS failures, check_at AS next_at FROM u`,
      [...fence(check), reason, busy],
    )
  ).rows[0] ?? null

/** The server was not asked. `isOver`: nor can it be, so that nothing waits for this check; else somebody else may take it at once. */
export const recordNotChecked = async (sql: Sql, check: HealthCheck, isOver: boolean): Promise<void> => {
  await sql.query(
    `UPDATE sources s SET checking_until = NULL, suspect_at = CASE WHEN $4 THEN ${STILL_SUSPECT} ELSE s.suspect_at END WHERE ${MINE}`,
    [...fence(check), isOver],
  )
}

/** What a check that began at `since` or later says of the source: null while there is none. */
export const healthSince = async (sql: Sql, source_id: string, since: Date): Promise<'down' | 'up' | null> =>
  (
    await sql.query<{ verdict: 'down' | 'up' | null }>(
      `SELECT CASE WHEN ${HELD('s')} THEN 'down' WHEN s.check_began_at >= $2 AND s.checking_until IS NULL THEN 'up' END AS verdict FROM sources s WHERE s.id = $1`,
      [source_id, since],
    )
  ).rows[0]?.verdict ?? null
