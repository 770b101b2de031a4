import type { Task } from '@automagik-spark/core'
import { MINUTE, SECOND } from '@automagik-spark/core'
import { startChecksOnlyProxy } from '@automagik-spark/testing'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { clear, moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const KEY = 'sk-stack-test'
const stack = useStack({ random: () => 0 })
let workflow_id: string
let source_id: string
beforeAll(async () => {
  const { workflow, source } = await stack.sync()
  workflow_id = workflow.id
  source_id = source.id
})
afterEach(async () => {
  await stack.stub.set({ unreachable: false, key: KEY })
  stack.stub.clearSwitches()
  stack.stub.release()
  await clear(stack, 'schedules')
  await stack.stopWorkers()
  await stack.engine.sources.validate(source_id) // a test may leave it suspended
  await moveClock(stack, 0)
})

const source = () => stack.engine.sources.get(source_id)
const isOver = (task: Task) => task.status === 'completed' || task.status === 'failed' || task.status === 'cancelled'
const run = async (input_value: string) =>
  (await stack.engine.workflows.run(workflow_id, { input_value }, { wait: false })).task.id
const ended = (id: string) => until(() => stack.engine.tasks.get(id), isOver)
const calls = (input: string) => stack.stub.calls.filter((call) => call.input_value === input)
const ledger = async (id: string) => (await stack.engine.schedules.occurrences(id, PAGE)).items
const typesOf = async (id: string) => (await stack.engine.tasks.logs(id, PAGE)).items.map(({ type }) => type)
const rows = async <T>(text: string, ...values: unknown[]) => (await stack.db.sql.query<T>(text, values)).rows
/** Tasks as the plan of a schedule makes them. */
const plan = async (count: number, input: string, workflow = workflow_id, max_retries = 3) =>
  (
    await rows<{ id: string }>(
      `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, input, timeout, max_retries, ready_at, created_at, updated_at)
     SELECT gen_random_uuid(), w.id, w.source_id, 'pending', 'schedule', 1, to_json($2::text)::text, 60, $4, spark_now(), spark_now(), spark_now() FROM workflows w, generate_series(1, $3) WHERE w.id = $1 RETURNING id`,
      workflow,
      input,
      count,
      max_retries,
    )
  ).map(({ id }) => id)
/** One call that could not be sent, and the check after it. */
const bringDown = async () => {
  await stack.stub.set({ unreachable: true })
  const id = await run('down')
  expect(await ended(id)).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0 })
  return { id, source: await source() }
}

describe('a server that is gone', () => {
  it('is checked at the first call that could not be sent, shown as down, and gets no other call; the manual run fails with the reason', async () => {
    await stack.addWorker()
    const { version_info, updated_at } = await source()
    const { id, source: down } = await bringDown()
    expect(down).toMatchObject({
      status: 'active',
      health: 'down',
      health_reason: expect.stringContaining('refused') as string,
      updated_at,
    })
    expect(await typesOf(id)).toEqual(['created', 'handed_back', 'failed'])
    expect((await stack.engine.tasks.get(id)).error).toContain(stack.stub.url)
    expect(calls('down')).toEqual([])
    // A check by hand ends the suspension.
    await stack.stub.set({ unreachable: false })
    expect(await stack.engine.sources.validate(source_id)).toMatchObject({
      health: 'up',
      health_reason: null,
      version_info,
    })
    expect(await ended(await run('now'))).toMatchObject({ status: 'completed', tries: 1 })
  })

  it('lets a manual run wait for one check, which fails it or runs it', async () => {
    await stack.addWorker()
    await bringDown()
    const { task, finished } = await stack.engine.workflows.run(
      workflow_id,
      { input_value: 'too early' },
      { wait: true },
    )
    expect(finished).toBe(true)
    expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0 })
    expect(await typesOf(task.id)).toEqual(['created', 'failed'])
    await stack.stub.set({ unreachable: false })
    expect(await stack.engine.workflows.run(workflow_id, { input_value: 'in time' }, { wait: true })).toMatchObject({
      finished: true,
      task: { status: 'completed', tries: 1 },
    })
    expect(calls('too early')).toEqual([])
    expect(await source()).toMatchObject({ health: 'up' })
  })

  it('answers a hundred manual runs with at most one check a second', async () => {
    await stack.addWorker()
    await stack.stub.set({ key: 'another' }) // so that each check reaches the stub and fails
    await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    await rows(`UPDATE sources SET suspect_at = spark_now() WHERE id = $1`, source_id)
    await until(source, ({ health }) => health === 'down')
    const checksSeen = () =>
      stack.stub.calls.filter(({ path }) => path.startsWith('/api/v1/users/whoami')).map(({ at }) => at)
    const before = checksSeen().length
    const asked = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        stack.engine.workflows.run(workflow_id, { input_value: `held ${i}` }, { wait: true }),
      ),
    )
    expect(asked.filter(({ finished, task }) => finished && task.error_code === 'source_unreachable')).toHaveLength(100)
    const seen = checksSeen().slice(before)
    expect(seen.length).toBeGreaterThan(0)
    for (const [i, at] of seen.entries()) if (i > 0) expect(at - seen[i - 1]!).toBeGreaterThan(900)
  })

  it('costs no try of a task that a schedule made, however many calls could not be sent, and all tasks run when it is back', async () => {
    await stack.addWorker()
    await stack.addWorker()
    await stack.stub.set({ unreachable: true })
    const ids = await plan(30, 'waits')
    await until(source, ({ health }) => health === 'down')
    expect(
      (
        await rows<{ n: number }>(
          `SELECT count(*)::int AS n FROM tasks WHERE id = ANY ($1::uuid[]) AND status = 'pending' AND tries = 0`,
          ids,
        )
      )[0]!.n,
    ).toBe(30)
    await stack.stub.set({ unreachable: false })
    for (const id of ids) expect(await ended(id)).toMatchObject({ status: 'completed', tries: 1 })
    expect(calls('waits')).toHaveLength(30)
    expect(await source()).toMatchObject({ health: 'up', health_reason: null })
  })

  it('lets its due times wait while it is checked; when it is back they are decided, with the reason why they were missed', async () => {
    await stack.addWorker({ times: { checkMs: 1_000 } })
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '10m', input_value: 'planned' }),
    )
    await bringDown()
    await moveClock(stack, 35 * MINUTE)
    await until(
      async () => (await rows<{ n: number }>('SELECT check_failures AS n FROM sources WHERE id = $1', source_id))[0]!.n,
      (failures) => failures >= 3,
    )
    expect(await ledger(schedule.id)).toEqual([])
    await stack.stub.set({ unreachable: false })
    const seen = await until(
      () => ledger(schedule.id),
      (found) => found.length > 0,
    )
    expect(seen.map(({ decision, reason, count }) => ({ decision, reason, count }))).toEqual([
      { decision: 'started', reason: null, count: 1 },
      { decision: 'missed', reason: 'source_down', count: 2 },
    ])
    await ended(seen[0]!.task_id!)
    expect(await source()).toMatchObject({ health: 'up' })
  })

  it('fails a task that was suspended for longer than its catch-up window', async () => {
    await stack.addWorker()
    await stack.stub.set({ unreachable: true })
    const schedule = await stack.engine.schedules.create(
      newSchedule({
        workflow_id,
        schedule_type: 'one-time',
        schedule_expr: 'now',
        catchup_window: 3,
        input_value: 'too late',
      }),
    )
    const [row] = await until(
      () => ledger(schedule.id),
      (found) => found.length > 0,
    )
    expect(await ended(row!.task_id!)).toMatchObject({
      status: 'failed',
      error_code: 'source_unreachable',
      error: expect.stringContaining('catchup_window, 3 s') as string,
      tries: 0,
    })
    expect(await stack.engine.schedules.get(schedule.id)).toMatchObject({ consecutive_failures: 1 })
  })

  it('is found to be down by its health checks alone, before any call is made', async () => {
    await stack.addWorker({ times: { checkMs: 300 } })
    await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    await stack.stub.set({ key: 'another' })
    const { health_reason } = await until(source, ({ health }) => health === 'down')
    expect(health_reason).toContain('key')
    await stack.stub.set({ key: KEY })
    expect(await until(source, ({ health }) => health === 'up')).toMatchObject({ health_reason: null })
  })
})

describe('a server that is up by every check and takes no call', () => {
  it('fails its tasks after three calls that could not be sent for each try, instead of calling for ever', async () => {
    const proxy = await startChecksOnlyProxy(stack.stub.url)
    try {
      const behind = await stack.engine.sources.create({ url: proxy.url, api_key: KEY, max_concurrency: 40 })
      proxy.letNextIn()
      const synced = await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: proxy.url })
      if (!('workflow' in synced)) throw new Error('one flow was asked for')
      proxy.endNext()
      const [id] = await plan(1, 'never taken', synced.workflow.id, 1)
      await stack.addWorker()
      const task = await ended(id!)
      expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 2 })
      expect(proxy.ended()).toBe(6)
      expect(calls('never taken')).toEqual([])
      expect(await typesOf(id!)).toEqual([
        'created',
        'handed_back',
        'handed_back',
        'attempt_started',
        'attempt_failed',
        'handed_back',
        'handed_back',
        'attempt_started',
        'failed',
      ])
      expect(await stack.engine.sources.get(behind.id)).toMatchObject({ health: 'up' })
      await stack.engine.sources.remove(behind.id)
    } finally {
      await proxy.close()
    }
  })
})

describe('a server that is busy', () => {
  it('is not down because a health check takes too long, while it works on a call or has just ended one', async () => {
    await stack.addWorker({ times: { checkMs: 300 } })
    await stack.stub.set({ slow: 'held' })
    const id = await run('long')
    await until(
      async () => calls('long'),
      (made) => made.length === 1,
    )
    await stack.stub.set({ busy: { status: 503, retry_after: 60 } }, 'all')
    await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    const checked = async () =>
      (
        await rows<{ check_began_at: Date | null; failures: number }>(
          'SELECT check_began_at, check_failures AS failures FROM sources WHERE id = $1',
          source_id,
        )
      )[0]!
    const checks = async (count: number) => {
      const seen = new Set<number>()
      await until(
        checked,
        ({ check_began_at }) => check_began_at !== null && seen.add(check_began_at.getTime()).size > count,
      )
    }
    await rows('UPDATE sources SET suspect_at = spark_now() WHERE id = $1', source_id) // also not when a call could not be sent
    await checks(3)
    stack.stub.release()
    expect(await ended(id)).toMatchObject({ status: 'completed' })
    await checks(3)
    expect(await checked()).toMatchObject({ failures: 0 })
    expect((await source()).health).toBe('up')
    await rows(`UPDATE source_outcomes SET reached_at = spark_now() - interval '2 minutes'`)
    await until(source, ({ health }) => health === 'down')
  })
})

describe('woken by Agenda alone', () => {
  it('a server is checked again when its time has come, and what was due starts when it is back', async () => {
    const worker = await stack.addWorker({ fallback: false })
    await stack.stub.set({ unreachable: true })
    const [waiting] = await plan(1, 'sent in vain')
    worker.runner.pump()
    await until(source, ({ health }) => health === 'down')
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now', input_value: 'woken' }),
    )
    await stack.stub.set({ unreachable: false })
    const seen = await until(
      () => ledger(schedule.id),
      (found) => found.length > 0,
      30 * SECOND,
    )
    expect(seen).toMatchObject([{ decision: 'started' }])
    expect(await ended(seen[0]!.task_id!)).toMatchObject({ status: 'completed' })
    expect(await ended(waiting!)).toMatchObject({ status: 'completed', tries: 1 })
  })

  it('tasks of a source that was made inactive start when it is active again', async () => {
    await stack.addWorker({ fallback: false })
    await stack.engine.sources.update(source_id, { status: 'inactive' })
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now', input_value: 'switched' }),
    )
    await stack.engine.sources.update(source_id, { status: 'active' })
    const seen = await until(
      () => ledger(schedule.id),
      (found) => found.length > 0,
      30 * SECOND,
    )
    expect(await ended(seen[0]!.task_id!)).toMatchObject({ status: 'completed' })
  })
})
