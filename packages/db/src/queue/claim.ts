import type { FlowType, JsonText, RetryPolicy, SourceType } from '@automagik-spark/core'
import type { Sql } from '../sql.ts'
import { inIdOrder } from './id-order.ts'

/** A claimed task: what its worker needs to call the flow, and to decide whether a failure is tried again. */
export type ClaimedTask = RetryPolicy & {
  id: string
  token: string
  workflow_id: string
  source_id: string
  /** These three tell a worker that the flow or the source that it has read before is out of date. */
  flow_version: number
  flow_changed_at: Date
  source_version: number
  input: JsonText | null
  session_id: string | null
  tweaks: JsonText | null
  timeout: number
  scheduled_for: Date | null
}

/** Each column of a claimed task, once, and its SQL. A test holds them against what `spark_claim_ready` returns. */
const CLAIMED: Record<keyof ClaimedTask, string> = {
  id: 't.id',
  token: 't.token',
  tries: 't.tries',
  workflow_id: 't.workflow_id',
  source_id: 't.source_id',
  flow_version: 'w.flow_version',
  flow_changed_at: 'w.updated_at',
  source_version: 'src.version',
  input: 't.input',
  session_id: 't.session_id',
  tweaks: 't.tweaks',
  timeout: 't.timeout',
  scheduled_for: 't.scheduled_for',
  max_retries: 't.max_retries',
  retry_on: 't.retry_on',
  tries_before: 't.tries_before',
}
export const CLAIMED_COLUMNS = Object.keys(CLAIMED)
const SELECT_CLAIMED = Object.entries(CLAIMED)
  .map(([column, sql]) => `${sql} AS ${column}`)
  .join(', ')
const FROM_CLAIMED = `tasks t JOIN workflows w ON w.id = t.workflow_id JOIN sources src ON src.id = t.source_id`

export type FlowTarget = {
  workflow_id: string
  flow_version: number
  changed_at: Date
  remote_flow_id: string
  flow_type: FlowType
  /** Only what a user named: what Spark finds by itself follows from the graph. */
  chosen_input: string | null
  chosen_output: string | null
  data: unknown
  streams_only: boolean | null
}
export type SourceTarget = {
  source_id: string
  version: number
  source_type: SourceType
  url: string
  api_key: string | null
  max_concurrency: number
  version_info?: Record<string, unknown> | null
}

/** Claims up to `slots` ready tasks. `token` is new in each call; all later writes to these tasks name it (fencing). */
export const claim = async (
  sql: Sql,
  args: { worker_id: string; token: string; slots: number; leaseMs: number },
): Promise<ClaimedTask[]> =>
  (
    await sql.query<ClaimedTask>(
      // The columns by name: the function of a later version may return more, and a prepared statement must keep its columns.
      `SELECT ${CLAIMED_COLUMNS.join(', ')} FROM spark_claim_ready($1, $2, $3, $4 * interval '1 millisecond')`,
      [args.worker_id, args.token, args.slots, args.leaseMs],
    )
  ).rows

/** The tasks of a claim whose own answer was lost. */
export const claimedBy = async (sql: Sql, token: string): Promise<ClaimedTask[]> =>
  (
    await sql.query<ClaimedTask>(
      `SELECT ${SELECT_CLAIMED} FROM ${FROM_CLAIMED} WHERE t.token = $1 AND t.status = 'running'`,
      [token],
    )
  ).rows

/** A task whose call was lost with its worker; `left_ms`: until its timeout. */
export type LostCall = ClaimedTask & { left_ms: number }

/** The lost calls that this worker has taken over, to recover their outcomes. */
export const lostCallsOf = async (sql: Sql, worker_id: string): Promise<LostCall[]> =>
  (
    await sql.query<LostCall>(
      `SELECT ${SELECT_CLAIMED}, (extract(epoch FROM t.started_at - spark_now()) * 1000)::float8 + t.timeout * 1000 AS left_ms
       FROM ${FROM_CLAIMED} WHERE t.status = 'running' AND t.phase = 'asking' AND t.worker_id = $1`,
      [worker_id],
    )
  ).rows

/** Notes, for the holder of the token, that a call was lost and its server is asked for the outcome. */
export const markRecovering = async (sql: Sql, { id, token }: { id: string; token: string }): Promise<void> => {
  await sql.query(
    `UPDATE tasks SET phase = 'asking' WHERE id = $1 AND token = $2 AND status = 'running' AND phase = 'calling'`,
    [id, token],
  )
}

/** The flows that claimed tasks call. */
export const flowTargets = async (sql: Sql, workflow_ids: string[]): Promise<FlowTarget[]> =>
  (
    await sql.query<FlowTarget>(
      `SELECT id AS workflow_id, flow_version, updated_at AS changed_at, remote_flow_id, flow_type, chosen_input, chosen_output, data, streams_only FROM workflows WHERE id = ANY ($1::uuid[])`,
      [workflow_ids],
    )
  ).rows

export const sourceTargets = async (sql: Sql, source_ids: string[]): Promise<SourceTarget[]> =>
  (
    await sql.query<SourceTarget>(
      `SELECT id AS source_id, version, source_type, url, api_key, max_concurrency, version_info FROM sources WHERE id = ANY ($1::uuid[])`,
      [source_ids],
    )
  ).rows

/**
 * Writes the intent, before the requests are sent: from here on the outcome of a lost call is unknown. Returns, as `id:token`, the tasks that may be
 * called: not those that have another token by now, or whose cancel was requested.
 */
export const markCalling = async (sql: Sql, pairs: { id: string; token: string }[]): Promise<Set<string>> => {
  const sorted = inIdOrder(pairs)
  const { rows } = await sql.query<{ id: string; token: string }>(
    `UPDATE tasks t SET phase = 'calling' FROM unnest($1::uuid[], $2::uuid[]) AS h(id, token)
     WHERE t.id = h.id AND t.token = h.token AND t.status = 'running' AND t.cancel_requested_at IS NULL RETURNING t.id, t.token`,
    [sorted.map((p) => p.id), sorted.map((p) => p.token)],
  )
  return new Set(rows.map((row) => `${row.id}:${row.token}`))
}
