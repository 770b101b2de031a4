import type { SourceType } from '@automagik-spark/core'
import { RETRY_WINDOWS_MS } from '@automagik-spark/core'
import { NOTIFY_BATCH, notifySql } from '../notify.ts'
import type { Sql } from '../sql.ts'
import { inIdOrder } from './id-order.ts'
import type { Settled } from './settle.ts'
import { AFTER_SETTLED, utcText, wholeSecond } from './settle.ts'

export type KeptLease = { id: string; cancel_requested_at: Date | null }

/**
 * Prolongs the leases of these tasks, and returns those whose token still holds. A worker names the tasks, never "all of mine": a task that it has
 * claimed and lost sight of would run for ever.
 */
export const prolongLeases = async (
  sql: Sql,
  pairs: { id: string; token: string }[],
  leaseMs: number,
): Promise<KeptLease[]> => {
  if (pairs.length === 0) return []
  const sorted = inIdOrder(pairs)
  return (
    await sql.query<KeptLease>(
      `UPDATE tasks t SET lease_until = spark_now() + $3 * interval '1 millisecond', marked_at = NULL
       FROM unnest($1::uuid[], $2::uuid[]) AS h(id, token)
       WHERE t.id = h.id AND t.token = h.token AND t.status = 'running' RETURNING t.id, t.cancel_requested_at`,
      [sorted.map((p) => p.id), sorted.map((p) => p.token), leaseMs],
    )
  ).rows
}

/** A task whose workers died this often fails with `worker_lost`. */
export const MAX_CRASHES = 3

/**
 * First step of a take-over: marks the running tasks whose lease is over. The second step comes only after a while: an outage of PostgreSQL lets every
 * lease run out at once, and the workers must be able to settle their calls after it.
 */
export const markExpired = async (sql: Sql): Promise<number> =>
  (
    await sql.query(
      `UPDATE tasks SET marked_at = spark_now() WHERE id = ANY (ARRAY(
         SELECT id FROM tasks WHERE status = 'running' AND lease_until < spark_now() AND marked_at IS NULL ORDER BY id LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED))`,
    )
  ).rowCount

/** A worker that takes lost calls over to recover their outcomes. `source_types`: servers that can tell what became of a call. */
export type Recoverer = { worker_id: string; leaseMs: number; source_types: readonly SourceType[] }
const NOBODY: Recoverer = { worker_id: '00000000-0000-0000-0000-000000000000', leaseMs: 0, source_types: [] }

/**
 * Second step, for tasks that have been marked for `graceMs`. A task that was not called is released, with its try. A task that was being called goes to
 * the recoverer, if its kind of server can tell the outcome; else its outcome is unknown, and it fails, or with `retry_on: unknown` and tries left it
 * is tried again after a backoff. A task whose cancel was requested is cancelled. The token stays, so that the attempt may still settle.
 * @param random in [0, 1), for the backoff
 */
export const takeOver = async (
  sql: Sql,
  graceMs: number,
  random: () => number,
  recoverer: Recoverer = NOBODY,
): Promise<Settled[]> =>
  (
    await sql.query<Settled>(
      `WITH n AS MATERIALIZED (SELECT spark_now() AS at), locked AS (
         SELECT id, phase, crashes, tries, started_at, cancel_requested_at IS NOT NULL AS cancel, tries - tries_before AS retry,
           phase <> 'claimed' AS sent, phase <> 'claimed' AND retry_on = 'unknown' AND tries - tries_before <= max_retries AS again,
           EXISTS (SELECT FROM sources src WHERE src.id = source_id AND src.source_type = ANY ($4::text[])) AS asks
         FROM tasks WHERE status = 'running' AND lease_until < spark_now() AND marked_at < spark_now() - $1 * interval '1 millisecond'
         ORDER BY id LIMIT ${NOTIFY_BATCH} FOR NO KEY UPDATE SKIP LOCKED
       ), x AS (
         SELECT locked.*,
           CASE WHEN cancel THEN 'cancelled' WHEN sent AND asks AND crashes + 1 < ${MAX_CRASHES} THEN 'asking' WHEN sent AND NOT again THEN 'unknown' WHEN crashes + 1 >= ${MAX_CRASHES} THEN 'lost'
             WHEN sent THEN 'again' ELSE 'back' END AS becomes,
           ${wholeSecond(`n.at + ($2::int[])[least(retry, ${RETRY_WINDOWS_MS.length})] * ($3::float8[])[row_number() OVER (ORDER BY id)] * interval '1 millisecond'`)} AS retry_at
         FROM locked, n
       ), u AS (
         UPDATE tasks t SET phase = CASE WHEN x.becomes = 'asking' THEN 'asking' END, crashes = t.crashes + 1, marked_at = NULL, updated_at = n.at,
           lease_until = CASE WHEN x.becomes = 'asking' THEN n.at + $6 * interval '1 millisecond' END,
           worker_id = CASE WHEN x.becomes = 'asking' THEN $5::uuid ELSE t.worker_id END,
           status = CASE x.becomes WHEN 'asking' THEN 'running' WHEN 'cancelled' THEN 'cancelled' WHEN 'unknown' THEN 'failed' WHEN 'lost' THEN 'failed' ELSE 'pending' END,
           tries = CASE WHEN x.becomes = 'back' THEN t.tries - 1 ELSE t.tries END,
           started_at = CASE WHEN x.becomes IN ('back', 'again') THEN NULL ELSE t.started_at END,
           finished_at = CASE WHEN x.becomes IN ('back', 'again', 'asking') THEN NULL ELSE n.at END,
           next_retry_at = CASE WHEN x.becomes = 'again' THEN x.retry_at END,
           ready_at = CASE WHEN x.becomes = 'again' THEN x.retry_at ELSE t.ready_at END,
           error_code = CASE x.becomes WHEN 'unknown' THEN 'outcome_unknown' WHEN 'again' THEN 'outcome_unknown' WHEN 'lost' THEN 'worker_lost' END,
           error = CASE
             WHEN x.becomes = 'unknown' THEN 'The worker was stopped or died during the call, and its server cannot tell what became of it. Check there before you run it again.'
             WHEN x.becomes = 'again' THEN 'The worker was stopped or died during the call, and nobody knows what became of it.'
             WHEN x.becomes = 'lost' AND x.sent THEN 'The workers that took this task died ${MAX_CRASHES} times, the last one during the call: nobody knows what became of it.'
             WHEN x.becomes = 'lost' THEN 'The workers that took this task died ${MAX_CRASHES} times, the last one before it could call the flow.' END
         FROM x, n WHERE t.id = x.id
         RETURNING t.id, t.schedule_id, t.trigger, t.status, t.finished_at AS at, t.next_retry_at, t.error, x.becomes, x.sent, x.tries, x.started_at, t.error_code, t.retried_by_hand
       ), e AS (
         INSERT INTO task_events (task_id, at, type, message, try)
         SELECT u.id, v.at, v.type, v.message, u.tries
         FROM u, n, LATERAL (VALUES
           (1, u.started_at, 'attempt_started', 'attempt ' || u.tries || ' started', u.becomes = 'again'),
           (2, n.at, 'taken_over', CASE WHEN u.becomes = 'asking' THEN 'the worker was lost during the call; the server is asked what became of it'
             WHEN u.sent THEN 'the worker was lost during the call' WHEN u.becomes = 'back'
             THEN 'the worker was lost before the call; the try is given back' ELSE 'the worker was lost before the call' END, true),
           (3, n.at, 'attempt_failed', u.error || ' Next try at ' || ${utcText('u.next_retry_at')} || '.', u.becomes = 'again')
         ) v(n, at, type, message, happened)
         WHERE v.happened ORDER BY u.id, v.n
       ), s AS (SELECT id, schedule_id, trigger, status, at, next_retry_at, error_code, retried_by_hand AS counted, true AS awaited FROM u),
       ready AS (SELECT ${notifySql('spark_ready')} FROM u WHERE becomes = 'back' LIMIT 1),
       ${AFTER_SETTLED()}
       WHERE (SELECT count(*) FROM ready) >= 0`,
      [
        graceMs,
        RETRY_WINDOWS_MS,
        Array.from({ length: NOTIFY_BATCH }, random),
        recoverer.source_types,
        recoverer.worker_id,
        recoverer.leaseMs,
      ],
    )
  ).rows
