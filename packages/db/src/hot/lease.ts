import { AFTER_SETTLED } from './settle.ts'
import type { Settled } from './settle.ts'
import type { Sql } from '../sql.ts'

export type Held = { id: string; cancel_requested_at: Date | null }

/**
 * Prolongs the leases of the pairs in hand, and says which still hold. Naming them, never "all of mine", keeps a task that was claimed
 * and lost from living for ever.
 */
export const prolong = async (sql: Sql, pairs: { id: string; token: string }[], leaseMs: number): Promise<Held[]> => {
  if (pairs.length === 0) return []
  const sorted = [...pairs].sort((a, b) => (a.id < b.id ? -1 : 1))
  return (
    await sql.query<Held>(
      `UPDATE tasks t SET lease_until = spark_now() + $3 * interval '1 millisecond', marked_at = NULL
       FROM unnest($1::uuid[], $2::uuid[]) AS h(id, token)
       WHERE t.id = h.id AND t.token = h.token AND t.status = 'running' RETURNING t.id, t.cancel_requested_at`,
      [sorted.map((p) => p.id), sorted.map((p) => p.token), leaseMs],
    )
  ).rows
}

/** Whose workers died three times over it. */
export const MAX_CRASHES = 3

/**
 * First step of a take-over: marks what runs with its lease over. The second comes only after a while, so that an outage of PostgreSQL
 * itself, which lets every lease run out at once, kills no call that its worker can still report.
 */
export const markExpired = async (sql: Sql): Promise<number> =>
  (
    await sql.query(
      `UPDATE tasks SET marked_at = spark_now() WHERE id = ANY (ARRAY(
         SELECT id FROM tasks WHERE status = 'running' AND lease_until < spark_now() AND marked_at IS NULL ORDER BY id LIMIT 500 FOR NO KEY UPDATE SKIP LOCKED))`,
    )
  ).rowCount

/**
 * Second step: what was marked for `graceMs`. Before its call: back to the queue, its try given back. During its call: nobody can say
 * what became of it. A requested cancel is carried out. The token stays, so that the attempt may still report.
 */
export const takeOver = async (sql: Sql, graceMs: number): Promise<Settled[]> =>
  (
    await sql.query<Settled>(
      `WITH n AS MATERIALIZED (SELECT spark_now() AS at), x AS (
         SELECT id, phase, crashes, tries, cancel_requested_at IS NOT NULL AS cancel,
           CASE WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
             WHEN phase = 'calling' OR crashes + 1 >= ${MAX_CRASHES} THEN 'failed' ELSE 'pending' END AS becomes
         FROM tasks WHERE status = 'running' AND lease_until < spark_now() AND marked_at < spark_now() - $1 * interval '1 millisecond'
         ORDER BY id LIMIT 200 FOR NO KEY UPDATE SKIP LOCKED
       ), u AS (
         UPDATE tasks t SET status = x.becomes, phase = NULL, crashes = t.crashes + 1, lease_until = NULL, marked_at = NULL, updated_at = n.at,
           tries = CASE WHEN x.becomes = 'pending' THEN t.tries - 1 ELSE t.tries END,
           started_at = CASE WHEN x.becomes = 'pending' THEN NULL ELSE t.started_at END,
           finished_at = CASE WHEN x.becomes = 'pending' THEN NULL ELSE n.at END,
           error_code = CASE WHEN x.becomes <> 'failed' THEN NULL WHEN x.phase = 'calling' THEN 'outcome_unknown' ELSE 'worker_lost' END,
           error = CASE WHEN x.becomes <> 'failed' THEN NULL
             WHEN x.phase = 'calling' THEN 'The worker was stopped or died during the call, and this kind of server cannot be asked what became of it. Look there before you run it again.'
             ELSE 'The workers that took this task died ${MAX_CRASHES} times before they could call the flow.' END
         FROM x, n WHERE t.id = x.id
         RETURNING t.id, t.schedule_id, t.trigger, t.status, t.finished_at AS at, x.phase, x.tries
       ), e AS (
         INSERT INTO task_events (task_id, at, type, message, try)
         SELECT u.id, n.at, 'taken_over', CASE WHEN phase = 'calling' THEN 'the worker was lost during the call' ELSE 'the worker was lost before the call; the try is given back' END, u.tries FROM u, n
       ), s AS (SELECT id, schedule_id, trigger, status, at FROM u),
       ready AS (SELECT pg_notify('spark_ready', '') FROM u WHERE status = 'pending' LIMIT 1),
       ${AFTER_SETTLED}
       WHERE (SELECT count(*) FROM ready) >= 0`,
      [graceMs],
    )
  ).rows
