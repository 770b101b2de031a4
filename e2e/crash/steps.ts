import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { until } from '../spark.ts'
import type { Lane } from './lane.ts'
import { again, CLAIM } from './scenario.ts'

export { CLAIM }

export const FIRE = 'worker-fire: insert occurrences, insert tasks, insert task_events, update schedules'
export const INTENT = 'worker-intend: update tasks'
/** The same statement as far as the proxy sees, the second time in the scenario. */
export const RECOVERING = again(INTENT)
export const NOTE = 'main: insert task_events'
export const SETTLE = 'worker-settle: update tasks, insert source_outcomes, insert schedule_outcomes'
export const SETTLE_AGAIN =
  'worker-settle: update tasks, insert task_events, insert source_outcomes, insert schedule_outcomes'
export const SETTLE_LARGE =
  'worker-settle: update tasks, insert task_outputs, insert source_outcomes, insert schedule_outcomes'
export const RELEASE = 'worker-settle: update tasks, insert task_events'
export const MARK = 'worker-heartbeat: update tasks'
export const TAKE_OVER = 'worker-heartbeat: update tasks, insert task_events, insert schedule_outcomes'
export const ARM = 'agenda: insert agenda_jobs'
export const LOCK = 'agenda: update agenda_jobs'
export const END = 'agenda: delete agenda_jobs'
export const BEAT = 'worker-heartbeat: insert workers'
/** The call was not sent: the try does not count, and the source is to be checked. */
export const NOT_SENT = 'worker-settle: update sources, update tasks, insert task_events'
export const FAIL_MANUAL_RUNS = 'main: update tasks'
export const TAKE_CHECK = 'main: update sources'
/** A health check suspends a source, or resumes it. */
export const CHECKED = 'main: update sources, update tasks'
export const OVERDUE = 'main: update tasks, insert schedule_outcomes'

/** An input that no other run has. */
export const mark = () => `crash ${randomUUID()}`
/** As the engine takes it: JSON text, for which core has a type of its own. */
const inputText = (input: string) =>
  JSON.stringify(input) as NonNullable<Parameters<Lane['engine']['schedules']['create']>[0]['input_value']>
const OPTIONS = {
  name: null,
  timezone: 'UTC',
  session_id: null,
  tweaks: null,
  timeout: null,
  overlap: 'skip',
  misfire: 'last',
  catchup_window: null,
  jitter: 0,
  start_at: null,
  end_at: null,
  max_runs: null,
  pause_after_failures: null,
  max_retries: 0,
  retry_on: 'safe',
} as const
export const schedule = (
  lane: Lane,
  more: {
    schedule_type: 'one-time' | 'interval'
    schedule_expr: string
    input_value: string
    max_runs?: number
    pause_after_failures?: number
    overlap?: 'cancel_previous'
    catchup_window?: number
  },
) =>
  lane.engine.schedules.create({
    workflow_id: lane.workflow_id,
    ...OPTIONS,
    ...more,
    input_value: inputText(more.input_value),
  })
export const run = async (lane: Lane, input_value: string, more: { max_retries?: number } = {}) =>
  (
    await lane.engine.workflows.run(
      lane.workflow_id,
      { input_value: inputText(input_value), max_retries: 0, retry_on: 'safe', ...more },
      { wait: false },
    )
  ).task.id
export const byInput = (lane: Lane, input: string) => lane.tasks(`input = to_json($1::text)::text`, input)
export const byId = async (lane: Lane, id: string) => (await lane.tasks('id = $1', id))[0]
export const isTerminal = (status: string | undefined) =>
  status !== undefined && status !== 'pending' && status !== 'running'
export const over = (lane: Lane, id: string) =>
  until(
    () => byId(lane, id),
    (row) => isTerminal(row?.status),
  )
export const expected = (row: { status: string; error_code: string | null } | undefined, calls: number) => ({
  status: row?.status,
  error_code: row?.error_code,
  calls,
})
export const stored = (lane: Lane, id: string) =>
  lane
    .sql<{ schedule_expr: string; status: string; created_at: Date }>(
      'SELECT schedule_expr, status, created_at FROM schedules WHERE id = $1',
      [id],
    )
    .then((rows) => rows[0])
/** Nothing more is to come of it. */
export const pause = async (lane: Lane, id: string) => {
  if ((await stored(lane, id))?.status === 'active') await lane.engine.schedules.disable(id, null)
}

/** What its commits and their loss make of a single call: known to have been made or not, or not known. */
export const judgeCall = async (
  lane: Lane,
  id: string,
  { intended, settled }: { intended: boolean; settled: boolean },
  isKilled: boolean,
  isCalled: boolean,
) => {
  const row = await over(lane, id)
  const isUnknown = isKilled && intended && !settled
  assert.deepEqual(expected(row, lane.callsOf(id)), {
    status: isUnknown ? 'failed' : 'completed',
    error_code: isUnknown ? 'outcome_unknown' : null,
    calls: isUnknown && !isCalled ? 0 : 1,
  })
}

/** The same server's address, which is another source's. */
export const byOtherName = (url: string) => url.replace('127.0.0.1', 'localhost')

/** A source of its own with a flow, a schedule and a pending run. */
export const addSource = async (lane: Lane): Promise<string> => {
  const url = byOtherName(lane.stub.url)
  const source = await lane.engine.sources.create({ url, api_key: lane.flow_key, max_concurrency: 40 })
  const synced = await lane.engine.workflows.sync(lane.stub.flows.echo, { source_url: url })
  if (!('workflow' in synced)) throw new Error('one flow was asked for')
  const own = { ...lane, workflow_id: synced.workflow.id }
  await schedule(own, { schedule_type: 'interval', schedule_expr: '1h', input_value: mark() })
  await run(own, mark())
  return source.id
}
