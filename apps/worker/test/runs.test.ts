import { makeWaiters } from '@automagik-spark/engine/testing'
import { makeLogger } from '@automagik-spark/runtime'
import { beforeAll, describe, expect, it } from 'vitest'
import { newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 50, offset: 0 }
const stack = useStack()
let workflow_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
})

describe('a run without a worker', () => {
  it('is accepted and kept until one is there', async () => {
    const { task, finished } = await stack.engine.workflows.run(workflow_id, 'early', { wait: true })
    expect(finished).toBe(false)
    expect(task.status).toBe('pending')
    await stack.addWorker()
    await until(
      () => stack.engine.tasks.get(task.id),
      (seen) => seen.status === 'completed',
    )
  })
})

describe('a run', () => {
  it('is waited for and returns the text', async () => {
    const { task, finished } = await stack.engine.workflows.run(
      workflow_id,
      { input_value: 'Hi', session_id: 'mine' },
      { wait: true },
    )
    expect(finished).toBe(true)
    expect(task).toMatchObject({
      status: 'completed',
      tries: 1,
      input_data: { value: 'Hi' },
      output_data: { result: 'Hi' },
      error: null,
      error_code: null,
    })
    expect(stack.stub.calls.at(-1)).toMatchObject({ session_id: 'mine', input_value: 'Hi' })
  })

  it('has a log from its creation to its end', async () => {
    const { task } = await stack.engine.workflows.run(workflow_id, 'Hi', { wait: true })
    const log = await stack.engine.tasks.logs(task.id, PAGE)
    expect(log.items.map((event) => event.type)).toEqual(['created', 'attempt_started', 'completed'])
  })

  it('of a failing flow is failed with the reason', async () => {
    const { workflow } = await stack.sync('fail')
    const { task } = await stack.engine.workflows.run(workflow.id, 'Hi', { wait: true })
    expect(task).toMatchObject({ status: 'failed', error_code: 'flow_failed', output_data: null })
    expect(task.error).not.toBe('')
  })

  it('of an unknown workflow is a 404, and of an inactive source a 400', async () => {
    await expect(
      stack.engine.workflows.run('00000000-0000-7000-8000-000000000000', 'x', { wait: true }),
    ).rejects.toThrow('Workflow not found')
    const { source } = await stack.sync()
    await stack.engine.sources.update(source.id, { status: 'inactive' })
    await expect(stack.engine.workflows.run(workflow_id, 'x', { wait: true })).rejects.toThrow(
      `The source ${stack.stub.url} is inactive`,
    )
    await stack.engine.sources.update(source.id, { status: 'active' })
  })

  it('ends as outcome_unknown when the server breaks off after it got the request, and is not called again', async () => {
    await stack.stub.set({ reset: true })
    const before = stack.stub.calls.length
    const { task } = await stack.engine.workflows.run(workflow_id, 'Hi', { wait: true })
    await stack.stub.set({ reset: false })
    expect(task).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    expect(stack.stub.calls.length).toBe(before + 1)
  })

  it('ends as source_unreachable when nobody listens', async () => {
    await stack.stub.set({ unreachable: true })
    const { task } = await stack.engine.workflows.run(workflow_id, 'Hi', { wait: true })
    await stack.stub.set({ unreachable: false })
    expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable' })
    await stack.engine.sources.validate((await stack.sync()).source.id) // which ends its suspension
  })

  it('is returned as it is when the wait of its client is over, and goes on', async () => {
    await stack.stub.set({ slow: 'held' })
    const { task, finished, cut_short } = await stack.engine.workflows.run(workflow_id, 'Hi', {
      wait: true,
      wait_seconds: 1,
    })
    expect({ finished, cut_short, status: task.status }).toEqual({
      finished: false,
      cut_short: true,
      status: 'running',
    })
    stack.stub.release()
    await stack.stub.set({ slow: null })
    await until(
      () => stack.engine.tasks.get(task.id),
      (seen) => seen.status === 'completed',
    )
  })

  it('goes on when the client leaves, and can be fetched', async () => {
    await stack.stub.set({ slow: 300 })
    const leave = new AbortController()
    const running = stack.engine.workflows.run(workflow_id, 'Hi', { wait: true, signal: leave.signal })
    await until(
      async () => stack.stub.inFlight,
      (n) => n > 0,
    )
    leave.abort()
    const { task, finished } = await running
    await stack.stub.set({ slow: null })
    expect(finished).toBe(false)
    await until(
      () => stack.engine.tasks.get(task.id),
      (seen) => seen.status === 'completed',
    )
  })
})

describe('waiting for a task', () => {
  it('does not take it as deleted before it is inserted', async () => {
    const waiters = makeWaiters({ db: stack.db, logger: makeLogger({ level: 'silent', format: 'json' }), pollMs: 1 })
    let over = false
    const waiting = waiters.wait('00000000-0000-7000-8000-000000000001', 60_000)
    void waiting.over.then(() => (over = true))
    waiters.onUp()
    await stack.db.sql.query('SELECT pg_sleep(0.2)')
    expect(over).toBe(false)
    waiting.begun()
    expect(await waiting.over).toBeNull() // now that it is missing means that it was deleted
    waiters.close()
  })
})

describe('a sync', () => {
  it('of other components holds from the next run on', async () => {
    const { workflow } = await stack.sync('multi')
    const resultOf = async () =>
      (await stack.engine.workflows.run(workflow.id, 'Hi', { wait: true })).task.output_data as { result: string }
    const joined = (await resultOf()).result
    const graph = workflow.data as { nodes: { id: string }[] }
    const output_component = graph.nodes.map((node) => node.id).find((id) => id.startsWith('ChatOutput'))!
    await stack.engine.workflows.sync(stack.stub.flows.multi, { output_component })
    const chosen = (await resultOf()).result
    expect(chosen).not.toBe('')
    expect(chosen.length).toBeLessThan(joined.length)
  })
})

describe('cancel', () => {
  it('aborts a running call and ends the task as cancelled', async () => {
    await stack.stub.set({ slow: 'held' })
    const { task } = await stack.engine.workflows.run(workflow_id, 'Hi', { wait: false })
    await until(
      async () => stack.stub.inFlight,
      (n) => n > 0,
    )
    const { task: ended, done } = await stack.engine.tasks.cancel(task.id)
    expect(done).toBe(true)
    expect(ended).toMatchObject({ status: 'cancelled', output_data: null })
    expect(ended.cancel_requested_at).not.toBeNull()
    stack.stub.release()
    await stack.stub.set({ slow: null })
    await expect(stack.engine.tasks.cancel(task.id)).rejects.toThrow('Task is cancelled already')
    await until(
      async () => stack.stub.calls.at(-1)!.ended,
      (seen) => seen === 'client_left',
    )
  })

  it('ends a pending task at once', async () => {
    const { source } = await stack.sync()
    await stack.engine.sources.update(source.id, { max_concurrency: 1 })
    await stack.stub.set({ slow: 'held' })
    const { task: first } = await stack.engine.workflows.run(workflow_id, 'first', { wait: false })
    await until(
      () => stack.engine.tasks.get(first.id),
      (seen) => seen.status === 'running',
    )
    const { task: second } = await stack.engine.workflows.run(workflow_id, 'second', { wait: false })
    const { task, done } = await stack.engine.tasks.cancel(second.id)
    expect({ status: task.status, tries: task.tries, done }).toEqual({ status: 'cancelled', tries: 0, done: true })
    stack.stub.release()
    await stack.stub.set({ slow: null })
    await until(
      () => stack.engine.tasks.get(first.id),
      (seen) => seen.status === 'completed',
    )
    expect(stack.stub.calls.map((call) => call.input_value)).not.toContain('second')
    await stack.engine.sources.update(source.id, { max_concurrency: 40 })
  })
})

describe('deleting', () => {
  it('a running task stops its call', async () => {
    await stack.stub.set({ slow: 'held' })
    const { task } = await stack.engine.workflows.run(workflow_id, 'Hi', { wait: false })
    await until(
      async () => stack.stub.inFlight,
      (n) => n > 0,
    )
    expect((await stack.engine.tasks.remove(task.id)).status).toBe('running')
    await until(
      async () => stack.stub.calls.at(-1)!.ended,
      (seen) => seen === 'client_left',
    )
    stack.stub.release()
    await stack.stub.set({ slow: null })
  })

  it('a source hides its workflows, schedules and tasks at once, and frees its URL', async () => {
    const { source, workflow } = await stack.sync()
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id: workflow.id, schedule_expr: '1h' }))
    const { task } = await stack.engine.workflows.run(workflow.id, 'Hi', { wait: true })
    await stack.engine.sources.remove(source.id)
    await expect(stack.engine.sources.get(source.id)).rejects.toThrow('Source not found')
    await expect(stack.engine.workflows.get(workflow.id)).rejects.toThrow('Workflow not found')
    await expect(stack.engine.schedules.get(schedule.id)).rejects.toThrow('Schedule not found')
    await expect(stack.engine.tasks.get(task.id)).rejects.toThrow('Task not found')
    expect((await stack.engine.tasks.list(PAGE)).total).toBe(0)
    expect((await stack.sync()).source.id).not.toBe(source.id)
    await until(
      () => stack.db.sql.query<{ n: number }>('SELECT count(*)::int AS n FROM sources WHERE id = $1', [source.id]),
      ({ rows }) => rows[0]!.n === 0,
    )
  })
})
