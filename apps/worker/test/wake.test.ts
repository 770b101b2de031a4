import { freshDatabase } from '@automagik-spark/db/testing'
import { requireMongo } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }

const mongoDatabase = await freshDatabase(inject('postgresUrl'))
/** Null where no server of MongoDB can be had; in CI that fails. */
const mongo = await requireMongo({
  ci: process.env.CI !== undefined,
  mongodbUri: process.env.MONGODB_URI,
  postgresUrl: mongoDatabase.url,
})
afterAll(async () => {
  await mongo?.close()
  await mongoDatabase.drop()
})

/** Second timers, the reconciler and spark_due are off: only Agenda's wake-ups start a run or a retry here. */
describe.each([
  ['postgres', undefined],
  ['mongodb', mongo?.uri],
] as const)('woken by Agenda alone, in %s', (backend, mongodbUri) => {
  const stack = useStack({ mongodbUri, random: () => 0 })
  let workflow_id: string
  beforeAll(async () => {
    workflow_id = (await stack.sync()).workflow.id
    await stack.addWorker({ fallback: false })
  })

  it.skipIf(backend === 'mongodb' && !mongodbUri)('starts every due time of an interval, once each', async () => {
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '2s', overlap: 'allow', max_runs: 4, input_value: 'tick' }),
    )
    await until(
      () => stack.engine.schedules.get(schedule.id),
      (seen) => seen.status === 'completed',
      30_000,
    )
    const rows = (await stack.engine.schedules.occurrences(schedule.id, PAGE)).items.reverse()
    expect(rows.map((row) => row.decision)).toEqual(['started', 'started', 'started', 'started'])
    rows.forEach((row, i) => expect(row.scheduled_for.getTime()).toBe(schedule.next_due_at!.getTime() + i * 2000))
    await until(
      () => stack.engine.tasks.list({ ...PAGE, schedule_id: schedule.id, status: 'completed' }),
      (page) => page.total === 4,
    )
    expect(stack.stub.calls.filter((call) => call.input_value === 'tick')).toHaveLength(4)
  })

  it.skipIf(backend === 'mongodb' && !mongodbUri)(
    'starts a one-time schedule for now, and one for a second that is coming',
    async () => {
      const now = await stack.engine.schedules.create(
        newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now' }),
      )
      const soon = await stack.engine.schedules.create(
        newSchedule({
          workflow_id,
          schedule_type: 'one-time',
          schedule_expr: new Date(Date.now() + 3000).toISOString(),
        }),
      )
      for (const { id, next_due_at } of [now, soon]) {
        await until(
          () => stack.engine.schedules.get(id),
          (seen) => seen.status === 'completed',
        )
        const [task] = (await stack.engine.tasks.list({ ...PAGE, schedule_id: id })).items
        expect(task!.scheduled_for).toEqual(next_due_at)
        expect(task!.created_at.getTime()).toBeGreaterThanOrEqual(next_due_at!.getTime())
      }
    },
  )

  it.skipIf(backend === 'mongodb' && !mongodbUri)('starts retries at their time', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 2 } })
    const inputs = ['one', 'two', 'three']
    const started = await Promise.all(
      inputs.map((input_value) =>
        stack.engine.workflows.run(workflow_id, { input_value, max_retries: 1 }, { wait: false }),
      ),
    )
    for (const { task } of started)
      await until(
        () => stack.engine.tasks.get(task.id),
        (seen) => seen.next_retry_at !== null,
      )
    await stack.stub.set({ busy: null })
    for (const { task } of started) {
      const ended = await until(
        () => stack.engine.tasks.get(task.id),
        (seen) => seen.status === 'completed' || seen.status === 'failed',
      )
      expect(ended).toMatchObject({ status: 'completed', tries: 2 })
    }
    expect(stack.stub.calls.filter((call) => inputs.includes(call.input_value as string))).toHaveLength(6)
  })

  it.skipIf(backend === 'mongodb' && !mongodbUri)(
    'starts many that are due in one second from one wake-up',
    async () => {
      const at = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3000).toISOString()
      const schedules = await Promise.all(
        Array.from({ length: 25 }, () =>
          stack.engine.schedules.create(newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: at })),
        ),
      )
      for (const { id } of schedules)
        await until(
          () => stack.engine.schedules.get(id),
          (seen) => seen.status === 'completed',
        )
      for (const { id } of schedules)
        expect((await stack.engine.tasks.list({ ...PAGE, schedule_id: id })).total).toBe(1)
    },
  )
})
