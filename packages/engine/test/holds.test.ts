import { MINUTE, SECOND } from '@automagik-spark/core'
import type { Task } from '@automagik-spark/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningWorker } from '../src/run/worker.ts'
import { clear, moveClock, newSchedule, openStack, until } from './stack.ts'
import type { Stack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
let stack: Stack
let workflow_id: string
let source_id: string
beforeAll(async () => {
  stack = await openStack({ random: () => 0 })
  const { workflow, source } = await stack.sync()
  workflow_id = workflow.id
  source_id = source.id
})
const workers: RunningWorker[] = []
const addWorker = async (options: Parameters<Stack['addWorker']>[0] = {}) => {
  const worker = await stack.addWorker(options)
  workers.push(worker)
  return worker
}
afterEach(async () => {
  await stack.stub.set({ unreachable: false })
  stack.stub.clearSwitches()
  await clear(stack, 'schedules')
  for (const worker of workers.splice(0)) await stack.stopWorker(worker)
  await stack.engine.sources.validate(source_id) // whatever a test left, it is let go
  await moveClock(stack, 0)
})
afterAll(() => stack.close())

const source = () => stack.engine.sources.get(source_id)
const isOver = (task: Task) => task.status === 'completed' || task.status === 'failed' || task.status === 'cancelled'
const run = async (input_value: string) => (await stack.engine.workflows.run(workflow_id, { input_value }, { wait: false })).task.id
const ended = (id: string) => until(() => stack.engine.tasks.get(id), isOver)
const calls = (input: string) => stack.stub.calls.filter((call) => call.input_value === input)
const ledger = async (id: string) => (await stack.engine.schedules.occurrences(id, PAGE)).items
/** Five runs that nobody answers. */
const bringDown = async () => {
  await stack.stub.set({ unreachable: true })
  for (let i = 0; i < 5; i++) expect(await ended(await run(`down ${i}`))).toMatchObject({ status: 'failed', error_code: 'source_unreachable' })
  return until(source, ({ health }) => health === 'down')
}

describe('a server that is gone', () => {
  it('is shown as down after five calls, gets no further one, and whoever asks is told at once', async () => {
    await addWorker({ times: { breakerMs: MINUTE } })
    const { version_info, updated_at } = await source()
    expect(await bringDown()).toMatchObject({ status: 'active', health: 'down', health_reason: expect.stringContaining('refused') as string, updated_at })
    await stack.stub.set({ unreachable: false })
    const { task, finished } = await stack.engine.workflows.run(workflow_id, { input_value: 'too early' }, { wait: true })
    expect(finished).toBe(true)
    expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0 })
    expect(task.error).toContain(stack.stub.url)
    expect((await stack.engine.tasks.logs(task.id, PAGE)).items.map(({ type }) => type)).toEqual(['created', 'failed'])
    expect(calls('too early')).toEqual([])
    // Asking for it by hand lets it go.
    expect(await stack.engine.sources.validate(source_id)).toMatchObject({ health: 'up', health_reason: null, version_info })
    expect(await ended(await run('now'))).toMatchObject({ status: 'completed' })
  })

  it('is called again by one call when its time has come, and what waited follows', async () => {
    await addWorker({ times: { checkMs: 60 * MINUTE } })
    await bringDown()
    // Checked a moment ago, so that it is the call that finds out.
    await stack.db.sql.query(`UPDATE sources SET check_at = spark_now() + interval '1 hour'`)
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h', input_value: 'held' }))
    const waiting = await Promise.all([1, 2, 3].map(async () => (await stack.engine.schedules.run(schedule.id)).id))
    // By hand they would be turned away; as the plan's they wait.
    await stack.db.sql.query(`DELETE FROM tasks WHERE id = ANY ($1::uuid[])`, [waiting])
    const { rows } = await stack.db.sql.query<{ id: string }>(
      `INSERT INTO tasks (id, workflow_id, source_id, schedule_id, status, trigger, priority, input, timeout, max_retries, ready_at, created_at, updated_at)
       SELECT gen_random_uuid(), $1, $2, $3, 'pending', 'schedule', 1, '"held"', 60, 3, spark_now(), spark_now(), spark_now() FROM generate_series(1, 3) RETURNING id`,
      [workflow_id, source_id, schedule.id],
    )
    await stack.stub.set({ unreachable: false })
    for (const { id } of rows) expect(await ended(id)).toMatchObject({ status: 'completed' })
    expect(await source()).toMatchObject({ health: 'up', health_reason: null })
    expect(calls('held')).toHaveLength(3)
  })

  it('has its due times wait, and is asked how it is; when it is back they are decided and say why they were missed', async () => {
    await addWorker({ times: { checkMs: 1_000, breakerMs: 500 } })
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m', input_value: 'planned' }))
    await bringDown()
    await moveClock(stack, 35 * MINUTE)
    await until(async () => (await stack.db.sql.query<{ n: number }>('SELECT check_failures AS n FROM sources')).rows[0]!.n, (failures) => failures >= 3)
    expect(await ledger(schedule.id)).toEqual([])
    await stack.stub.set({ unreachable: false })
    const rows = await until(() => ledger(schedule.id), (seen) => seen.length > 0)
    expect(rows.map(({ decision, reason, count }) => ({ decision, reason, count }))).toEqual([
      { decision: 'started', reason: null, count: 1 },
      { decision: 'missed', reason: 'source_down', count: 2 },
    ])
    await ended(rows[0]!.task_id!)
    expect(await source()).toMatchObject({ health: 'up' })
  })

  it('is found to be down by its health checks alone, before any call is made', async () => {
    await addWorker({ times: { checkMs: 300 } })
    await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    await stack.stub.set({ key: 'another' })
    const { health_reason } = await until(source, ({ health }) => health === 'down')
    expect(health_reason).toContain('key')
    await stack.stub.set({ key: 'sk-stack-test' })
    expect(await until(source, ({ health }) => health === 'up')).toMatchObject({ health_reason: null })
  })
})

describe('a server that is busy', () => {
  it('is not down because it puts a health check off, while it has a call to work on or has just had one', async () => {
    await addWorker({ times: { checkMs: 300 } })
    await stack.stub.set({ slow: 'held' })
    const id = await run('long')
    await until(async () => calls('long'), (made) => made.length === 1)
    await stack.stub.set({ busy: { status: 503, retry_after: 60 } }, 'all')
    await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    const checked = async () => (await stack.db.sql.query<{ check_at: Date | null; failures: number }>('SELECT check_at, check_failures AS failures FROM sources')).rows[0]!
    const checks = async (count: number) => {
      const seen = new Set<number>()
      await until(checked, ({ check_at }) => check_at !== null && seen.add(check_at.getTime()).size > count)
    }
    await checks(3)
    stack.stub.release()
    expect(await ended(id)).toMatchObject({ status: 'completed' })
    await checks(3)
    expect(await checked()).toMatchObject({ failures: 0 })
    expect((await source()).health).toBe('up')
    await stack.db.sql.query(`UPDATE source_outcomes SET reached_at = spark_now() - interval '2 minutes'`)
    await until(source, ({ health }) => health === 'down')
  })
})

describe('woken by Agenda alone', () => {
  it('a server is called again when its time has come, and what was due starts when it is back', async () => {
    await addWorker({ nets: false, times: { checkMs: 2_000 } })
    await bringDown()
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now', input_value: 'woken' }))
    await stack.stub.set({ unreachable: false })
    const rows = await until(() => ledger(schedule.id), (seen) => seen.length > 0, 30 * SECOND)
    expect(rows).toMatchObject([{ decision: 'started' }])
    expect(await ended(rows[0]!.task_id!)).toMatchObject({ status: 'completed' })
  })

  it('what waited for a source that was switched off starts when it is switched on', async () => {
    await addWorker({ nets: false })
    await stack.engine.sources.update(source_id, { status: 'inactive' })
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now', input_value: 'switched' }))
    await stack.engine.sources.update(source_id, { status: 'active' })
    const rows = await until(() => ledger(schedule.id), (seen) => seen.length > 0, 30 * SECOND)
    expect(await ended(rows[0]!.task_id!)).toMatchObject({ status: 'completed' })
  })
})
