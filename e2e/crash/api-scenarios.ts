import assert from 'node:assert/strict'
import { until } from '../spark.ts'
import type { Lane } from './lane.ts'
import type { Scenario } from './scenario.ts'
import {
  ARM,
  byId,
  byInput,
  expected,
  isTerminal,
  judgeCall,
  mark,
  over,
  pause,
  run,
  schedule,
  stored,
} from './steps.ts'

export const askRun: Scenario<string> = {
  name: 'a manual run is requested',
  role: 'api',
  commits: ['main: insert tasks'],
  prepare: async () => mark(),
  ask: (spark, input) =>
    spark.workflows.list().then(({ items }) => spark.workflows.run(items[0]!.id, input, { wait: false })),
  isOver: async (lane, input) => (await byInput(lane, input)).length === 1,
  async judge(lane, { context: input, isCommitted, isAcknowledged }) {
    const rows = await byInput(lane, input)
    assert.equal(rows.length, isCommitted('main: insert tasks') ? 1 : 0)
    assert.ok(!isAcknowledged || rows.length === 1)
    if (rows[0]) await judgeCall(lane, rows[0].id, { intended: true, settled: true }, false, true)
  },
}

export const create: Scenario<string> = {
  name: 'a schedule is created',
  role: 'api',
  commits: ['main: insert schedules', ARM],
  prepare: async () => mark(),
  ask: async (spark, input_value) => {
    const { items } = await spark.workflows.list()
    return spark.schedules.create({
      workflow_id: items[0]!.id,
      schedule_type: 'interval',
      schedule_expr: '1s',
      max_runs: 1,
      input_value,
    })
  },
  isOver: async (lane, input) => (await byInput(lane, input)).length === 1,
  async judge(lane, { context: input, isCommitted, isAcknowledged }) {
    const rows = await lane.sql<{ id: string }>(
      'SELECT id FROM schedules WHERE input_value = to_json($1::text)::text',
      [input],
    )
    assert.equal(rows.length, isCommitted('main: insert schedules') ? 1 : 0)
    assert.ok(!isAcknowledged || rows.length === 1)
    if (!rows[0]) return
    const [task] = await until(
      () => byInput(lane, input),
      (found) => isTerminal(found[0]?.status),
    )
    assert.deepEqual(expected(task, lane.callsOf(task!.id)), { status: 'completed', error_code: null, calls: 1 })
  },
}

/** A schedule of seconds, one of whose times has come. */
const dueSchedule = async (lane: Lane): Promise<string> => {
  const { id } = await schedule(lane, { schedule_type: 'interval', schedule_expr: '1s', input_value: mark() })
  await until(
    () => lane.sql(`SELECT FROM schedules WHERE id = $1 AND next_run_at <= spark_now()`, [id]),
    (rows) => rows.length === 1,
  )
  return id
}
const pausedSchedule = async (lane: Lane): Promise<string> => {
  const id = await dueSchedule(lane)
  await lane.engine.schedules.disable(id, null)
  return id
}

const EDIT = 'main: insert occurrences, insert tasks, insert task_events, update schedules, update schedules'
export const edit: Scenario<string> = {
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
    await until(
      () => lane.tasks('schedule_id = $1', id),
      (found) => found.length >= 2,
    )
    await pause(lane, id)
  },
}

const DISABLE = 'main: update schedules'
export const disable: Scenario<string> = {
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
export const enable: Scenario<string> = {
  name: 'a schedule is resumed',
  role: 'api',
  commits: [ENABLE, ARM],
  prepare: pausedSchedule,
  ask: (spark, id) => spark.schedules.enable(id),
  isOver: async (lane, id) => (await stored(lane, id))?.status === 'active',
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const rows = await lane.sql<{ reason: string }>(
      `SELECT reason FROM occurrences WHERE schedule_id = $1 AND reason = 'paused'`,
      [id],
    )
    assert.equal((await stored(lane, id))?.status, isCommitted(ENABLE) ? 'active' : 'paused')
    assert.equal(rows.length, isCommitted(ENABLE) ? 1 : 0)
    assert.ok(!isAcknowledged || rows.length === 1)
    await pause(lane, id)
  },
}

const BACKFILL = 'main: delete occurrences, insert occurrences, insert occurrences, insert tasks'
export const backfill: Scenario<{ id: string; from: string; to: string }> = {
  name: 'what passed in a pause is backfilled',
  role: 'api',
  commits: [BACKFILL],
  async prepare(lane) {
    const id = await pausedSchedule(lane)
    const passed = () =>
      lane.sql(`SELECT FROM schedules WHERE id = $1 AND decided_until < spark_now() - interval '4 seconds'`, [id])
    await until(passed, (rows) => rows.length === 1)
    await lane.engine.schedules.enable(id)
    await lane.engine.schedules.disable(id, null)
    const [span] = await lane.sql<{ scheduled_for: Date; until: Date }>(
      'SELECT scheduled_for, until FROM occurrences WHERE schedule_id = $1',
      [id],
    )
    return { id, from: new Date(span!.scheduled_for.getTime() + 1_000).toISOString(), to: span!.until.toISOString() } // a piece is left on either side
  },
  ask: (spark, { id, from, to }) => spark.schedules.backfill(id, { from, to }),
  isOver: async (lane, { id }) => (await lane.tasks('schedule_id = $1', id)).length > 0,
  async judge(lane, { context: { id, from, to }, isCommitted, isAcknowledged }) {
    const count = isCommitted(BACKFILL) ? (Date.parse(to) - Date.parse(from)) / 1_000 : 0
    assert.ok(!isAcknowledged || count > 0)
    const rows = await until(
      () => lane.tasks('schedule_id = $1', id),
      (found) => found.every(({ status }) => isTerminal(status)),
    )
    assert.deepEqual(
      rows.map((row) => expected(row, lane.callsOf(row.id))),
      Array.from({ length: count }, () => ({ status: 'completed', error_code: null, calls: 1 })),
    )
    const ledger = await lane.sql<{ n: number; started: number }>(
      `SELECT sum(count)::int AS n, (count(*) FILTER (WHERE decision = 'started' AND reason = 'backfill'))::int AS started FROM occurrences WHERE schedule_id = $1`,
      [id],
    )
    assert.deepEqual(ledger, [{ n: (Date.parse(to) - Date.parse(from)) / 1_000 + 2, started: count }])
  },
}

const DELETE_SCHEDULE = 'main: update tasks, delete schedules'
export const removeSchedule: Scenario<{ id: string; task_id: string }> = {
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
    assert.deepEqual(expected(row, lane.callsOf(task_id)), {
      status: isGone ? 'cancelled' : 'completed',
      error_code: null,
      calls: isGone ? 0 : 1,
    })
  },
}

const CANCEL = 'main: update tasks'
export const cancelPending: Scenario<string> = {
  name: 'a pending run is cancelled',
  role: 'api',
  commits: [CANCEL],
  prepare: (lane) => run(lane, mark()),
  ask: (spark, id) => spark.tasks.cancel(id),
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const row = await over(lane, id)
    assert.deepEqual(expected(row, lane.callsOf(id)), {
      status: isCommitted(CANCEL) ? 'cancelled' : 'completed',
      error_code: null,
      calls: isCommitted(CANCEL) ? 0 : 1,
    })
    assert.ok(!isAcknowledged || row?.status === 'cancelled')
  },
}

export const cancelRunning: Scenario<{ id: string; stopWorker: () => Promise<void> }> = {
  name: 'a running call is cancelled',
  role: 'api',
  commits: [CANCEL],
  async prepare(lane) {
    const stopWorker = await lane.rescue()
    await lane.stub.set({ slow: 'held' })
    const id = await run(lane, mark())
    await until(
      async () => lane.callsOf(id),
      (calls) => calls === 1,
    )
    return { id, stopWorker }
  },
  ask: (spark, { id }) => spark.tasks.cancel(id),
  isOver: async (lane, { id }) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: { id, stopWorker }, isCommitted }) {
    try {
      if (!isCommitted(CANCEL)) lane.stub.release()
      const row = await over(lane, id)
      assert.deepEqual(expected(row, lane.callsOf(id)), {
        status: isCommitted(CANCEL) ? 'cancelled' : 'completed',
        error_code: null,
        calls: 1,
      })
    } finally {
      lane.stub.clearSwitches()
      lane.stub.release()
      await stopWorker()
    }
  },
}

const RETRY = 'main: insert task_events, update tasks'
export const retry: Scenario<string> = {
  name: 'a cancelled run is tried again by hand',
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
    const row = await until(
      () => byId(lane, id),
      (found) => isTerminal(found?.status) && (!isCommitted(RETRY) || found?.status !== 'cancelled'),
    )
    assert.deepEqual(expected(row, lane.callsOf(id)), {
      status: isCommitted(RETRY) ? 'completed' : 'cancelled',
      error_code: null,
      calls: isCommitted(RETRY) ? 1 : 0,
    })
    assert.ok(!isAcknowledged || row?.status === 'completed')
  },
}

const DELETE_TASK = 'main: delete tasks'
export const removeTask: Scenario<string> = {
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
