import { randomUUID } from 'node:crypto'
import assert from 'node:assert/strict'
import { until } from '../spark.ts'
import type { Lane } from './lane.ts'
import type { Scenario } from './scenario.ts'

const FIRE = 'worker-fire: insert occurrences, insert tasks, insert task_events, update schedules'
const CLAIM = 'worker-claim: call spark_claim'
const INTENT = 'worker-intend: update tasks'
const SETTLE = 'worker-settle: update tasks, insert task_events, insert task_outputs, insert source_outcomes, insert schedule_outcomes'
const HAND_BACK = 'worker-settle: update tasks, insert task_events'
const MARK = 'worker-beat: update tasks'
const TAKE_OVER = 'worker-beat: update tasks, insert task_events, insert schedule_outcomes'
const ARM = 'agenda: insert agenda_jobs'
const LOCK = 'agenda: update agenda_jobs'
const END = 'agenda: delete agenda_jobs'
const BEAT = 'worker-beat: insert workers'
const TEND = 'main: update sources, update sources'
const TURN_AWAY = 'main: update tasks'
const TAKE_CHECK = 'main: update sources'
const CHECKED_UP = 'main: update sources, update source_outcomes'

/** An input that no other run has. */
const mark = () => `crash ${randomUUID()}`
const OPTIONS = {
  name: null, timezone: 'UTC', session_id: null, tweaks: null, timeout: null, overlap: 'skip', misfire: 'last', catchup_window: null, jitter: 0, start_at: null, end_at: null,
  max_runs: null, pause_after_failures: null, max_retries: 0, retry_on: 'safe',
} as const
const schedule = (lane: Lane, more: { schedule_type: 'one-time' | 'interval'; schedule_expr: string; input_value: string; max_runs?: number; pause_after_failures?: number; overlap?: 'cancel_previous' }) =>
  lane.engine.schedules.create({ workflow_id: lane.workflow_id, ...OPTIONS, ...more })
const run = async (lane: Lane, input_value: string, more: { max_retries?: number } = {}) =>
  (await lane.engine.workflows.run(lane.workflow_id, { input_value, max_retries: 0, retry_on: 'safe', ...more }, { wait: false })).task.id
const byInput = (lane: Lane, input: string) => lane.tasks(`input = to_jsonb($1::text)`, input)
const byId = async (lane: Lane, id: string) => (await lane.tasks('id = $1', id))[0]
const isTerminal = (status: string | undefined) => status !== undefined && status !== 'pending' && status !== 'running'
const over = (lane: Lane, id: string) => until(() => byId(lane, id), (row) => isTerminal(row?.status))
const expected = (row: { status: string; error_code: string | null } | undefined, calls: number) => ({ status: row?.status, error_code: row?.error_code, calls })
const stored = (lane: Lane, id: string) =>
  lane.sql<{ schedule_expr: string; status: string; created_at: Date }>('SELECT schedule_expr, status, created_at FROM schedules WHERE id = $1', [id]).then((rows) => rows[0])
/** Nothing more is to come of it. */
const pause = async (lane: Lane, id: string) => {
  if ((await stored(lane, id))?.status === 'active') await lane.engine.schedules.disable(id, null)
}

/** What its commits and their loss make of a single call: known to have been made or not, or not known. */
const judgeCall = async (lane: Lane, id: string, { intended, settled }: { intended: boolean; settled: boolean }, isKilled: boolean, isCalled: boolean) => {
  const row = await over(lane, id)
  const isUnknown = isKilled && intended && !settled
  assert.deepEqual(expected(row, lane.callsOf(id)), {
    status: isUnknown ? 'failed' : 'completed', error_code: isUnknown ? 'outcome_unknown' : null, calls: isUnknown && !isCalled ? 0 : 1,
  })
}

const dueTime: Scenario<string> = {
  name: 'a due time: fire, claim, call, settle',
  role: 'worker',
  commits: [FIRE, CLAIM, INTENT, SETTLE],
  prepare: (lane) => schedule(lane, { schedule_type: 'one-time', schedule_expr: 'now', input_value: mark() }).then(({ id }) => id),
  isOver: async (lane, id) => isTerminal((await lane.tasks('schedule_id = $1', id))[0]?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    const rows = await until(() => lane.tasks('schedule_id = $1', id), (found) => found.length > 0)
    assert.equal(rows.length, 1)
    const isKilled = strike !== null && strike.fate !== 'lost'
    await judgeCall(lane, rows[0]!.id, { intended: isCommitted(INTENT), settled: isCommitted(SETTLE) }, isKilled, strike?.commit === SETTLE)
    assert.equal((await stored(lane, id))?.status, 'completed')
  },
}

const FIRE_AND_CANCEL = 'worker-fire: update tasks, update tasks, insert task_events, insert occurrences, insert tasks, insert task_events, update schedules'
const cancelPrevious: Scenario<{ id: string; older: string }> = {
  name: 'a due time cancels the run before it',
  role: 'worker',
  commits: [FIRE_AND_CANCEL, CLAIM, INTENT, SETTLE],
  strikes: [FIRE_AND_CANCEL],
  async prepare(lane) {
    const { id } = await schedule(lane, { schedule_type: 'interval', schedule_expr: '1s', input_value: mark(), overlap: 'cancel_previous', max_runs: 1 })
    const older = randomUUID()
    // Not ready yet, so it is pending when the next is due.
    await lane.sql(
      `WITH made AS (
         INSERT INTO tasks (id, workflow_id, source_id, schedule_id, status, trigger, priority, serial_key, scheduled_for, timeout, ready_at, created_at, updated_at)
         SELECT $2, w.id, w.source_id, s.id, 'pending', 'schedule', 1, s.id, s.decided_until - interval '1 hour', 60, s.created_at + interval '1 hour', s.created_at, s.created_at
         FROM schedules s JOIN workflows w ON w.id = s.workflow_id WHERE s.id = $1 RETURNING *
       ) INSERT INTO occurrences (schedule_id, scheduled_for, decided_at, decision, task_id) SELECT schedule_id, scheduled_for, created_at, 'started', id FROM made`,
      [id, older],
    )
    return { id, older }
  },
  isOver: async (lane, { id }) => (await lane.tasks(`schedule_id = $1 AND status = 'completed'`, id)).length === 1,
  async judge(lane, { context: { id, older } }) {
    const [next, ...none] = await until(() => lane.tasks('schedule_id = $1 AND id <> $2', id, older), (found) => isTerminal(found[0]?.status))
    assert.deepEqual([none, expected(next, lane.callsOf(next!.id))], [[], { status: 'completed', error_code: null, calls: 1 }])
    assert.deepEqual(expected(await byId(lane, older), lane.callsOf(older)), { status: 'cancelled', error_code: null, calls: 0 })
  },
}

const handBack: Scenario<string> = {
  name: 'a run is given back, whose intent nobody heard of',
  role: 'worker',
  commits: [CLAIM, INTENT, HAND_BACK, SETTLE],
  strikes: [HAND_BACK],
  given: [{ commit: INTENT, fate: 'lost' }],
  prepare: (lane) => run(lane, mark()),
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    // Its intent stands until it is given back, so a death before that leaves it unknown; nothing was sent.
    const isUnknown = strike?.fate === 'before' && !isCommitted(HAND_BACK)
    await judgeCall(lane, id, { intended: isUnknown, settled: !isUnknown }, isUnknown, false)
  },
}

const turnedAway: Scenario<string> = {
  name: 'a run is turned away and tried again',
  role: 'worker',
  commits: [CLAIM, INTENT, SETTLE],
  strikes: [SETTLE],
  async prepare(lane) {
    await lane.stub.set({ busy: { status: 503, retry_after: 1 } })
    return run(lane, mark(), { max_retries: 2 })
  },
  async meanwhile(lane, id) {
    await until(async () => lane.callsOf(id), (calls) => calls > 0)
    lane.stub.clearSwitches()
  },
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    const row = await over(lane, id)
    const isUnknown = strike !== null && strike.fate !== 'lost' && isCommitted(INTENT) && !isCommitted(SETTLE)
    assert.deepEqual([row?.status, row?.error_code], isUnknown ? ['failed', 'outcome_unknown'] : ['completed', null])
    assert.ok(lane.callsOf(id) <= 3)
  },
}

const takeOver: Scenario<{ claimed: string; calling: string }> = {
  name: 'what a dead worker left is taken over',
  role: 'worker',
  commits: [MARK, TAKE_OVER, CLAIM, INTENT, SETTLE],
  strikes: [MARK, TAKE_OVER],
  async prepare(lane) {
    const context = { claimed: await run(lane, mark()), calling: await run(lane, mark()) }
    for (const [phase, id] of Object.entries(context)) {
      await lane.sql(
        `UPDATE tasks SET status = 'running', phase = $2, tries = 1, worker_id = $3, token = $4, started_at = spark_now(), lease_until = spark_now() - interval '1 second' WHERE id = $1`,
        [id, phase, randomUUID(), randomUUID()],
      )
    }
    return context
  },
  isOver: async (lane, { claimed }) => isTerminal((await byId(lane, claimed))?.status),
  async judge(lane, { context: { claimed, calling } }) {
    const [before, during] = [await over(lane, claimed), await over(lane, calling)]
    assert.deepEqual(expected(during, lane.callsOf(calling)), { status: 'failed', error_code: 'outcome_unknown', calls: 0 })
    assert.deepEqual(expected(before, lane.callsOf(claimed)), { status: 'completed', error_code: null, calls: 1 })
  },
}

const wake: Scenario<string> = {
  name: 'a wake-up comes',
  role: 'worker',
  commits: [LOCK, FIRE, END, CLAIM, INTENT, SETTLE, BEAT],
  strikes: [LOCK, END, BEAT],
  prepare: (lane) => schedule(lane, { schedule_type: 'one-time', schedule_expr: new Date(Date.now() + 3_000).toISOString(), input_value: mark() }).then(({ id }) => id),
  isOver: async (lane, id) => isTerminal((await lane.tasks('schedule_id = $1', id))[0]?.status),
  async judge(lane, { context: id }) {
    const rows = await until(() => lane.tasks('schedule_id = $1', id), (found) => isTerminal(found[0]?.status))
    assert.equal(rows.length, 1)
    assert.ok(lane.callsOf(rows[0]!.id) <= 1)
  },
}

const hold: Scenario<{ before: string[]; waiting: string }> = {
  name: 'a server that is gone is held',
  role: 'worker',
  commits: [CLAIM, INTENT, SETTLE, TEND, TURN_AWAY],
  strikes: [TEND, TURN_AWAY],
  async prepare(lane) {
    await lane.stub.set({ unreachable: true })
    const before = await Promise.all(Array.from({ length: 5 }, () => run(lane, mark())))
    // Not ready yet, so it is pending when the source is held.
    const waiting = await run(lane, mark())
    await lane.sql(`UPDATE tasks SET ready_at = ready_at + interval '1 hour' WHERE id = $1`, [waiting])
    return { before, waiting }
  },
  isOver: async (lane, { waiting }) => isTerminal((await byId(lane, waiting))?.status),
  async judge(lane, { context: { before, waiting }, strike }) {
    const isKilled = strike !== null && strike.fate !== 'lost'
    for (const id of before) {
      const row = await over(lane, id)
      assert.ok(row?.error_code === 'source_unreachable' || (isKilled && row?.error_code === 'outcome_unknown'), row?.error_code ?? row?.status)
    }
    assert.deepEqual(expected(await over(lane, waiting), lane.callsOf(waiting)), { status: 'failed', error_code: 'source_unreachable', calls: 0 })
    await lane.stub.set({ unreachable: false })
    await lane.engine.sources.validate(lane.source_id)
  },
}

const check: Scenario<string> = {
  name: 'a server is asked how it is',
  role: 'worker',
  commits: [TAKE_CHECK, CHECKED_UP],
  async prepare(lane) {
    await lane.sql(`UPDATE sources SET check_at = NULL, version_info = NULL WHERE id = $1`, [lane.source_id])
    return (await schedule(lane, { schedule_type: 'interval', schedule_expr: '1h', input_value: mark() })).id
  },
  isOver: async (lane) => (await lane.sql(`SELECT FROM sources WHERE id = $1 AND version_info IS NOT NULL`, [lane.source_id])).length === 1,
  async judge(lane, { context: id }) {
    // Whoever took the check and died made none: the next is due in a minute, or now.
    const isDone = () => lane.sql(`SELECT FROM sources WHERE id = $1 AND version_info IS NOT NULL AND health = 'up'`, [lane.source_id])
    if ((await isDone()).length === 0) await lane.sql(`UPDATE sources SET check_at = NULL WHERE id = $1 AND version_info IS NULL`, [lane.source_id])
    await until(isDone, (rows) => rows.length === 1)
    await lane.engine.schedules.remove(id)
  },
}

const purge: Scenario<string> = {
  name: 'what was deleted is cleared away',
  role: 'worker',
  commits: ['main: delete tasks', 'main: delete workflows', 'main: delete sources', 'main: delete workers'],
  async prepare(lane) {
    const id = await addSource(lane)
    await lane.engine.sources.remove(id)
    return id
  },
  isOver: async (lane, id) => (await lane.sql('SELECT FROM sources WHERE id = $1', [id])).length === 0,
  async judge(lane, { context: id }) {
    await until(() => lane.sql('SELECT FROM sources WHERE id = $1', [id]), (rows) => rows.length === 0)
    assert.deepEqual(await lane.tasks('source_id = $1', id), [])
  },
}

const PAUSE = 'main: update schedules'
const pauseFailing: Scenario<string> = {
  name: 'a schedule whose runs fail is paused',
  role: 'worker',
  commits: [FIRE, CLAIM, INTENT, SETTLE, PAUSE],
  strikes: [PAUSE],
  async prepare(lane) {
    await lane.stub.set({ failing: true })
    return (await schedule(lane, { schedule_type: 'interval', schedule_expr: '1s', input_value: mark(), pause_after_failures: 2 })).id
  },
  isOver: async (lane, id) => (await stored(lane, id))?.status === 'paused',
  async judge(lane, { context: id }) {
    await until(() => stored(lane, id), (row) => row?.status === 'paused')
    const [counted] = await lane.sql<{ failures: number }>('SELECT consecutive_failures AS failures FROM schedule_outcomes WHERE schedule_id = $1', [id])
    assert.ok(counted!.failures >= 2)
    lane.stub.clearSwitches()
  },
}

/** A source of its own with a flow, a schedule and a pending run. Its address is the same server's by another name. */
const addSource = async (lane: Lane): Promise<string> => {
  const url = lane.stub.url.replace('127.0.0.1', 'localhost')
  const source = await lane.engine.sources.create({ url, api_key: lane.flow_key, max_concurrency: 40 })
  const synced = await lane.engine.workflows.sync(lane.stub.flows.echo, { source_url: url })
  if (!('workflow' in synced)) throw new Error('one flow was asked for')
  const own = { ...lane, workflow_id: synced.workflow.id }
  await schedule(own, { schedule_type: 'interval', schedule_expr: '1h', input_value: mark() })
  await run(own, mark())
  return source.id
}

const askRun: Scenario<string> = {
  name: 'a run is asked for',
  role: 'api',
  commits: ['main: insert tasks'],
  prepare: async () => mark(),
  ask: (spark, input) => spark.workflows.list().then(({ items }) => spark.workflows.run(items[0]!.id, input, { wait: false })),
  isOver: async (lane, input) => (await byInput(lane, input)).length === 1,
  async judge(lane, { context: input, isCommitted, isAcknowledged }) {
    const rows = await byInput(lane, input)
    assert.equal(rows.length, isCommitted('main: insert tasks') ? 1 : 0)
    assert.ok(!isAcknowledged || rows.length === 1)
    if (rows[0]) await judgeCall(lane, rows[0].id, { intended: true, settled: true }, false, true)
  },
}

const create: Scenario<string> = {
  name: 'a schedule is created',
  role: 'api',
  commits: ['main: insert schedules', ARM],
  prepare: async () => mark(),
  ask: async (spark, input_value) => {
    const { items } = await spark.workflows.list()
    return spark.schedules.create({ workflow_id: items[0]!.id, schedule_type: 'interval', schedule_expr: '1s', max_runs: 1, input_value })
  },
  isOver: async (lane, input) => (await byInput(lane, input)).length === 1,
  async judge(lane, { context: input, isCommitted, isAcknowledged }) {
    const rows = await lane.sql<{ id: string }>('SELECT id FROM schedules WHERE input_value = to_jsonb($1::text)', [input])
    assert.equal(rows.length, isCommitted('main: insert schedules') ? 1 : 0)
    assert.ok(!isAcknowledged || rows.length === 1)
    if (!rows[0]) return
    const [task] = await until(() => byInput(lane, input), (found) => isTerminal(found[0]?.status))
    assert.deepEqual(expected(task, lane.callsOf(task!.id)), { status: 'completed', error_code: null, calls: 1 })
  },
}

/** A schedule of seconds, one of whose times has come. */
const dueSchedule = async (lane: Lane): Promise<string> => {
  const { id } = await schedule(lane, { schedule_type: 'interval', schedule_expr: '1s', input_value: mark() })
  await until(() => lane.sql(`SELECT FROM schedules WHERE id = $1 AND next_run_at <= spark_now()`, [id]), (rows) => rows.length === 1)
  return id
}
const pausedSchedule = async (lane: Lane): Promise<string> => {
  const id = await dueSchedule(lane)
  await lane.engine.schedules.disable(id, null)
  return id
}

const EDIT = 'main: insert occurrences, insert tasks, insert task_events, update schedules, update schedules'
const edit: Scenario<string> = {
  name: 'a schedule is edited that is due',
  role: 'api',
  commits: [EDIT, ARM],
  prepare: dueSchedule,
  ask: (spark, id) => spark.schedules.update(id, { schedule_expr: '2s' }),
  isOver: async (lane, id) => (await stored(lane, id))?.schedule_expr === '2s',
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const row = await stored(lane, id)
    assert.equal(row?.schedule_expr, isCommitted(EDIT) ? '2s' : '1s')
    assert.ok(!isAcknowledged || row?.schedule_expr === '2s')
    await until(() => lane.tasks('schedule_id = $1', id), (found) => found.length >= 2)
    await pause(lane, id)
  },
}

const DISABLE = 'main: update schedules'
const disable: Scenario<string> = {
  name: 'a schedule is paused',
  role: 'api',
  commits: [DISABLE],
  prepare: dueSchedule,
  ask: (spark, id) => spark.schedules.disable(id),
  isOver: async (lane, id) => (await stored(lane, id))?.status === 'paused',
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const row = await stored(lane, id)
    assert.equal(row?.status, isCommitted(DISABLE) ? 'paused' : 'active')
    assert.ok(!isAcknowledged || row?.status === 'paused')
    await pause(lane, id)
  },
}

const ENABLE = 'main: insert occurrences, insert tasks, insert task_events, update schedules'
const enable: Scenario<string> = {
  name: 'a schedule is resumed',
  role: 'api',
  commits: [ENABLE, ARM],
  prepare: pausedSchedule,
  ask: (spark, id) => spark.schedules.enable(id),
  isOver: async (lane, id) => (await stored(lane, id))?.status === 'active',
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const rows = await lane.sql<{ reason: string }>(`SELECT reason FROM occurrences WHERE schedule_id = $1 AND reason = 'paused'`, [id])
    assert.equal((await stored(lane, id))?.status, isCommitted(ENABLE) ? 'active' : 'paused')
    assert.equal(rows.length, isCommitted(ENABLE) ? 1 : 0)
    assert.ok(!isAcknowledged || rows.length === 1)
    await pause(lane, id)
  },
}

const BACKFILL = 'main: delete occurrences, insert occurrences, insert occurrences, insert tasks'
const backfill: Scenario<{ id: string; from: string; to: string }> = {
  name: 'what passed in a pause is backfilled',
  role: 'api',
  commits: [BACKFILL],
  async prepare(lane) {
    const id = await pausedSchedule(lane)
    const passed = () => lane.sql(`SELECT FROM schedules WHERE id = $1 AND decided_until < spark_now() - interval '4 seconds'`, [id])
    await until(passed, (rows) => rows.length === 1)
    await lane.engine.schedules.enable(id)
    await lane.engine.schedules.disable(id, null)
    const [span] = await lane.sql<{ scheduled_for: Date; until: Date }>('SELECT scheduled_for, until FROM occurrences WHERE schedule_id = $1', [id])
    return { id, from: new Date(span!.scheduled_for.getTime() + 1_000).toISOString(), to: span!.until.toISOString() } // a piece is left on either side
  },
  ask: (spark, { id, from, to }) => spark.schedules.backfill(id, { from, to }),
  isOver: async (lane, { id }) => (await lane.tasks('schedule_id = $1', id)).length > 0,
  async judge(lane, { context: { id, from, to }, isCommitted, isAcknowledged }) {
    const count = isCommitted(BACKFILL) ? (Date.parse(to) - Date.parse(from)) / 1_000 : 0
    assert.ok(!isAcknowledged || count > 0)
    const rows = await until(() => lane.tasks('schedule_id = $1', id), (found) => found.every(({ status }) => isTerminal(status)))
    assert.deepEqual(rows.map((row) => expected(row, lane.callsOf(row.id))), Array.from({ length: count }, () => ({ status: 'completed', error_code: null, calls: 1 })))
    const ledger = await lane.sql<{ n: number; started: number }>(
      `SELECT sum(count)::int AS n, (count(*) FILTER (WHERE decision = 'started' AND reason = 'backfill'))::int AS started FROM occurrences WHERE schedule_id = $1`, [id])
    assert.deepEqual(ledger, [{ n: (Date.parse(to) - Date.parse(from)) / 1_000 + 2, started: count }])
  },
}

const DELETE_SCHEDULE = 'main: update tasks, delete schedules'
const removeSchedule: Scenario<{ id: string; task_id: string }> = {
  name: 'a schedule is deleted that has a pending run',
  role: 'api',
  commits: [DELETE_SCHEDULE],
  async prepare(lane) {
    const { id } = await schedule(lane, { schedule_type: 'interval', schedule_expr: '1h', input_value: mark() })
    return { id, task_id: (await lane.engine.schedules.run(id)).id }
  },
  ask: (spark, { id }) => spark.schedules.delete(id),
  isOver: async (lane, { id }) => (await stored(lane, id)) === undefined,
  async judge(lane, { context: { id, task_id }, isCommitted, isAcknowledged }) {
    const isGone = (await stored(lane, id)) === undefined
    assert.equal(isGone, isCommitted(DELETE_SCHEDULE))
    assert.ok(!isAcknowledged || isGone)
    const row = await over(lane, task_id)
    assert.deepEqual(expected(row, lane.callsOf(task_id)), { status: isGone ? 'cancelled' : 'completed', error_code: null, calls: isGone ? 0 : 1 })
  },
}

const CANCEL = 'main: update tasks'
const cancelPending: Scenario<string> = {
  name: 'a pending run is cancelled',
  role: 'api',
  commits: [CANCEL],
  prepare: (lane) => run(lane, mark()),
  ask: (spark, id) => spark.tasks.cancel(id),
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const row = await over(lane, id)
    assert.deepEqual(expected(row, lane.callsOf(id)), { status: isCommitted(CANCEL) ? 'cancelled' : 'completed', error_code: null, calls: isCommitted(CANCEL) ? 0 : 1 })
    assert.ok(!isAcknowledged || row?.status === 'cancelled')
  },
}

const cancelRunning: Scenario<{ id: string; stopWorker: () => Promise<void> }> = {
  name: 'a running call is cancelled',
  role: 'api',
  commits: [CANCEL],
  async prepare(lane) {
    const stopWorker = await lane.rescue()
    await lane.stub.set({ slow: 'held' })
    const id = await run(lane, mark())
    await until(async () => lane.callsOf(id), (calls) => calls === 1)
    return { id, stopWorker }
  },
  ask: (spark, { id }) => spark.tasks.cancel(id),
  isOver: async (lane, { id }) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: { id, stopWorker }, isCommitted }) {
    try {
      if (!isCommitted(CANCEL)) lane.stub.release()
      const row = await over(lane, id)
      assert.deepEqual(expected(row, lane.callsOf(id)), { status: isCommitted(CANCEL) ? 'cancelled' : 'completed', error_code: null, calls: 1 })
    } finally {
      lane.stub.clearSwitches()
      lane.stub.release()
      await stopWorker()
    }
  },
}

const RETRY = 'main: insert task_events, update tasks'
const retry: Scenario<string> = {
  name: 'a cancelled run is asked for again',
  role: 'api',
  commits: [RETRY],
  async prepare(lane) {
    const id = await run(lane, mark())
    await lane.engine.tasks.cancel(id)
    return id
  },
  ask: (spark, id) => spark.tasks.retry(id),
  isOver: async (lane, id) => (await byId(lane, id))?.status === 'completed',
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const row = await until(() => byId(lane, id), (found) => isTerminal(found?.status) && (!isCommitted(RETRY) || found?.status !== 'cancelled'))
    assert.deepEqual(expected(row, lane.callsOf(id)), { status: isCommitted(RETRY) ? 'completed' : 'cancelled', error_code: null, calls: isCommitted(RETRY) ? 1 : 0 })
    assert.ok(!isAcknowledged || row?.status === 'completed')
  },
}

const DELETE_TASK = 'main: delete tasks'
const removeTask: Scenario<string> = {
  name: 'a pending run is deleted',
  role: 'api',
  commits: [DELETE_TASK],
  prepare: (lane) => run(lane, mark()),
  ask: (spark, id) => spark.tasks.delete(id),
  isOver: async (lane, id) => (await byId(lane, id)) === undefined,
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    if (!isCommitted(DELETE_TASK)) await over(lane, id)
    assert.equal((await byId(lane, id)) === undefined, isCommitted(DELETE_TASK))
    assert.ok(!isAcknowledged || isCommitted(DELETE_TASK))
    assert.equal(lane.callsOf(id), isCommitted(DELETE_TASK) ? 0 : 1)
  },
}

const DELETE_SOURCE = 'main: update sources, insert discoveries, update workflows, update tasks, update tasks'
const removeSource: Scenario<string> = {
  name: 'a source is deleted that has a schedule and a pending run',
  role: 'api',
  commits: [DELETE_SOURCE],
  prepare: addSource,
  ask: (spark, id) => spark.sources.delete(id),
  isOver: async (lane, id) => (await lane.sql('SELECT FROM sources WHERE id = $1 AND deleted_at IS NULL', [id])).length === 0,
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const there = await lane.sql('SELECT FROM sources WHERE id = $1 AND deleted_at IS NULL', [id])
    assert.equal(there.length, isCommitted(DELETE_SOURCE) ? 0 : 1)
    assert.ok(!isAcknowledged || there.length === 0)
    if (there.length > 0) await lane.engine.sources.remove(id)
  },
}

/** All of them, of contexts that each knows itself. */
export const scenarios = [
  dueTime, cancelPrevious, handBack, turnedAway, takeOver, wake, hold, check, pauseFailing, purge, askRun, create, edit, disable, enable, backfill, removeSchedule, cancelPending, cancelRunning, retry, removeTask, removeSource,
] as unknown as Scenario[] // play hands a scenario what the scenario itself prepared

const isInPostgres = (commit: string) => !commit.startsWith('agenda: ')
/** Those that arm wake-ups, with the wake-ups in MongoDB: then PostgreSQL sees nothing of them. */
export const thatArm = [{ ...dueTime, strikes: [FIRE] }, turnedAway, create, edit, enable].map(({ commits, strikes = commits, ...rest }) => ({
  ...rest, commits: commits.filter(isInPostgres), strikes: strikes.filter(isInPostgres),
})) as unknown as Scenario[]
