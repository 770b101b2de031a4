import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { until } from '../spark.ts'
import type { Lane } from './lane.ts'
import type { Scenario } from './scenario.ts'
import {
  addSource,
  BEAT,
  byId,
  CHECKED,
  CLAIM,
  END,
  expected,
  FAIL_MANUAL_RUNS,
  FIRE,
  INTENT,
  isTerminal,
  judgeCall,
  LOCK,
  MARK,
  mark,
  NOT_SENT,
  over,
  OVERDUE,
  RELEASE,
  run,
  schedule,
  SETTLE,
  SETTLE_AGAIN,
  SETTLE_LARGE,
  stored,
  TAKE_CHECK,
  TAKE_OVER,
} from './steps.ts'

export const dueTime: Scenario<string> = {
  name: 'a due time: fire, claim, call, settle',
  role: 'worker',
  commits: [FIRE, CLAIM, INTENT, SETTLE],
  prepare: (lane) =>
    schedule(lane, { schedule_type: 'one-time', schedule_expr: 'now', input_value: mark() }).then(({ id }) => id),
  isOver: async (lane, id) => isTerminal((await lane.tasks('schedule_id = $1', id))[0]?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    const rows = await until(
      () => lane.tasks('schedule_id = $1', id),
      (found) => found.length > 0,
    )
    assert.equal(rows.length, 1)
    const isKilled = strike !== null && strike.fate !== 'lost'
    await judgeCall(
      lane,
      rows[0]!.id,
      { intended: isCommitted(INTENT), settled: isCommitted(SETTLE) },
      isKilled,
      strike?.commit === SETTLE,
    )
    assert.equal((await stored(lane, id))?.status, 'completed')
  },
}

const FIRE_AND_CANCEL =
  'worker-fire: update tasks, update tasks, insert task_events, insert occurrences, insert tasks, insert task_events, update schedules'
export const cancelPrevious: Scenario<{ id: string; older: string }> = {
  name: 'a due time cancels the run before it',
  role: 'worker',
  commits: [FIRE_AND_CANCEL, CLAIM, INTENT, SETTLE],
  strikes: [FIRE_AND_CANCEL],
  async prepare(lane) {
    const { id } = await schedule(lane, {
      schedule_type: 'interval',
      schedule_expr: '1s',
      input_value: mark(),
      overlap: 'cancel_previous',
      max_runs: 1,
    })
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
    const [next, ...none] = await until(
      () => lane.tasks('schedule_id = $1 AND id <> $2', id, older),
      (found) => isTerminal(found[0]?.status),
    )
    assert.deepEqual(
      [none, expected(next, lane.callsOf(next!.id))],
      [[], { status: 'completed', error_code: null, calls: 1 }],
    )
    assert.deepEqual(expected(await byId(lane, older), lane.callsOf(older)), {
      status: 'cancelled',
      error_code: null,
      calls: 0,
    })
  },
}

export const releaseRun: Scenario<string> = {
  name: 'a run is released because the answer to its intent is lost',
  role: 'worker',
  commits: [CLAIM, INTENT, RELEASE, SETTLE],
  strikes: [RELEASE],
  given: [{ commit: INTENT, fate: 'lost' }],
  prepare: (lane) => run(lane, mark()),
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    // Its intent stands until it is released: a worker that dies before leaves its outcome unknown, though nothing was sent.
    const isUnknown = strike?.fate === 'before' && !isCommitted(RELEASE)
    await judgeCall(lane, id, { intended: isUnknown, settled: !isUnknown }, isUnknown, false)
  },
}

export const rejected: Scenario<string> = {
  name: 'a run is rejected by a busy server and tried again',
  role: 'worker',
  commits: [CLAIM, INTENT, SETTLE_AGAIN, SETTLE],
  strikes: [SETTLE_AGAIN],
  async prepare(lane) {
    await lane.stub.set({ busy: { status: 503, retry_after: 1 } })
    return run(lane, mark(), { max_retries: 2 })
  },
  async meanwhile(lane, id) {
    await until(
      async () => lane.callsOf(id),
      (calls) => calls > 0,
    )
    lane.stub.clearSwitches()
  },
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    const row = await over(lane, id)
    const isUnknown = strike !== null && strike.fate !== 'lost' && isCommitted(INTENT) && !isCommitted(SETTLE_AGAIN)
    assert.deepEqual([row?.status, row?.error_code], isUnknown ? ['failed', 'outcome_unknown'] : ['completed', null])
    assert.ok(lane.callsOf(id) <= 3)
  },
}

/** Characters: more than lie in a task's own row. */
const LARGE = 10_000
export const largeAnswer: Scenario<string> = {
  name: 'an answer is large and kept apart',
  role: 'worker',
  commits: [CLAIM, INTENT, SETTLE_LARGE],
  strikes: [SETTLE_LARGE],
  prepare: (lane) => run(lane, mark().padEnd(LARGE, '.')),
  isOver: async (lane, id) => isTerminal((await byId(lane, id))?.status),
  async judge(lane, { context: id, strike, isCommitted }) {
    await judgeCall(
      lane,
      id,
      { intended: isCommitted(INTENT), settled: isCommitted(SETTLE_LARGE) },
      strike !== null && strike.fate !== 'lost',
      true,
    )
    const kept = await lane.sql<{ length: number }>(
      `SELECT length(output::json ->> 'result') AS length FROM task_outputs WHERE task_id = $1`,
      [id],
    )
    assert.deepEqual(kept, (await byId(lane, id))?.status === 'completed' ? [{ length: LARGE }] : [])
  },
}

export const takeOver: Scenario<{ claimed: string; calling: string }> = {
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
    assert.deepEqual(expected(during, lane.callsOf(calling)), {
      status: 'failed',
      error_code: 'outcome_unknown',
      calls: 0,
    })
    assert.deepEqual(expected(before, lane.callsOf(claimed)), { status: 'completed', error_code: null, calls: 1 })
  },
}

export const wake: Scenario<string> = {
  name: 'a wake-up comes',
  role: 'worker',
  commits: [LOCK, FIRE, END, CLAIM, INTENT, SETTLE, BEAT],
  strikes: [LOCK, END, BEAT],
  prepare: (lane) =>
    schedule(lane, {
      schedule_type: 'one-time',
      schedule_expr: new Date(Date.now() + 3_000).toISOString(),
      input_value: mark(),
    }).then(({ id }) => id),
  isOver: async (lane, id) => isTerminal((await lane.tasks('schedule_id = $1', id))[0]?.status),
  async judge(lane, { context: id }) {
    const rows = await until(
      () => lane.tasks('schedule_id = $1', id),
      (found) => isTerminal(found[0]?.status),
    )
    assert.equal(rows.length, 1)
    assert.ok(lane.callsOf(rows[0]!.id) <= 1)
  },
}

const bringBack = async (lane: Lane) => {
  await lane.stub.set({ unreachable: false })
  await lane.engine.sources.validate(lane.source_id)
}

export const suspend: Scenario<{ sent: string; waiting: string }> = {
  name: 'the source of a server that is gone is suspended',
  role: 'worker',
  commits: [CLAIM, INTENT, NOT_SENT, TAKE_CHECK, CHECKED, FAIL_MANUAL_RUNS],
  strikes: [NOT_SENT, TAKE_CHECK, CHECKED, FAIL_MANUAL_RUNS],
  async prepare(lane) {
    await lane.stub.set({ unreachable: true })
    const sent = await run(lane, mark())
    // Not ready yet, so it is pending when the source is suspended.
    const waiting = await run(lane, mark())
    await lane.sql(`UPDATE tasks SET ready_at = ready_at + interval '1 hour' WHERE id = $1`, [waiting])
    return { sent, waiting }
  },
  isOver: async (lane, { sent, waiting }) =>
    isTerminal((await byId(lane, sent))?.status) && isTerminal((await byId(lane, waiting))?.status),
  async judge(lane, { context: { sent, waiting }, strike, isCommitted }) {
    // A process that dies before it has written that nothing was sent leaves the outcome unknown, and the server unchecked.
    const isUnknown = strike !== null && strike.fate !== 'lost' && !isCommitted(NOT_SENT)
    assert.deepEqual(expected(await over(lane, sent), lane.callsOf(sent)), {
      status: 'failed',
      error_code: isUnknown ? 'outcome_unknown' : 'source_unreachable',
      calls: 0,
    })
    if (isUnknown) await run(lane, mark())
    assert.deepEqual(expected(await over(lane, waiting), lane.callsOf(waiting)), {
      status: 'failed',
      error_code: 'source_unreachable',
      calls: 0,
    })
    const rows = await until(
      () => lane.tasks(`status IN ('pending', 'running')`),
      (open) => open.length === 0,
    )
    assert.deepEqual(rows, [])
    await bringBack(lane)
  },
}

export const overdue: Scenario<string> = {
  name: 'a run waits for a suspended source for longer than its catch-up window',
  role: 'worker',
  commits: [FIRE, CLAIM, INTENT, NOT_SENT, TAKE_CHECK, CHECKED, FAIL_MANUAL_RUNS, OVERDUE],
  strikes: [OVERDUE],
  async prepare(lane) {
    await lane.stub.set({ unreachable: true })
    return (
      await schedule(lane, { schedule_type: 'one-time', schedule_expr: 'now', input_value: mark(), catchup_window: 0 })
    ).id
  },
  isOver: async (lane, id) => isTerminal((await lane.tasks('schedule_id = $1', id))[0]?.status),
  async judge(lane, { context: id }) {
    const [row] = await until(
      () => lane.tasks('schedule_id = $1', id),
      (found) => isTerminal(found[0]?.status),
    )
    assert.deepEqual(expected(row, lane.callsOf(row!.id)), {
      status: 'failed',
      error_code: 'source_unreachable',
      calls: 0,
    })
    const counted = await lane.sql<{ failures: number }>(
      'SELECT consecutive_failures AS failures FROM schedule_outcomes WHERE schedule_id = $1',
      [id],
    )
    assert.deepEqual(counted, [{ failures: 1 }])
    await bringBack(lane)
  },
}

export const check: Scenario<string> = {
  name: 'a health check of a server',
  role: 'worker',
  commits: [TAKE_CHECK, CHECKED],
  async prepare(lane) {
    await lane.sql(`UPDATE sources SET check_at = NULL, checking_until = NULL, version_info = NULL WHERE id = $1`, [
      lane.source_id,
    ])
    return (await schedule(lane, { schedule_type: 'interval', schedule_expr: '1h', input_value: mark() })).id
  },
  isOver: async (lane) =>
    (await lane.sql(`SELECT FROM sources WHERE id = $1 AND version_info IS NOT NULL`, [lane.source_id])).length === 1,
  async judge(lane, { context: id }) {
    // Whoever took the check and died made none: the next is due in a minute, or now.
    const isDone = () =>
      lane.sql(`SELECT FROM sources WHERE id = $1 AND version_info IS NOT NULL AND health = 'up'`, [lane.source_id])
    if ((await isDone()).length === 0)
      await lane.sql(
        `UPDATE sources SET check_at = NULL, checking_until = NULL WHERE id = $1 AND version_info IS NULL`,
        [lane.source_id],
      )
    await until(isDone, (rows) => rows.length === 1)
    await lane.engine.schedules.remove(id)
  },
}

export const purge: Scenario<string> = {
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
    await until(
      () => lane.sql('SELECT FROM sources WHERE id = $1', [id]),
      (rows) => rows.length === 0,
    )
    assert.deepEqual(await lane.tasks('source_id = $1', id), [])
  },
}

const PAUSE = 'main: update schedules'
export const pauseFailing: Scenario<string> = {
  name: 'a schedule whose runs fail is paused',
  role: 'worker',
  commits: [FIRE, CLAIM, INTENT, SETTLE, PAUSE],
  strikes: [PAUSE],
  async prepare(lane) {
    await lane.stub.set({ failing: true })
    return (
      await schedule(lane, {
        schedule_type: 'interval',
        schedule_expr: '1s',
        input_value: mark(),
        pause_after_failures: 2,
      })
    ).id
  },
  isOver: async (lane, id) => (await stored(lane, id))?.status === 'paused',
  async judge(lane, { context: id }) {
    await until(
      () => stored(lane, id),
      (row) => row?.status === 'paused',
    )
    const [counted] = await lane.sql<{ failures: number }>(
      'SELECT consecutive_failures AS failures FROM schedule_outcomes WHERE schedule_id = $1',
      [id],
    )
    assert.ok(counted!.failures >= 2)
    lane.stub.clearSwitches()
  },
}

const REREAD = 'main: update schedules'
/** Paused: what it does later is nothing to this. */
export const reread: Scenario<string> = {
  name: 'a cron schedule of an earlier release is read again',
  role: 'worker',
  commits: [REREAD],
  async prepare(lane) {
    const { id } = await schedule(lane, { schedule_type: 'interval', schedule_expr: '1h', input_value: mark() })
    await lane.engine.schedules.disable(id, null)
    await lane.sql(
      `UPDATE schedules SET schedule_type = 'cron', schedule_expr = '0 9 */1 * 1-5', cron_reread = false WHERE id = $1`,
      [id],
    )
    return id
  },
  isOver: async (lane, id) =>
    (await lane.sql('SELECT FROM schedules WHERE id = $1 AND cron_reread', [id])).length === 1,
  async judge(lane, { context: id }) {
    const [row] = await until(
      () =>
        lane.sql<{ warnings: string[]; status: string }>(
          'SELECT warnings, status FROM schedules WHERE id = $1 AND cron_reread',
          [id],
        ),
      (rows) => rows.length === 1,
    )
    assert.deepEqual([row!.status, row!.warnings.length], ['paused', 1])
  },
}
