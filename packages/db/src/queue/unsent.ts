import type { TaskErrorCode } from '@automagik-spark/core'
import { notifySql } from '../notify.ts'
import type { Sql } from '../sql.ts'
import { SUSPENDED } from './circuit-breaker.ts'
import { inIdOrder } from './id-order.ts'
import { wholeSecond } from './settle.ts'

/** A call that could not be sent so many times in a row, although each health check succeeded, is an ordinary failed try. */
export const UNSENT_TRIES = 3

/** A call that surely was not sent, as the holder of the token reports it. */
export type Unsent = { id: string; token: string; source_id: string; error: string; error_code: TaskErrorCode }
/**
 * What became of its task. `again`: it is pending, and has its try back. `last`: it still belongs to the worker, because the next check, which has to
 * begin after `at`, decides whether this is a failed try. `cancelled`: its cancel was requested.
 */
export type UnsentTask = { id: string; becomes: 'again' | 'last' | 'cancelled'; at: Date; next_retry_at: Date | null }

/**
 * Releases tasks whose calls were not sent, to wait 1, 2 … s, and has their sources checked: nothing of these is claimed until a check that begins
 * after this statement is over. Sources are locked before tasks, as in a claim. Tasks that have another token by now are not returned.
 */
export const releaseUnsent = async (sql: Sql, unsent: Unsent[]): Promise<UnsentTask[]> => {
  const sorted = inIdOrder(unsent)
  return (
    await sql.query<UnsentTask>(
      `WITH n AS MATERIALIZED (SELECT spark_now() AS at), r AS (
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS r(id, token, error, error_code)
       ), src AS (
         UPDATE sources s SET suspect_at = n.at FROM n WHERE s.id = ANY (ARRAY(
           SELECT s.id FROM sources s WHERE s.id = ANY ($5::uuid[]) AND s.deleted_at IS NULL AND NOT ${SUSPENDED('s')} ORDER BY s.id FOR NO KEY UPDATE))
         RETURNING s.id
       ), x AS (
         SELECT t.id, r.error, r.error_code, n.at,
           CASE WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled' WHEN t.unsent + 1 >= ${UNSENT_TRIES} THEN 'last' ELSE 'again' END AS becomes,
           ${wholeSecond(`n.at + 2 ^ t.unsent * interval '1 second'`)} AS retry_at
         FROM n, r JOIN tasks t ON t.id = r.id AND t.token = r.token AND t.status = 'running'
         WHERE (SELECT count(*) FROM src) >= 0 ORDER BY t.id FOR NO KEY UPDATE OF t
       ), u AS (
         UPDATE tasks t SET
           status = CASE x.becomes WHEN 'again' THEN 'pending' WHEN 'cancelled' THEN 'cancelled' ELSE t.status END,
           phase = CASE WHEN x.becomes = 'last' THEN 'claimed' END, unsent = least(t.unsent + 1, ${UNSENT_TRIES}), updated_at = x.at,
           tries = CASE WHEN x.becomes = 'again' THEN t.tries - 1 ELSE t.tries END,
           token = CASE WHEN x.becomes <> 'again' THEN t.token END, worker_id = CASE WHEN x.becomes <> 'again' THEN t.worker_id END,
           lease_until = CASE WHEN x.becomes = 'last' THEN t.lease_until END, marked_at = CASE WHEN x.becomes = 'last' THEN t.marked_at END,
           started_at = CASE WHEN x.becomes <> 'again' THEN t.started_at END, finished_at = CASE WHEN x.becomes = 'cancelled' THEN x.at END,
           ready_at = CASE WHEN x.becomes = 'again' THEN x.retry_at ELSE t.ready_at END, next_retry_at = CASE WHEN x.becomes = 'again' THEN x.retry_at END,
           error = CASE WHEN x.becomes <> 'cancelled' THEN x.error END, error_code = CASE WHEN x.becomes <> 'cancelled' THEN x.error_code END
         FROM x WHERE t.id = x.id
         RETURNING t.id, x.becomes, x.at, x.error, t.next_retry_at, t.tries
       ), e AS (
         INSERT INTO task_events (task_id, at, type, message, try)
         SELECT id, at, 'handed_back', error || ' No flow ran, so the try is given back, and the server is checked.', tries + 1 FROM u WHERE becomes = 'again' ORDER BY id
       )
       SELECT u.id, u.becomes, u.at, u.next_retry_at, d.sent
       FROM u, (SELECT CASE WHEN ids IS NOT NULL THEN ${notifySql('spark_done', 'ids')} END AS sent
         FROM (SELECT string_agg(id::text, ',') FILTER (WHERE becomes = 'cancelled') AS ids FROM u) i) d`,
      [
        sorted.map((r) => r.id),
        sorted.map((r) => r.token),
        sorted.map((r) => r.error),
        sorted.map((r) => r.error_code),
        [...new Set(sorted.map((r) => r.source_id))],
      ],
    )
  ).rows
}
