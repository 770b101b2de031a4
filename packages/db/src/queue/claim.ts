import type { FlowType, JsonText, RetryPolicy, SourceType } from '@automagik-spark/core'
import type { Sql } from '../sql.ts'

/** A task in a worker's hand: what it needs to call the flow, and to say whether it may be tried again. */
export type ClaimedTask = RetryPolicy & {
  id: string
  token: string
  workflow_id: string
  source_id: string
  flow_version: number
  /** By these a worker sees that what it keeps of flow and source is out of date. */
  flow_changed_at: Date
  source_version: number
  input: JsonText | null
  session_id: string | null
  tweaks: JsonText | null
  timeout: number
  scheduled_for: Date | null
}

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

/** Takes up to `slots` ready tasks. `token` is made anew for each call and fences everything that its holder does. */
export const claim = async (
  sql: Sql,
  args: { worker_id: string; token: string; slots: number; leaseMs: number },
): Promise<ClaimedTask[]> =>
  // By name: a later version's function may tell more, and a prepared statement must keep its shape.
  (
    await sql.query<ClaimedTask>(
      `SELECT id, token, tries, workflow_id, source_id, flow_version, flow_changed_at, source_version, input, session_id, tweaks, timeout, scheduled_for,
         max_retries, retry_on, tries_before
       FROM spark_claim_ready($1, $2, $3, $4 * interval '1 millisecond')`,
      [args.worker_id, args.token, args.slots, args.leaseMs],
    )
  ).rows

/** What a claim call got, when its own answer was lost. */
export const claimedBy = async (sql: Sql, token: string): Promise<ClaimedTask[]> =>
  (
    await sql.query<ClaimedTask>(
      `SELECT t.id, t.token, t.tries, t.workflow_id, t.source_id, w.flow_version, w.updated_at AS flow_changed_at, src.version AS source_version, t.input, t.session_id, t.tweaks, t.timeout, t.scheduled_for,
         t.max_retries, t.retry_on, t.tries_before
       FROM tasks t JOIN workflows w ON w.id = t.workflow_id JOIN sources src ON src.id = t.source_id WHERE t.token = $1 AND t.status = 'running'`,
      [token],
    )
  ).rows

/** A task whose call was lost with its worker; `left_ms`: until its timeout. */
export type LostCall = ClaimedTask & { left_ms: number }

/** The lost calls that this worker has taken over. */
export const lostCallsOf = async (sql: Sql, worker_id: string): Promise<LostCall[]> =>
  (
    await sql.query<LostCall>(
      `SELECT t.id, t.token, t.tries, t.workflow_id, t.source_id, w.flow_version, w.updated_at AS flow_changed_at, src.version AS source_version, t.input, t.session_id, t.tweaks, t.timeout, t.scheduled_for,
         t.max_retries, t.retry_on, t.tries_before, (extract(epoch FROM t.started_at - spark_now()) * 1000)::float8 + t.timeout * 1000 AS left_ms
       FROM tasks t JOIN workflows w ON w.id = t.workflow_id JOIN sources src ON src.id = t.source_id
       WHERE t.status = 'running' AND t.phase = 'asking' AND t.worker_id = $1`,
      [worker_id],
    )
  ).rows

/** Says of a call that was lost, fenced by its token, that its server is being asked. */
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

/** Says, before a request goes out, that it may: from here on the outcome of a lost call is unknown. Returns the tokens' tasks that still hold, as `id:token`. */
export const markCalling = async (sql: Sql, pairs: { id: string; token: string }[]): Promise<Set<string>> => {
  const sorted = [...pairs].sort((a, b) => (a.id < b.id ? -1 : 1))
  const { rows } = await sql.query<{ id: string; token: string }>(
    `UPDATE tasks t SET phase = 'calling' FROM unnest($1::uuid[], $2::uuid[]) AS h(id, token)
     WHERE t.id = h.id AND t.token = h.token AND t.status = 'running' AND t.cancel_requested_at IS NULL RETURNING t.id, t.token`,
    [sorted.map((p) => p.id), sorted.map((p) => p.token)],
  )
  return new Set(rows.map((row) => `${row.id}:${row.token}`))
}
