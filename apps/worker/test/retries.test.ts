import type { Task } from '@automagik-spark/core'
import { SECOND } from '@automagik-spark/core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const stack = useStack({ random: () => 0 }) // a retry comes at the next whole second
let workflow_id: string
let failing_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
  failing_id = (await stack.sync('fail')).workflow.id
  await stack.addWorker()
})
afterEach(() => stack.stub.set({ busy: null, reset: null, failing: null, slow: null, unreachable: false }))

const start = async (
  request: { input_value: string; max_retries?: number; retry_on?: Task['retry_on'] },
  id = workflow_id,
) => (await stack.engine.workflows.run(id, request, { wait: false })).task
const get = (id: string) => stack.engine.tasks.get(id)
const seen = (id: string, holds: (task: Task) => boolean) => until(() => get(id), holds)
const waits = (task: Task) => task.status === 'pending' && task.next_retry_at !== null
const isOver = (task: Task) => task.status === 'completed' || task.status === 'failed' || task.status === 'cancelled'
const log = async (id: string) => (await stack.engine.tasks.logs(id, PAGE)).items
const calls = (input: string) => stack.stub.calls.filter((call) => call.input_value === input)

describe('a run that may be tried again', () => {
  it('goes to a busy server again, not before the time that it asked for', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 2 } })
    const { id } = await start({ input_value: 'busy', max_retries: 2 })
    const waiting = await seen(id, waits)
    expect(waiting).toMatchObject({ tries: 1, error_code: 'source_busy', started_at: null, finished_at: null })
    expect(waiting.error).toContain('busy')
    await stack.stub.set({ busy: null })
    expect(await seen(id, isOver)).toMatchObject({
      status: 'completed',
      tries: 2,
      output_data: { result: 'busy' },
      error: null,
      error_code: null,
      next_retry_at: null,
    })
    expect(calls('busy')).toHaveLength(2)
    const events = await log(id)
    expect(events.map(({ type, try: n }) => [type, n])).toEqual([
      ['created', 0],
      ['attempt_started', 1],
      ['attempt_failed', 1],
      ['attempt_started', 2],
      ['completed', 2],
    ])
    expect(events[2]!.message).toContain(`Next try at ${waiting.next_retry_at!.toISOString().replace('.000', '')}`)
    const [, first, , second] = events
    expect(waiting.next_retry_at!.getTime() - first!.at.getTime()).toBeGreaterThanOrEqual(2 * SECOND)
    expect(second!.at.getTime()).toBeGreaterThanOrEqual(waiting.next_retry_at!.getTime())
  })

  it('goes again to a server that could not be reached', async () => {
    await stack.stub.set({ unreachable: true })
    const { id } = await start({ input_value: 'back', max_retries: 50 })
    expect(await seen(id, waits)).toMatchObject({ error_code: 'source_unreachable', tries: 0 })
    await stack.stub.set({ unreachable: false })
    expect((await seen(id, isOver)).status).toBe('completed')
    expect(calls('back')).toHaveLength(1)
  })

  it('ends as failed when its tries are used up', async () => {
    await stack.stub.set({ busy: { status: 429, retry_after: 0 } })
    const { id } = await start({ input_value: 'in vain', max_retries: 2 })
    expect(await seen(id, isOver)).toMatchObject({
      status: 'failed',
      tries: 3,
      error_code: 'source_busy',
      next_retry_at: null,
    })
    expect(calls('in vain')).toHaveLength(3)
    expect((await log(id)).map(({ type }) => type)).toEqual([
      'created',
      'attempt_started',
      'attempt_failed',
      'attempt_started',
      'attempt_failed',
      'attempt_started',
      'failed',
    ])
  })

  it('is tried once without retries, which is the default of a manual run', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 0 } })
    const { id } = await start({ input_value: 'once' })
    expect(await seen(id, isOver)).toMatchObject({ status: 'failed', tries: 1, max_retries: 0, retry_on: 'safe' })
  })

  it('of a failing flow is tried again with retry_on failure, and not with safe', async () => {
    const safe = await start({ input_value: 'x', max_retries: 2, retry_on: 'safe' }, failing_id)
    const failure = await start({ input_value: 'x', max_retries: 2, retry_on: 'failure' }, failing_id)
    expect(await seen(safe.id, isOver)).toMatchObject({ status: 'failed', tries: 1, error_code: 'flow_failed' })
    expect(await seen(failure.id, isOver)).toMatchObject({ status: 'failed', tries: 3, error_code: 'flow_failed' })
  })

  it('whose connection broke after the request is tried again with retry_on unknown, and not with failure', async () => {
    await stack.stub.set({ reset: true })
    const failure = await start({ input_value: 'may have run', max_retries: 2, retry_on: 'failure' })
    expect(await seen(failure.id, isOver)).toMatchObject({ status: 'failed', tries: 1, error_code: 'outcome_unknown' })
    const unknown = await start({ input_value: 'may run twice', max_retries: 2, retry_on: 'unknown' })
    expect(await seen(unknown.id, waits)).toMatchObject({ error_code: 'outcome_unknown' })
    await stack.stub.set({ reset: null })
    expect((await seen(unknown.id, isOver)).status).toBe('completed')
    expect(calls('may have run')).toHaveLength(1)
  })

  it('is not tried again when the server refuses it for good', async () => {
    await stack.stub.set({ failing: 422 })
    const { id } = await start({ input_value: 'refused', max_retries: 5, retry_on: 'unknown' })
    expect(await seen(id, isOver)).toMatchObject({ status: 'failed', tries: 1, error_code: 'bad_request' })
  })

  it('is waited for by its caller until the last try', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 2 } })
    const running = stack.engine.workflows.run(
      workflow_id,
      { input_value: 'waited for', max_retries: 3 },
      { wait: true },
    )
    await until(
      async () => calls('waited for'),
      (made) => made.length > 0,
    )
    await stack.stub.set({ busy: null })
    const { task, finished } = await running
    expect({ finished, status: task.status, tries: task.tries }).toEqual({
      finished: true,
      status: 'completed',
      tries: 2,
    })
  })

  it('is cancelled at once while it waits', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 600 } })
    const { id } = await start({ input_value: 'enough', max_retries: 3 })
    await seen(id, waits)
    const { task, done } = await stack.engine.tasks.cancel(id)
    expect(done).toBe(true)
    expect(task).toMatchObject({ status: 'cancelled', tries: 1, error: null, error_code: null, next_retry_at: null })
    expect((await log(id)).map(({ type, message }) => [type, message]).at(-1)).toEqual([
      'cancelled',
      'cancelled before it was tried again',
    ])
  })
})

describe('the runs of a schedule', () => {
  it('are tried again three times unless the schedule says otherwise, and count as a failure once', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 0 } })
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now', input_value: 'planned' }),
    )
    expect(schedule).toMatchObject({ max_retries: 3, retry_on: 'safe' })
    const tasks = await until(
      () => stack.engine.tasks.list({ ...PAGE, schedule_id: schedule.id }),
      (page) => page.items.some(isOver),
    )
    expect(tasks.items).toMatchObject([{ status: 'failed', tries: 4, max_retries: 3, retry_on: 'safe' }])
    expect((await stack.engine.schedules.get(schedule.id)).consecutive_failures).toBe(1)
  })

  it('keep the next one from starting while one waits for its next try', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 600 } })
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1s', input_value: 'stuck' }),
    )
    await until(
      async () => (await stack.engine.schedules.occurrences(schedule.id, PAGE)).items,
      (rows) => rows.filter((row) => row.reason === 'overlap').length >= 2,
    )
    expect((await stack.engine.tasks.list({ ...PAGE, schedule_id: schedule.id })).items).toMatchObject([
      { status: 'pending', tries: 1 },
    ])
    await stack.engine.schedules.remove(schedule.id)
    const [task] = (await stack.engine.tasks.list({ ...PAGE, workflow_id, status: 'cancelled' })).items
    expect(task).toMatchObject({ input_data: { value: 'stuck' }, next_retry_at: null, error: null })
  })

  it('have the options of their schedule, as it was when they were made', async () => {
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1h', max_retries: 7, retry_on: 'failure' }),
    )
    const before = await stack.engine.schedules.run(schedule.id)
    expect(await stack.engine.schedules.update(schedule.id, { max_retries: 0 })).toMatchObject({
      max_retries: 0,
      retry_on: 'failure',
      next_due_at: schedule.next_due_at,
    })
    const { workflow_id: _, schedule_type: __, schedule_expr: ___, ...defaults } = newSchedule({ workflow_id })
    expect(await stack.engine.schedules.replace(schedule.id, defaults)).toMatchObject({
      max_retries: 3,
      retry_on: 'safe',
    })
    expect(before).toMatchObject({ max_retries: 7, retry_on: 'failure' })
    await stack.engine.schedules.remove(schedule.id)
  })
})

describe('a worker that dies during a call', () => {
  it('has its task tried again with retry_on unknown, and ends it as unknown without', async () => {
    await stack.stub.set({ slow: 'held' })
    const tasks = [
      await start({ input_value: 'orphan', max_retries: 1, retry_on: 'unknown' }),
      await start({ input_value: 'lost', max_retries: 1, retry_on: 'safe' }),
    ]
    for (const { id } of tasks) {
      await seen(id, (task) => task.status === 'running')
      await until(
        () => stack.db.sql.query<{ phase: string }>('SELECT phase FROM tasks WHERE id = $1', [id]),
        ({ rows }) => rows[0]!.phase === 'calling',
      )
    }
    // As if their worker were dead: no heartbeat names these tokens.
    await stack.db.sql.query(
      `UPDATE tasks SET token = gen_random_uuid(), lease_until = spark_now() WHERE id = ANY ($1::uuid[])`,
      [tasks.map(({ id }) => id)],
    )
    expect(await seen(tasks[0]!.id, waits)).toMatchObject({ error_code: 'outcome_unknown', tries: 1 })
    expect(await seen(tasks[1]!.id, isOver)).toMatchObject({
      status: 'failed',
      error_code: 'outcome_unknown',
      tries: 1,
    })
    await stack.stub.set({ slow: null })
    stack.stub.release()
    expect(await seen(tasks[0]!.id, isOver)).toMatchObject({ status: 'completed', tries: 2 })
    expect(calls('orphan')).toHaveLength(2)
    expect(calls('lost')).toHaveLength(1)
  })
})

describe('retry', () => {
  it('runs a failed task again as the same task, with as many tries as before', async () => {
    await stack.stub.set({ busy: { status: 503, retry_after: 0 } })
    const { id } = await start({ input_value: 'by hand', max_retries: 1 })
    expect(await seen(id, isOver)).toMatchObject({ status: 'failed', tries: 2 })
    expect(await stack.engine.tasks.retry(id)).toMatchObject({ id })
    expect(await seen(id, (task) => isOver(task) && task.tries > 2)).toMatchObject({ status: 'failed', tries: 4 })
    await stack.stub.set({ busy: null })
    await stack.engine.tasks.retry(id)
    expect(await seen(id, (task) => isOver(task) && task.tries > 4)).toMatchObject({
      status: 'completed',
      tries: 5,
      output_data: { result: 'by hand' },
    })
    const types = (await log(id)).map(({ type }) => type)
    expect(types.filter((type) => type === 'failed')).toHaveLength(2)
    expect(types.filter((type) => type === 'retry_requested')).toHaveLength(2)
    expect(types.filter((type) => type === 'attempt_started')).toHaveLength(5)
    expect(types.at(-1)).toBe('completed')
  })

  it('runs a task whose outcome was unknown again, and says so in its log', async () => {
    await stack.stub.set({ reset: true })
    const { id } = await start({ input_value: 'unclear' })
    await seen(id, isOver)
    await stack.stub.set({ reset: null })
    await stack.engine.tasks.retry(id)
    expect(await seen(id, isOver)).toMatchObject({ status: 'completed', tries: 2 })
    expect((await log(id)).find(({ type }) => type === 'retry_requested')!.message).toContain('the flow may run twice')
  })

  it('refuses what is not failed or cancelled, what is not there, and an inactive source', async () => {
    const { id } = await start({ input_value: 'fine' })
    await seen(id, isOver)
    await expect(stack.engine.tasks.retry(id)).rejects.toThrow(
      'Task is completed: only a failed or cancelled one can be tried again',
    )
    await expect(stack.engine.tasks.retry('00000000-0000-7000-8000-000000000000')).rejects.toThrow('Task not found')
    const failed = await start({ input_value: 'x' }, failing_id)
    await seen(failed.id, isOver)
    const { source } = await stack.sync()
    await stack.engine.sources.update(source.id, { status: 'inactive' })
    await expect(stack.engine.tasks.retry(failed.id)).rejects.toThrow(`The source ${stack.stub.url} is inactive`)
    await expect(stack.engine.tasks.replay(failed.id, {})).rejects.toThrow(`The source ${stack.stub.url} is inactive`)
    await stack.engine.sources.update(source.id, { status: 'active' })
  })
})

describe('replay', () => {
  it('is a new task with the same input, or with another', async () => {
    const { id } = await start({ input_value: 'first', max_retries: 4, retry_on: 'failure' })
    await seen(id, isOver)
    const same = await stack.engine.tasks.replay(id, {})
    expect(same).toMatchObject({
      status: 'pending',
      trigger: 'replay',
      replay_of: id,
      input_data: { value: 'first' },
      max_retries: 4,
      retry_on: 'failure',
      tries: 0,
    })
    expect(await seen(same.id, isOver)).toMatchObject({ status: 'completed', output_data: { result: 'first' } })
    const other = await stack.engine.tasks.replay(id, { input_value: 'second' })
    expect(await seen(other.id, isOver)).toMatchObject({
      status: 'completed',
      output_data: { result: 'second' },
      replay_of: id,
    })
    expect((await log(other.id))[0]!.message).toBe(`created by hand, to replay task ${id}`)
    expect((await get(id)).output_data).toMatchObject({ result: 'first' })
    await expect(stack.engine.tasks.replay('00000000-0000-7000-8000-000000000000', {})).rejects.toThrow(
      'Task not found',
    )
  })
})
