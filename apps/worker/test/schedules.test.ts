import { DAY, HOUR, MINUTE, SECOND } from '@automagik-spark/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { clear, moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }

/** No worker here: the tests fire by hand, so that they control every moment. */
describe('schedules', () => {
  const stack = useStack()
  let workflow_id: string
  beforeAll(async () => {
    workflow_id = (await stack.sync()).workflow.id
  })

  const create = (fields: Partial<Parameters<typeof newSchedule>[0]> = {}) =>
    stack.engine.schedules.create(newSchedule({ workflow_id, ...fields }))
  const ledger = async (id: string) => (await stack.engine.schedules.occurrences(id, PAGE)).items

  it('has its first due time one interval after its creation, or at start_at', async () => {
    const plain = await create({ schedule_expr: '15m' })
    expect(
      Date.parse(plain.next_due_at!.toISOString()) - Math.floor(plain.created_at.getTime() / SECOND) * SECOND,
    ).toBe(15 * MINUTE)
    const start_at = new Date(Math.ceil(Date.now() / SECOND) * SECOND + HOUR)
    expect((await create({ schedule_expr: '15m', start_at })).next_due_at).toEqual(start_at)
    expect(plain).toMatchObject({
      status: 'active',
      run_count: 0,
      misfire: 'last',
      catchup_window: 86_400,
      overlap: 'skip',
      timezone: 'UTC',
    })
    expect(plain.description).not.toBe('')
  })

  it('refuses impossible values, and names the field', async () => {
    await expect(create({ schedule_type: 'cron', schedule_expr: '61 * * * *' })).rejects.toThrow(/^schedule_expr: /)
    await expect(create({ schedule_expr: '0m' })).rejects.toThrow(/^schedule_expr: /)
    await expect(create({ schedule_type: 'one-time', schedule_expr: '2020-01-01T00:00:00Z' })).rejects.toThrow(
      /^schedule_expr: .*past/,
    )
    await expect(create({ timezone: 'Mars/Olympus' })).rejects.toThrow(/^timezone: /)
    await expect(create({ end_at: new Date('2020-01-01T00:00:00Z') })).rejects.toThrow(/^end_at: /)
    await expect(create({ workflow_id: '00000000-0000-7000-8000-000000000000' })).rejects.toThrow('Workflow not found')
  })

  it('writes the due times of a pause as one row, and goes on in its phase', async () => {
    const schedule = await create({ schedule_expr: '10m' })
    await stack.engine.schedules.disable(schedule.id, 'holiday')
    await moveClock(stack, 65 * MINUTE)
    const enabled = await stack.engine.schedules.enable(schedule.id)
    expect(enabled).toMatchObject({ status: 'active', paused_reason: null })
    expect(await ledger(schedule.id)).toMatchObject([
      {
        scheduled_for: schedule.next_due_at,
        decision: 'skipped',
        reason: 'paused',
        count: 6,
        count_at_least: false,
        task_id: null,
      },
    ])
    expect((enabled.next_due_at!.getTime() - schedule.next_due_at!.getTime()) % (10 * MINUTE)).toBe(0)
    await moveClock(stack, 0)
  })

  it('keeps the phase in an edit of anything that moves no time, and starts anew after the second of one that does', async () => {
    const schedule = await create({ schedule_expr: '10m' })
    const renamed = await stack.engine.schedules.update(schedule.id, { name: 'renamed', overlap: 'allow' })
    expect(renamed).toMatchObject({ name: 'renamed', overlap: 'allow', next_due_at: schedule.next_due_at })
    const faster = await stack.engine.schedules.update(schedule.id, { schedule_expr: '2m' })
    const ahead = faster.next_due_at!.getTime() - faster.updated_at.getTime()
    expect(ahead).toBeGreaterThan(2 * MINUTE - SECOND)
    expect(ahead).toBeLessThanOrEqual(2 * MINUTE)
  })

  it('decides what is already due under the old version before an edit', async () => {
    const schedule = await create({ schedule_expr: '10m', input_value: 'old' })
    await moveClock(stack, 10 * MINUTE + 5 * SECOND)
    const edited = await stack.engine.schedules.update(schedule.id, { schedule_expr: '1h', input_value: 'new' })
    await moveClock(stack, 0)
    const [row, ...none] = await ledger(schedule.id)
    expect(none).toEqual([])
    expect(row).toMatchObject({ scheduled_for: schedule.next_due_at, decision: 'started' })
    expect((await stack.engine.tasks.get(row!.task_id!)).input_data).toEqual({ value: 'old' })
    expect(edited).toMatchObject({ run_count: 1, input_value: 'new' })
  })

  it('keeps workflow, type and expression in a PUT that leaves them out, and gives everything else its default', async () => {
    const schedule = await create({ schedule_expr: '10m', name: 'x', overlap: 'allow', input_value: 'y' })
    const { workflow_id: _, schedule_type: __, schedule_expr: ___, ...rest } = newSchedule({ workflow_id })
    const replaced = await stack.engine.schedules.replace(schedule.id, rest)
    expect(replaced).toMatchObject({
      workflow_id,
      schedule_type: 'interval',
      schedule_expr: '10m',
      name: null,
      overlap: 'skip',
      input_value: null,
      next_due_at: schedule.next_due_at,
    })
  })

  it('refuses to enable what is over', async () => {
    const schedule = await create({
      schedule_type: 'one-time',
      schedule_expr: new Date(Date.now() + HOUR).toISOString(),
    })
    await stack.engine.schedules.disable(schedule.id, null)
    await moveClock(stack, 2 * HOUR)
    await expect(stack.engine.schedules.enable(schedule.id)).rejects.toThrow(
      'The schedule is over and cannot be enabled',
    )
    await moveClock(stack, 0)
    expect((await stack.engine.schedules.enable(schedule.id)).next_due_at).toEqual(schedule.next_due_at)
  })

  it('lets its tasks stay, without it, when it is deleted, cancels the pending ones, and drops its ledger', async () => {
    const schedule = await create({ schedule_expr: '1h' })
    const task = await stack.engine.schedules.run(schedule.id)
    expect(task).toMatchObject({ status: 'pending', trigger: 'manual', schedule_id: schedule.id })
    await stack.engine.schedules.remove(schedule.id)
    expect(await stack.engine.tasks.get(task.id)).toMatchObject({ status: 'cancelled', schedule_id: null })
  })

  it('is listed in pages by cursor, each once', async () => {
    const first = await stack.engine.schedules.list({ limit: 3, offset: 0 })
    expect(first).toMatchObject({ has_more: true, limit: 3 })
    const second = await stack.engine.schedules.list({ limit: 100, offset: 0, cursor: first.next_cursor! })
    const ids = [...first.items, ...second.items].map((item) => item.id)
    expect(new Set(ids).size).toBe(first.total)
    expect(ids).toEqual([...ids].sort().reverse())
    await expect(stack.engine.schedules.list({ limit: 3, offset: 0, cursor: 'x' })).rejects.toThrow(/^cursor: /)
  })
})

describe('firing', () => {
  const stack = useStack()
  let workflow_id: string
  beforeAll(async () => {
    workflow_id = (await stack.sync()).workflow.id
    await stack.addWorker({ fallback: false }) // only what the test fires
  })
  const ledger = async (id: string) => (await stack.engine.schedules.occurrences(id, PAGE)).items

  it('runs the newest due time of an outage, and records the others', async () => {
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m' }))
    await moveClock(stack, 65 * MINUTE)
    const worker = await stack.addWorker({ fallback: false })
    await worker.fire()
    const rows = await until(
      () => ledger(schedule.id),
      (seen) => seen.length > 0,
    ) // a wake-up may have been faster, and not be through yet
    expect(rows.map(({ decision, reason, count }) => ({ decision, reason, count }))).toEqual([
      { decision: 'started', reason: null, count: 1 },
      { decision: 'missed', reason: 'misfire', count: 5 },
    ])
    await stack.engine.schedules.remove(schedule.id)
    await moveClock(stack, 0)
  })

  it('skips a due time while the run before is not over, and says so', async () => {
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1s', max_runs: 100, input_value: 'one at a time' }),
    )
    await stack.stub.set({ slow: 'held' })
    const worker = await stack.addWorker()
    await until(
      () => ledger(schedule.id),
      (rows) => rows.filter((row) => row.reason === 'overlap').length >= 2,
    )
    expect(stack.stub.calls.filter((call) => call.input_value === 'one at a time' && call.ended === null)).toHaveLength(
      1,
    )
    stack.stub.release()
    await stack.stub.set({ slow: null })
    await until(
      () => ledger(schedule.id),
      (rows) => rows.filter((row) => row.decision === 'started').length >= 2,
    )
    await stack.engine.schedules.remove(schedule.id)
    await stack.stopWorker(worker)
  })

  it('completes after max_runs', async () => {
    const worker = await stack.addWorker()
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1s', max_runs: 2, overlap: 'allow' }),
    )
    const over = await until(
      () => stack.engine.schedules.get(schedule.id),
      (seen) => seen.status === 'completed',
    )
    expect(over).toMatchObject({ run_count: 2, next_run_at: null, next_due_at: null })
    expect((await ledger(schedule.id)).filter((row) => row.decision === 'started')).toHaveLength(2)
    await stack.stopWorker(worker)
  })

  it('leaves the schedules of an inactive source undecided, and decides the span when it is back', async () => {
    const { source } = await stack.sync()
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m' }))
    const worker = await stack.addWorker({ fallback: false })
    await stack.engine.sources.update(source.id, { status: 'inactive' })
    await moveClock(stack, 35 * MINUTE)
    await worker.fire()
    expect(await ledger(schedule.id)).toEqual([])
    await stack.engine.sources.update(source.id, { status: 'active' })
    await worker.fire()
    expect(
      (
        await until(
          () => ledger(schedule.id),
          (seen) => seen.length > 0,
        )
      ).map(({ decision, reason, count }) => ({ decision, reason, count })),
    ).toEqual([
      { decision: 'started', reason: null, count: 1 },
      { decision: 'missed', reason: 'source_down', count: 2 },
    ])
    await stack.engine.schedules.remove(schedule.id)
    await moveClock(stack, 0)
  })

  it('pauses a schedule that cannot be decided, with the reason, and does not stop its batch', async () => {
    const [bad, good] = [
      await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' })),
      await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' })),
    ]
    await stack.db.sql.query(
      `UPDATE schedules SET schedule_expr = 'nonsense', next_run_at = spark_now() WHERE id = $1`,
      [bad.id],
    )
    await moveClock(stack, HOUR + SECOND)
    const worker = await stack.addWorker({ fallback: false })
    await worker.fire()
    expect(
      (
        await until(
          () => ledger(good.id),
          (seen) => seen.length > 0,
        )
      ).map((row) => row.decision),
    ).toEqual(['started'])
    const { rows } = await stack.db.sql.query('SELECT status, paused_reason FROM schedules WHERE id = $1', [bad.id])
    expect(rows).toEqual([{ status: 'paused', paused_reason: expect.stringContaining('nonsense') }])
    await moveClock(stack, 0)
    await clear(stack, 'schedules')
  })

  it('counts a long outage without enumerating it', async () => {
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1s' }))
    await moveClock(stack, 40 * DAY)
    const worker = await stack.addWorker({ fallback: false })
    await worker.fire()
    const [missed] = await until(
      async () => (await ledger(schedule.id)).filter((row) => row.decision === 'missed'),
      (seen) => seen.length > 0,
    )
    expect(missed).toMatchObject({ reason: 'misfire', count: 10_000, count_at_least: true })
    await stack.engine.schedules.remove(schedule.id)
    await moveClock(stack, 0)
  })
})
