import type { SourceType } from '@automagik-spark/core'
import type { Sql } from '../sql.ts'
import {
  CHECK_LEASE,
  DOWN,
  DOWN_AFTER,
  MANUAL_RUN,
  READY_AGAIN,
  RESET_UNSENT,
  RESUMED,
  SUSPENDED,
} from './circuit-breaker.ts'

/**
 * A source (`s`) whose health check is due, or is wanted because a call could not be sent or because a manual run of a suspended source came after the
 * last check began. All workers together make one check of a source at a time, and one a second at most. Times that lie too far ahead, because the
 * clock was set back, do not make a check wait.
 * @param every the placeholder of the milliseconds between two checks of a source that is up
 */
const TO_CHECK = (every: string): string => `s.status = 'active' AND s.deleted_at IS NULL
  AND (s.checking_until IS NULL OR s.checking_until <= spark_now() OR s.checking_until > spark_now() + interval '1 minute')
  AND (s.check_began_at IS NULL OR s.check_began_at <= spark_now() - interval '1 second' OR s.check_began_at > spark_now())
  AND (s.check_at IS NULL OR s.check_at <= spark_now() OR s.check_at > spark_now() + 3 * ${every} * interval '1 millisecond' OR s.suspect_at IS NOT NULL
    OR (${DOWN('s')} AND EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND ${MANUAL_RUN('t')} AND t.updated_at > s.check_began_at)))`
/** Whether any check is due or wanted. @param every as for `TO_CHECK` */
export const CHECKS_DUE = (every: string): string => `EXISTS (SELECT FROM sources s WHERE ${TO_CHECK(every)})`

/** Seconds until the next check of a source that is down: for two minutes 2 to 3, another value for each source, so that not all are checked at once; then ever more, up to a minute. */
const WHILE_DOWN = (source: string, downSince: string): string => `(CASE
  WHEN spark_now() < ${downSince} + interval '120 seconds' THEN 2 + abs(hashtext(${source}.id::text)::bigint) % 1000 / 1000.0
  WHEN spark_now() < ${downSince} + interval '125 seconds' THEN 5 WHEN spark_now() < ${downSince} + interval '135 seconds' THEN 10
  WHEN spark_now() < ${downSince} + interval '155 seconds' THEN 20 WHEN spark_now() < ${downSince} + interval '195 seconds' THEN 40 ELSE 60 END)`

/** A health check that this process has to make. A result names `began_at`, so that only the newest check is recorded (fencing). */
export type HealthCheck = {
  source_id: string
  began_at: Date
  check_at: Date
  suspended: boolean
  source_type: SourceType
  url: string
  api_key: string | null
}

/**
 * Claims the checks that are due or wanted, of suspended sources, of those that a call could not be sent to, and of active ones with an active
 * schedule. One worker makes each. Wanted checks come first, then those that have been due for longest, so that no source is left out when many are down.
 * @param everyMs until the next check of a source that is up
 * @param random in [0, 1), so that the checks of many sources do not stay together
 */
export const claimHealthChecks = async (
  sql: Sql,
  everyMs: number,
  random: number,
  limit: number,
): Promise<HealthCheck[]> => {
  // Mostly there is none, and this reads without a lock.
  const { rowCount } = await sql.query(`SELECT FROM sources s WHERE ${TO_CHECK('$1')} LIMIT 1`, [everyMs])
  if (rowCount === 0) return []
  return (
    await sql.query<HealthCheck>(
      `WITH x AS (
         SELECT s.id, ${SUSPENDED('s')} OR s.suspect_at IS NOT NULL
           OR EXISTS (SELECT FROM workflows w JOIN schedules c ON c.workflow_id = w.id AND c.status = 'active' WHERE w.source_id = s.id AND w.deleted_at IS NULL) AS asked
         FROM sources s WHERE ${TO_CHECK('$1')} ORDER BY s.suspect_at NULLS LAST, s.check_at NULLS FIRST, s.id LIMIT $3 FOR NO KEY UPDATE OF s SKIP LOCKED
       ), u AS (
         UPDATE sources s SET
           check_at = spark_now() + CASE WHEN ${DOWN('s')} THEN least(${WHILE_DOWN('s', 's.hold_from')}, $1 / 1000.0) ELSE $1 * (0.9 + 0.2 * $2::float8) / 1000 END * interval '1 second',
           check_began_at = CASE WHEN x.asked THEN spark_now() ELSE s.check_began_at END,
           checking_until = CASE WHEN x.asked THEN spark_now() + ${CHECK_LEASE} END
         FROM x WHERE s.id = x.id RETURNING s.*, x.asked
       )
       SELECT u.id AS source_id, u.check_began_at AS began_at, u.check_at, ${SUSPENDED('u')} AS suspended, u.source_type, u.url, u.api_key FROM u WHERE u.asked`,
      [everyMs, random, limit],
    )
  ).rows
}

/** The source of a check, if no later check began and it is still the same server. */
const MINE = `s.id = $1 AND s.check_began_at = $2 AND s.checking_until IS NOT NULL AND s.url = $3 AND s.status = 'active' AND s.deleted_at IS NULL`
/** A call that could not be sent since this check began wants another check. */
const STILL_SUSPECT = `CASE WHEN s.suspect_at > s.check_began_at THEN s.suspect_at END`
const fence = ({ source_id, began_at, url }: HealthCheck) => [source_id, began_at, url]

/**
 * The server answered as it should: the source is up and resumed. Null: the result is out of date. `resumed`: the source was suspended until now;
 * `cleared`: calls that waited for this check can be sent.
 */
export const recordUp = async (
  sql: Sql,
  check: HealthCheck,
  version_info: unknown,
): Promise<{ resumed: boolean; cleared: boolean } | null> =>
  (
    await sql.query<{ resumed: boolean; cleared: boolean }>(
      `WITH x AS (SELECT s.id, ${SUSPENDED('s')} AS suspended, s.suspect_at FROM sources s WHERE ${MINE} FOR NO KEY UPDATE),
       u AS (
         UPDATE sources s SET version_info = $4::jsonb, suspect_at = ${STILL_SUSPECT}, ${RESUMED} FROM x WHERE s.id = x.id
         RETURNING s.id, x.suspended AS turned, x.suspect_at IS NOT NULL AND s.suspect_at IS NULL AS cleared
       ), t AS (${READY_AGAIN})
       SELECT turned AS resumed, cleared FROM u`,
      [...fence(check), JSON.stringify(version_info)],
    )
  ).rows[0] ?? null

/** `down`: the source is suspended; `began`: by this check. `next_at`: when it is checked again. */
export type DownReport = { down: boolean; began: boolean; failures: number; next_at: Date }

/**
 * The server did not answer as it should. The source is suspended at once after a call that could not be sent, else at the third failure in a row.
 * `busy`: it took too long or asked to come later; that is no failure while it has calls to work on, or a call reached it within the last minute. A
 * server that comes and goes, and that no call reaches in between, stays in one suspension, so that no task waits for ever. Null: the result is out
 * of date.
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
         SELECT s.id, ${SUSPENDED('s')} AS suspended, s.suspect_at, s.hold_from, s.check_failures,
           $5 AND (EXISTS (SELECT FROM tasks t WHERE t.source_id = s.id AND t.status = 'running' AND t.phase <> 'claimed')
             OR EXISTS (SELECT FROM source_outcomes o WHERE o.source_id = s.id AND o.reached_at > spark_now() - interval '1 minute')) AS excused,
           s.hold_until > spark_now() - interval '1 minute' AND NOT EXISTS (SELECT FROM source_outcomes o WHERE o.source_id = s.id AND o.reached_at > s.hold_from) AS again
         FROM sources s WHERE ${MINE} FOR NO KEY UPDATE
       ), y AS (
         SELECT id, suspended, suspended OR (NOT excused AND (suspect_at IS NOT NULL OR check_failures + 1 >= ${DOWN_AFTER})) AS down, excused,
           CASE WHEN suspended OR again THEN hold_from ELSE spark_now() END AS since
         FROM x
       ), u AS (
         UPDATE sources s SET checking_until = NULL, checked_at = CASE WHEN y.excused THEN s.checked_at ELSE spark_now() END,
           suspect_at = CASE WHEN NOT y.down THEN ${STILL_SUSPECT} END,
           check_failures = CASE WHEN y.excused THEN s.check_failures ELSE s.check_failures + 1 END,
           health = CASE WHEN y.down AND NOT y.excused THEN 'down' ELSE s.health END, health_reason = CASE WHEN y.down AND NOT y.excused THEN $4 ELSE s.health_reason END,
           hold_from = CASE WHEN y.down THEN y.since ELSE s.hold_from END, hold_until = CASE WHEN y.down THEN NULL ELSE s.hold_until END,
           check_at = CASE WHEN y.down AND NOT y.suspended THEN least(s.check_at, spark_now() + ${WHILE_DOWN('s', 'y.since')} * interval '1 second') ELSE s.check_at END
         FROM y WHERE s.id = y.id RETURNING s.id, y.down, y.down AND NOT y.suspended AS turned, s.check_failures, s.check_at
       ), t AS (${RESET_UNSENT})
       SELECT down, turned AS began, check_failures AS failures, check_at AS next_at FROM u`,
      [...fence(check), reason, busy],
    )
  ).rows[0] ?? null

/** No request was made. `isOver`: none can be made, so that calls wait for this check no longer; else another worker may take the check at once. */
export const recordNotChecked = async (sql: Sql, check: HealthCheck, isOver: boolean): Promise<void> => {
  await sql.query(
    `UPDATE sources s SET checking_until = NULL, suspect_at = CASE WHEN $4 THEN ${STILL_SUSPECT} ELSE s.suspect_at END WHERE ${MINE}`,
    [...fence(check), isOver],
  )
}

/** The result of a check that began at `since` or later; null while there is none. */
export const healthSince = async (sql: Sql, source_id: string, since: Date): Promise<'down' | 'up' | null> =>
  (
    await sql.query<{ verdict: 'down' | 'up' | null }>(
      `SELECT CASE WHEN ${SUSPENDED('s')} THEN 'down' WHEN s.check_began_at >= $2 AND s.checking_until IS NULL THEN 'up' END AS verdict FROM sources s WHERE s.id = $1`,
      [source_id, since],
    )
  ).rows[0]?.verdict ?? null
