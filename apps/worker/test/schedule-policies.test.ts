import { HOUR, MINUTE, SECOND } from '@automagik-spark/core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningWorker } from '../src/worker.ts'
import type { Stack } from './stack.ts'
import { clear, moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const stack = useStack()
let schedules: Stack['engine']['schedules']
let tasks: Stack['engine']['tasks']
let worker: RunningWorker
let workflow_id: string
beforeAll(async () => {
  ;({ schedules, tasks } = stack.engine)
  workflow_id = (await stack.sync()).workflow.id
  worker = await stack.addWorker({ fallback: false }) // it runs what is ready, and fires only what a test fires
})
afterEach(async () => {
  await stack.stub.set({ slow: null })
  stack.stub.release()
  await until(
    async () => stack.stub.inFlight,
    (n) => n === 0,
  )
  await clear(stack, 'schedules', 'tasks')
  stack.stub.clearCalls()
  await moveClock(stack, 0)
})

type Fields = Partial<Parameters<typeof newSchedule>[0]>
const create = (fields: Fields = {}) => schedules.create(newSchedule({ workflow_id, schedule_expr: '1h', ...fields }))
/** So long after its creation, a little after a due time of an hourly schedule, and what is due then is decided. */
const fireAfter = async (ms: number) => {
  await moveClock(stack, ms + SECOND)
  await worker.fire()
}
const ledger = async (id: string) =>
  (await schedules.occurrences(id, PAGE)).items
    .reverse()
    .map(({ decision, reason, count }) =>
      [decision, ...(reason ? [reason] : []), ...(count > 1 ? [count] : [])].join(' '),
    )
/** Oldest first. */
const runsOf = async (schedule_id: string) => (await tasks.list({ ...PAGE, schedule_id })).items.reverse()
const statuses = async (id: string) => (await runsOf(id)).map((task) => task.status)
const areAll = (id: string, ...expected: string[]) =>
  until(
    () => statuses(id),
    (seen) => seen.join() === expected.join(),
  )

describe('while the run before is not over', () => {
  it('queue_all makes every task, and they run one after another, oldest first', async () => {
    const { id } = await create({ overlap: 'queue_all' })
    await stack.stub.set({ slow: 'held' })
    for (const hours of [1, 2, 3]) await fireAfter(hours * HOUR)
    expect(await ledger(id)).toEqual(['started', 'started', 'started'])
    await areAll(id, 'running', 'pending', 'pending')
    for (const over of [1, 2]) {
      await until(
        async () => stack.stub.inFlight,
        (n) => n === 1,
      )
      stack.stub.release()
      await areAll(id, ...['completed', 'completed', 'running', 'pending'].slice(2 - over, 5 - over))
    }
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    stack.stub.release()
    await areAll(id, 'completed', 'completed', 'completed')
    expect((await runsOf(id)).map((task) => task.scheduled_for!.getTime())).toEqual(
      (await runsOf(id)).map((task) => task.scheduled_for!.getTime()).sort(),
    )
  })

  it('queue_one lets one wait, and skips the due times meanwhile', async () => {
    const { id } = await create({ overlap: 'queue_one' })
    await stack.stub.set({ slow: 'held' })
    for (const hours of [1, 2, 3]) await fireAfter(hours * HOUR)
    expect(await ledger(id)).toEqual(['started', 'started', 'skipped overlap'])
    await areAll(id, 'running', 'pending')
    await stack.stub.set({ slow: null })
    stack.stub.release()
    await areAll(id, 'completed', 'completed')
    await fireAfter(4 * HOUR)
    expect((await ledger(id)).at(-1)).toBe('started')
  })

  it('cancel_previous stops the call that is under way, and then runs the next', async () => {
    const { id } = await create({ overlap: 'cancel_previous' })
    await stack.stub.set({ slow: 'held' })
    await fireAfter(HOUR)
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 1,
    )
    await stack.stub.set({ slow: null })
    await fireAfter(2 * HOUR)
    await areAll(id, 'cancelled', 'completed')
    expect(await ledger(id)).toEqual(['started', 'started'])
    const [first] = await runsOf(id)
    expect((await tasks.logs(first!.id, PAGE)).items.map((event) => event.message)).toContainEqual(
      expect.stringContaining('cancel_previous'),
    )
    expect(await schedules.get(id)).toMatchObject({ run_count: 2, consecutive_failures: 0 })
  })

  it('cancel_previous ends tasks that have not begun at once, also those of the same decision', async () => {
    await stack.stub.set({ slow: 'held' })
    const { id } = await create({ overlap: 'cancel_previous', schedule_expr: '20s' })
    const blocker = await schedules.run(id) // what the plan makes waits for it
    await until(
      () => tasks.get(blocker.id),
      (task) => task.status === 'running',
    )
    await fireAfter(20 * SECOND)
    await fireAfter(60 * SECOND)
    const plan = async () => (await runsOf(id)).filter((task) => task.trigger === 'schedule').map((task) => task.status)
    expect(await plan()).toEqual(['cancelled', 'cancelled', 'pending'])
    expect((await tasks.get(blocker.id)).cancel_requested_at).toBeNull()
    await stack.stub.set({ slow: null })
    stack.stub.release()
    await until(plan, (seen) => seen.join() === 'cancelled,cancelled,completed')
    expect((await tasks.get(blocker.id)).status).toBe('completed')
  })

  it('allow runs them side by side', async () => {
    const { id } = await create({ overlap: 'allow' })
    await stack.stub.set({ slow: 'held' })
    for (const hours of [1, 2]) await fireAfter(hours * HOUR)
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 2,
    )
    expect(await ledger(id)).toEqual(['started', 'started'])
  })

  it('a manual run counts as a run before, and itself starts beside any other', async () => {
    const [queue, skip] = [await create({ overlap: 'queue_one' }), await create({ overlap: 'skip' })]
    await stack.stub.set({ slow: 'held' })
    const byHand = [await schedules.run(queue.id), await schedules.run(skip.id)]
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 2,
    )
    await fireAfter(HOUR)
    expect([await ledger(queue.id), await ledger(skip.id)]).toEqual([['started'], ['skipped overlap']])
    byHand.push(await schedules.run(queue.id))
    await until(
      async () => stack.stub.inFlight,
      (n) => n === 3,
    )
    const waiting = (await runsOf(queue.id)).find((task) => task.trigger === 'schedule')!
    expect(waiting.status).toBe('pending')
    await stack.stub.set({ slow: null })
    stack.stub.release()
    await until(
      () => tasks.get(waiting.id),
      (task) => task.status === 'completed',
    )
    for (const { id } of byHand) expect((await tasks.get(id)).status).toBe('completed')
  })
})

describe('after an outage', () => {
  it('all runs what was due, oldest first, and what is older than catchup_window is missed', async () => {
    const whole = await create({ misfire: 'all', overlap: 'queue_all' })
    const recent = await create({ misfire: 'all', overlap: 'allow', catchup_window: 7200 + 1800 })
    await fireAfter(5 * HOUR + 20 * MINUTE)
    expect(await ledger(whole.id)).toEqual(Array(5).fill('started'))
    expect(await ledger(recent.id)).toEqual(['missed misfire 2', 'started', 'started', 'started'])
    await areAll(whole.id, ...Array<string>(5).fill('completed'))
    const begun = (await runsOf(whole.id)).map((task) => task.started_at!.getTime())
    expect(begun).toEqual([...begun].sort((a, b) => a - b))
  })

  it('skip runs nothing that is late, and last the newest unless it is too old', async () => {
    const [skip, last, old] = [await create({ misfire: 'skip' }), await create(), await create({ catchup_window: 60 })]
    await fireAfter(3 * HOUR + 20 * MINUTE)
    expect(await ledger(skip.id)).toEqual(['missed misfire 3'])
    expect(await ledger(last.id)).toEqual(['missed misfire 2', 'started'])
    expect(await ledger(old.id)).toEqual(['missed misfire 3'])
  })
})

describe('jitter', () => {
  /** One whose first due time happens to start minutes later. */
  const jittered = async (fields: Fields = {}) => {
    for (;;) {
      const schedule = await create({ jitter: 3000, ...fields })
      const offset = schedule.next_run_at!.getTime() - schedule.next_due_at!.getTime()
      if (offset > 5 * MINUTE) return { ...schedule, offset }
      await schedules.remove(schedule.id)
    }
  }

  it('starts a due time later, as the schedule shows beforehand, and wakes a worker for the start', async () => {
    const schedule = await jittered()
    expect(schedule.offset).toBeLessThanOrEqual(3000 * SECOND)
    const armed = async () =>
      (await stack.db.sql.query('SELECT FROM spark_agenda.agenda_jobs WHERE next_run_at = $1', [schedule.next_run_at]))
        .rowCount
    await until(armed, (n) => n === 1)
    await fireAfter(HOUR)
    expect(await ledger(schedule.id)).toEqual([])
    await fireAfter(HOUR + schedule.offset)
    const [row] = (await schedules.occurrences(schedule.id, PAGE)).items
    expect(row).toMatchObject({ scheduled_for: schedule.next_due_at, decision: 'started' })
    const next = await schedules.get(schedule.id)
    expect(next.next_due_at!.getTime() - schedule.next_due_at!.getTime()).toBe(HOUR)
    await until(
      async () =>
        (await stack.db.sql.query('SELECT FROM spark_agenda.agenda_jobs WHERE next_run_at = $1', [next.next_run_at]))
          .rowCount,
      (n) => n === 1,
    )
  })

  it('a due time whose start lies ahead is superseded by an edit that moves times, and kept by any other', async () => {
    const schedule = await jittered()
    await moveClock(stack, HOUR + SECOND)
    expect(await schedules.update(schedule.id, { name: 'renamed', overlap: 'allow' })).toMatchObject({
      next_due_at: schedule.next_due_at,
      next_run_at: schedule.next_run_at,
    })
    expect(await ledger(schedule.id)).toEqual([])
    const plain = await schedules.update(schedule.id, { jitter: 0 })
    expect(await ledger(schedule.id)).toEqual(['superseded edited'])
    expect(plain.next_due_at!.getTime() - schedule.next_due_at!.getTime()).toBe(HOUR)
    expect(plain.next_run_at).toEqual(plain.next_due_at)
  })

  it('a due time whose start lies ahead is recorded as paused when the schedule is paused in between', async () => {
    const schedule = await jittered()
    await moveClock(stack, HOUR + SECOND)
    await schedules.disable(schedule.id, null)
    const enabled = await schedules.enable(schedule.id)
    expect(await ledger(schedule.id)).toEqual(['skipped paused'])
    expect(enabled.next_due_at!.getTime() - schedule.next_due_at!.getTime()).toBe(HOUR)
  })

  it('a due time of a suspended source stays undecided, and an edit that moves times supersedes it', async () => {
    const schedule = await jittered()
    const { source } = await stack.sync()
    await stack.engine.sources.update(source.id, { status: 'inactive' })
    await fireAfter(2 * HOUR)
    expect(await ledger(schedule.id)).toEqual([])
    await schedules.update(schedule.id, { jitter: 1 })
    expect(await ledger(schedule.id)).toEqual(['superseded edited 2'])
    await stack.engine.sources.update(source.id, { status: 'active' })
  })
})

describe('options', () => {
  const options = { overlap: 'queue_all', misfire: 'all', catchup_window: 600, jitter: 30 } as const

  it('are kept by PATCH, and set back to their defaults by PUT', async () => {
    const schedule = await create(options)
    expect(schedule).toMatchObject(options)
    expect(await schedules.update(schedule.id, { name: 'kept', jitter: 60 })).toMatchObject({
      ...options,
      jitter: 60,
      name: 'kept',
    })
    const { workflow_id: _, schedule_type: __, schedule_expr: ___, ...rest } = newSchedule({ workflow_id })
    expect(await schedules.replace(schedule.id, rest)).toMatchObject({
      overlap: 'skip',
      misfire: 'last',
      catchup_window: 86_400,
      jitter: 0,
      schedule_expr: '1h',
    })
  })

  it('have a catch-up window of seven days for one time, also when the type is changed', async () => {
    const schedule = await create()
    expect(schedule.catchup_window).toBe(86_400)
    const at = new Date(stack.clock.now().getTime() + HOUR).toISOString()
    expect((await schedules.update(schedule.id, { schedule_type: 'one-time', schedule_expr: at })).catchup_window).toBe(
      604_800,
    )
  })

  it('that do not go together are refused, when they are created and when one of them is changed', async () => {
    await expect(create({ misfire: 'all' })).rejects.toThrow(
      /^misfire: .*set overlap to "queue_all" or "allow", or misfire to "last"/,
    )
    await expect(create({ jitter: 3600 })).rejects.toThrow(
      /^jitter: .*shorter than the interval "1h": write at most 3599/,
    )
    const schedule = await create(options)
    await expect(schedules.update(schedule.id, { overlap: 'skip' })).rejects.toThrow(/^misfire: /)
    await expect(schedules.update(schedule.id, { schedule_expr: '30s' })).rejects.toThrow(/^jitter: .*at most 29/)
    await expect(
      schedules.replace(schedule.id, { ...newSchedule({ workflow_id }), schedule_expr: '1h', misfire: 'all' }),
    ).rejects.toThrow(/^misfire: /)
    expect(await schedules.get(schedule.id)).toMatchObject(options)
  })
})
