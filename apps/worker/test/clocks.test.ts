import { HOUR, MINUTE, SECOND } from '@automagik-spark/core'
import { startStatementProxy } from '@automagik-spark/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clear, moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const stack = useStack()
let workflow_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
})
afterEach(async () => {
  stack.stub.release()
  await stack.stopWorkers()
  stack.stub.clearSwitches()
  stack.stub.clearCalls()
  await clear(stack, 'schedules', 'tasks')
  await moveClock(stack, 0)
})

const create = (fields: Partial<Parameters<typeof newSchedule>[0]> = {}) =>
  stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m', ...fields }))
const ledger = async (id: string) =>
  (await stack.engine.schedules.occurrences(id, PAGE)).items
    .reverse()
    .map(({ decision, reason, count }) => [decision, reason, count])

describe("when PostgreSQL's clock", () => {
  it('jumps an hour ahead, due times in between are missed as in an outage, and the newest runs', async () => {
    const { id } = await create()
    const worker = await stack.addWorker({ fallback: false })
    await moveClock(stack, 65 * MINUTE)
    await worker.fire()
    expect(
      await until(
        () => ledger(id),
        (rows) => rows.length > 0,
      ),
    ).toEqual([
      ['missed', 'misfire', 5],
      ['started', null, 1],
    ])
  })

  it('is set back an hour, nothing runs again, also after a pause and an edit, and schedules go on where they were', async () => {
    const { id } = await create({ overlap: 'allow' })
    const worker = await stack.addWorker({ fallback: false })
    await moveClock(stack, HOUR + 5 * MINUTE)
    await worker.fire()
    const rows = await until(
      () => ledger(id),
      (seen) => seen.length > 0,
    )
    const { next_due_at, run_count } = await stack.engine.schedules.get(id)

    await moveClock(stack, 5 * MINUTE)
    await worker.fire()
    await stack.engine.schedules.disable(id, null)
    expect(await stack.engine.schedules.enable(id)).toMatchObject({ next_due_at, run_count })
    await moveClock(stack, 45 * MINUTE)
    await worker.fire()
    expect(await ledger(id)).toEqual(rows)
    const faster = await stack.engine.schedules.update(id, { schedule_expr: '5m' })
    expect(faster.next_due_at!.getTime()).toBeGreaterThan(next_due_at!.getTime() - 10 * MINUTE) // beyond what is decided

    await moveClock(stack, HOUR + 11 * MINUTE)
    await worker.fire()
    const all = (await stack.engine.schedules.occurrences(id, PAGE)).items.flatMap((row) =>
      row.decision === 'started' ? [row.scheduled_for.getTime()] : [],
    )
    expect(all.length).toBe(run_count + 1)
    expect(new Set(all).size).toBe(all.length)
  })
})

it('two workers whose own clocks are 30 s apart start every due time once, and none early', async () => {
  const all = [
    await stack.addWorker({ clockAheadMs: 30 * SECOND }),
    await stack.addWorker({ clockAheadMs: -30 * SECOND }),
  ]
  expect(all).toHaveLength(2)
  const { id } = await create({ schedule_expr: '1s', overlap: 'allow', max_runs: 4 })
  await until(
    () => stack.engine.schedules.get(id),
    (seen) => seen.status === 'completed',
  )
  const tasks = await until(
    async () => (await stack.engine.tasks.list({ ...PAGE, schedule_id: id })).items,
    (items) => items.every((task) => task.status === 'completed'),
  )
  expect(tasks).toHaveLength(4)
  expect(new Set(tasks.map((task) => task.scheduled_for!.getTime())).size).toBe(4)
  for (const task of tasks) expect(task.created_at.getTime()).toBeGreaterThanOrEqual(task.scheduled_for!.getTime())
  expect(stack.stub.runs).toHaveLength(4)
})

it('a worker that stood still during its call for longer than its lease does not change what became of its task meanwhile', async () => {
  const proxy = await startStatementProxy(stack.url)
  const sleeper = await stack.addWorker({ through: proxy.url })
  await stack.stub.set({ slow: 'held' })
  const { id } = (await stack.engine.workflows.run(workflow_id, 'asleep', { wait: false })).task
  await until(
    async () => stack.stub.inFlight,
    (n) => n === 1,
  )
  const frozen = proxy.freezeAfter('lease_until = spark_now() + ') // its next heartbeat
  await frozen.seen
  await stack.addWorker()
  await until(
    () => stack.engine.tasks.get(id),
    (task) => task.error_code === 'outcome_unknown',
  )
  await stack.stub.set({ slow: null })
  await stack.engine.tasks.retry(id)
  const again = await until(
    () => stack.engine.tasks.get(id),
    (task) => task.status === 'completed',
  )
  expect(again.tries).toBe(2)

  frozen.release()
  stack.stub.release() // the first call is answered at last
  await until(
    () => stack.engine.tasks.logs(id, PAGE),
    (log) => log.items.some((event) => event.type === 'late_answer'),
  )
  expect(await stack.engine.tasks.get(id)).toEqual(again)
  await until(
    async () => sleeper.runner.count(),
    (n) => n === 0,
  )
  await proxy.close()
})
