import { HOUR, MINUTE, SECOND } from '@automagik-spark/core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clear, moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const stack = useStack()
let workflow_id: string
let source_id: string
beforeAll(async () => {
  const { workflow, source } = await stack.sync()
  workflow_id = workflow.id
  source_id = source.id
})
afterEach(async () => {
  await clear(stack, 'schedules', 'tasks')
  await moveClock(stack, 0)
})

type Fields = Partial<Parameters<typeof newSchedule>[0]>
/** Every ten minutes from eight hours ago on, made now: nothing of it is in the ledger. */
const create = (fields: Fields = {}) => {
  const start_at = new Date(Math.floor(stack.clock.now().getTime() / HOUR) * HOUR - 8 * HOUR)
  return stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m', start_at, ...fields }))
}
const after = (base: Date, ms: number) => new Date(base.getTime() + ms)
const backfill = (id: string, from: Date, to: Date, dry_run = false) =>
  stack.engine.schedules.backfill(id, { from, to, dry_run })
/** Oldest first: minutes after `base`, and what the row says. */
const ledger = async (id: string, base: Date) =>
  (await stack.engine.schedules.occurrences(id, PAGE)).items.reverse().map((row) => {
    const minutes = (at: Date) => (at.getTime() - base.getTime()) / MINUTE
    return `${minutes(row.scheduled_for)}${row.until ? `–${minutes(row.until)}` : ''} ${row.decision}${row.reason ? ` ${row.reason}` : ''}${row.count > 1 ? ` ${row.count}` : ''}`
  })
const tasksOf = async (schedule_id: string) => (await stack.engine.tasks.list({ ...PAGE, schedule_id })).items.reverse()

describe('a backfill', () => {
  it('runs due times that were not decided, oldest first, with the values that the schedule has today', async () => {
    const { id, start_at, run_count, next_due_at } = await create({ input_value: 'then', max_runs: 3, timeout: 7 })
    const answer = await backfill(id, after(start_at!, 10 * MINUTE), after(start_at!, 40 * MINUTE))
    expect(answer).toMatchObject({ dry_run: false, count: 3, already_started: 0, undecided: null })
    expect(answer.due_times.map(({ was, reason }) => [was, reason])).toEqual(Array(3).fill([null, null]))
    const tasks = await tasksOf(id)
    expect(tasks.map((task) => task.id)).toEqual(answer.due_times.map((due) => due.task_id))
    expect(tasks.map((task) => task.scheduled_for)).toEqual(
      [10, 20, 30].map((minutes) => after(start_at!, minutes * MINUTE)),
    )
    for (const task of tasks)
      expect(task).toMatchObject({
        trigger: 'backfill',
        status: 'pending',
        input_data: { value: 'then' },
        timeout: 7,
        max_retries: 3,
      })
    expect(await ledger(id, start_at!)).toEqual(['10 started backfill', '20 started backfill', '30 started backfill'])
    expect(await stack.engine.schedules.get(id)).toMatchObject({
      status: 'active',
      run_count,
      next_due_at,
      last_run_at: null,
    })
    expect((await stack.engine.tasks.logs(tasks[0]!.id, PAGE)).items[0]!.message).toContain(
      'created by a backfill of its schedule for ',
    )
  })

  it('splits the span that it takes due times out of, and takes the row of a single one', async () => {
    const { id } = await create()
    await stack.engine.schedules.disable(id, null)
    const base = new Date(Math.floor(stack.clock.now().getTime() / HOUR) * HOUR + HOUR)
    await moveClock(stack, base.getTime() + 2 * HOUR + 2 * MINUTE - Date.now())
    await stack.engine.schedules.enable(id)
    const [paused] = (await stack.engine.schedules.occurrences(id, PAGE)).items
    expect(paused).toMatchObject({ reason: 'paused', until: after(base, 2 * HOUR) })
    const answer = await backfill(id, after(base, 20 * MINUTE), after(base, 40 * MINUTE))
    expect(answer.due_times.map(({ was, reason }) => [was, reason])).toEqual(Array(2).fill(['skipped', 'paused']))
    const before = (base.getTime() - paused!.scheduled_for.getTime()) / MINUTE / 10
    const rows = await ledger(id, base)
    expect(rows).toEqual(
      [
        `${-before * 10}–10 skipped paused ${before + 2}`,
        '20 started backfill',
        '30 started backfill',
        '40–120 skipped paused 9',
      ].map((row) => row.replace('-0–', '0–')),
    )
    await backfill(id, after(base, 110 * MINUTE), after(base, 121 * MINUTE))
    await backfill(id, after(base, 40 * MINUTE), after(base, 100 * MINUTE))
    expect((await ledger(id, base)).slice(3)).toEqual([
      ...[40, 50, 60, 70, 80, 90].map((minutes) => `${minutes} started backfill`),
      '100 skipped paused',
      '110 started backfill',
      '120 started backfill',
    ])
    const pieces = (await stack.engine.schedules.occurrences(id, PAGE)).items.filter((row) => row.reason === 'paused')
    for (const piece of pieces) expect(piece.decided_at).toEqual(paused!.decided_at)
    await backfill(id, after(base, 100 * MINUTE), after(base, 101 * MINUTE))
    expect((await ledger(id, base)).at(-3)).toBe('100 started backfill')
  })

  it('counts what is left of a span by the plan that it was written under', async () => {
    const { id } = await create()
    await stack.engine.schedules.disable(id, null)
    const base = new Date(Math.floor(stack.clock.now().getTime() / HOUR) * HOUR + HOUR)
    await moveClock(stack, base.getTime() + 2 * HOUR + 5 * MINUTE - Date.now())
    await stack.engine.schedules.update(id, { schedule_expr: '15m' })
    await backfill(id, after(base, 30 * MINUTE), after(base, 90 * MINUTE))
    const rows = await ledger(id, base)
    expect(rows.slice(1)).toEqual([
      '30 started backfill',
      '40 skipped paused',
      '45 started backfill',
      '50 skipped paused',
      '60 started backfill',
      '70 skipped paused',
      '75 started backfill',
      '80–120 skipped paused 5',
    ])
    expect(rows[0]).toMatch(/–20 skipped paused/)
  })

  it('starts nothing twice, whether repeated or at the same time', async () => {
    const { id, start_at } = await create()
    const [from, to] = [start_at!, after(start_at!, HOUR)]
    const answers = await Promise.all(Array.from({ length: 6 }, () => backfill(id, from, to)))
    expect(answers.map((answer) => answer.count).sort()).toEqual([0, 0, 0, 0, 0, 6])
    expect(answers.map((answer) => answer.already_started).sort()).toEqual([0, 6, 6, 6, 6, 6])
    expect(await tasksOf(id)).toHaveLength(6)
    await stack.engine.tasks.remove((await tasksOf(id))[0]!.id) // the due time did start
    expect(await backfill(id, from, after(to, 10 * MINUTE))).toMatchObject({ count: 1, already_started: 6 })
  })

  it('leaves what the schedule has yet to decide, and says which: after a pause, the pause', async () => {
    const { id } = await create()
    const base = new Date(Math.floor(stack.clock.now().getTime() / HOUR) * HOUR)
    await stack.engine.schedules.disable(id, null)
    await moveClock(stack, base.getTime() + 3 * HOUR - Date.now())
    const answer = await backfill(id, after(base, -HOUR), after(base, 3 * HOUR))
    const pausedAt = answer.undecided!.scheduled_for
    expect(answer.due_times.every((due) => due.scheduled_for < pausedAt)).toBe(true)
    expect(answer.count + answer.undecided!.count).toBe(24)
    await stack.engine.schedules.enable(id)
    expect((await ledger(id, pausedAt)).at(-1)).toMatch(/^0–\d+ skipped paused/)
    expect(await backfill(id, after(base, -HOUR), after(base, 3 * HOUR))).toMatchObject({
      already_started: answer.count,
      count: answer.undecided!.count,
      undecided: null,
    })
  })

  it('in a dry run says what would start, and changes nothing', async () => {
    const { id, start_at } = await create()
    const [from, to] = [start_at!, after(start_at!, 20 * MINUTE)]
    expect(await backfill(id, from, to, true)).toEqual({
      dry_run: true,
      count: 2,
      already_started: 0,
      undecided: null,
      due_times: [0, 10].map((minutes) => ({
        scheduled_for: after(start_at!, minutes * MINUTE),
        task_id: null,
        was: null,
        reason: null,
      })),
    })
    expect(await ledger(id, from)).toEqual([])
    expect(await tasksOf(id)).toEqual([])
  })

  it('refuses what it cannot do, and then does nothing', async () => {
    const { id, start_at } = await create({ schedule_expr: '1s' })
    const now = stack.clock.now()
    await expect(backfill(id, start_at!, after(start_at!, 1001 * SECOND))).rejects.toThrow(
      /^to: the span has more than 1000 due times to run: write ".*" or an earlier time/,
    )
    await expect(backfill(id, now, start_at!)).rejects.toThrow(/^to: must be later than from/)
    await expect(backfill(id, start_at!, after(now, HOUR))).rejects.toThrow(/^to: lies in the future/)
    await expect(backfill('00000000-0000-7000-8000-000000000000', start_at!, now)).rejects.toThrow('Schedule not found')
    await stack.engine.sources.update(source_id, { status: 'inactive' })
    await expect(backfill(id, start_at!, after(start_at!, 10 * SECOND))).rejects.toThrow(
      /inactive: make it active before you backfill/,
    )
    expect((await backfill(id, start_at!, after(start_at!, 10 * SECOND), true)).count).toBe(10)
    await stack.engine.sources.update(source_id, { status: 'active' })
    expect(await tasksOf(id)).toEqual([])
    expect((await backfill(id, start_at!, after(start_at!, 1000 * SECOND))).count).toBe(1000)
  })
})

it('the runs of a backfill go one at a time, beside the live ones, which they neither delay nor skip', async () => {
  const worker = await stack.addWorker({ fallback: false })
  await stack.stub.set({ slow: 'held' })
  const { id, start_at, next_due_at } = await create()
  await backfill(id, start_at!, after(start_at!, 20 * MINUTE))
  await backfill(id, after(start_at!, 20 * MINUTE), after(start_at!, 30 * MINUTE))
  await until(
    async () => stack.stub.inFlight,
    (n) => n === 1,
  )
  await moveClock(stack, next_due_at!.getTime() + SECOND - Date.now())
  await worker.fire()
  await until(
    async () => stack.stub.inFlight,
    (n) => n === 2,
  )
  expect((await tasksOf(id)).map((task) => `${task.trigger} ${task.status}`)).toEqual([
    'backfill running',
    'backfill pending',
    'backfill pending',
    'schedule running',
  ])
  await stack.stub.set({ slow: null })
  stack.stub.release()
  await until(
    () => tasksOf(id),
    (tasks) => tasks.every((task) => task.status === 'completed'),
  )
  const ends = (await tasksOf(id))
    .filter((task) => task.trigger === 'backfill')
    .map((task) => [task.started_at!.getTime(), task.finished_at!.getTime()] as const)
  for (const [index, [startedAt]] of ends.entries())
    if (index > 0) expect(startedAt).toBeGreaterThanOrEqual(ends[index - 1]![1])
  expect(await stack.engine.schedules.get(id)).toMatchObject({ run_count: 1 })
})
