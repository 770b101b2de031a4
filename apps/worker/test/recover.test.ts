import { randomUUID } from 'node:crypto'
import type { LostCall, Recovery } from '@automagik-spark/adapters'
import type { Task } from '@automagik-spark/core'
import { jsonText, SECOND, SourceError } from '@automagik-spark/core'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
let workflow_id: string
let source_id: string
/** What the server says, one after the other; the last one again and again. */
let says: (Recovery | SourceError)[] = []
let asked: LostCall[] = []
const stack = useStack({
  random: () => 0,
  async recover(call) {
    asked.push(call)
    const said = says.length > 1 ? says.shift()! : says[0]!
    if (said instanceof SourceError) throw said
    return said
  },
})
beforeAll(async () => {
  const { workflow, source } = await stack.sync()
  workflow_id = workflow.id
  source_id = source.id
  await stack.addWorker()
})
afterEach(() => {
  asked = []
  stack.stub.clearSwitches()
})

const completed: Recovery = {
  state: 'completed',
  result: 'found',
  answer: jsonText({ kept: true }),
  bytes: 4,
  notes: ['a note of the server'],
}
const away = new SourceError('source_unreachable', 'unknown', 'No answer.')
/** A call whose connection breaks after it was sent. */
const lose = async (
  input_value: string,
  more: { max_retries?: number; retry_on?: Task['retry_on']; timeout?: number; session_id?: string } = {},
) => {
  await stack.stub.set({ reset: true })
  return (await stack.engine.workflows.run(workflow_id, { input_value, ...more }, { wait: false })).task.id
}
/** A call whose worker is dead. */
const orphan = async (phase: 'calling' | 'asking', { crashes = 0, timeout = 60 } = {}) => {
  const id = randomUUID()
  await stack.db.sql.query(
    `INSERT INTO tasks (id, workflow_id, source_id, status, phase, trigger, priority, input, timeout, tries, crashes, worker_id, token, started_at, lease_until, ready_at, created_at, updated_at)
     SELECT $1, $2, $3, 'running', $4, 'manual', 0, '"orphan"', $5, 1, $6, gen_random_uuid(), gen_random_uuid(), n, n - interval '1 second', n, n, n FROM (SELECT spark_now() AS n) n`,
    [id, workflow_id, source_id, phase, timeout, crashes],
  )
  return id
}
const isOver = ({ status }: Task) => status === 'completed' || status === 'failed' || status === 'cancelled'
const ended = (id: string) => until(() => stack.engine.tasks.get(id), isOver)
const phase = async (id: string) =>
  (await stack.db.sql.query<{ phase: string | null }>('SELECT phase FROM tasks WHERE id = $1', [id])).rows[0]!.phase
const calls = (input: string) => stack.stub.calls.filter((call) => call.input_value === input).length
const log = async (id: string) => (await stack.engine.tasks.logs(id, PAGE)).items.map(({ message }) => message)

describe('a call that was lost', () => {
  it('ends with the answer that its server has kept, and is not made again', async () => {
    says = [completed]
    const id = await lose('kept')
    expect(await ended(id)).toMatchObject({
      status: 'completed',
      tries: 1,
      output_data: { result: 'found', answer: { kept: true } },
      error: null,
      error_code: null,
    })
    expect(calls('kept')).toBe(1)
    expect(asked).toMatchObject([
      { flow_id: stack.stub.flows.echo, input_value: jsonText('kept'), session_id: id, own_session: true, tries: 1 },
    ])
    expect(await log(id)).toEqual(
      expect.arrayContaining(['the server was asked what became of the call', 'a note of the server']),
    )
  })

  it('is recovered by asking again while it is not over, or the server is away', async () => {
    says = [{ state: 'running' }, away, completed]
    const id = await lose('going on', { session_id: 'shared' })
    await until(
      () => phase(id),
      (seen) => seen === 'asking',
    )
    expect(await ended(id)).toMatchObject({ status: 'completed' })
    expect(asked).toHaveLength(3)
    expect(asked[0]).toMatchObject({ session_id: 'shared', own_session: false })
  })

  it('fails when its server says so', async () => {
    says = [{ state: 'failed', error: new SourceError('flow_failed', 'flow_failed', 'The flow failed: as kept') }]
    expect(await ended(await lose('broken'))).toMatchObject({
      status: 'failed',
      error_code: 'flow_failed',
      error: 'The flow failed: as kept',
    })
    expect(calls('broken')).toBe(1)
  })

  it('is made again when it never arrived, also without retries', async () => {
    says = [{ state: 'never_arrived' }]
    const id = await lose('on the way', { max_retries: 0 })
    await until(
      () => stack.engine.tasks.get(id),
      ({ next_retry_at, tries }) => next_retry_at !== null || tries > 1,
    )
    stack.stub.clearSwitches()
    expect(await ended(id)).toMatchObject({ status: 'completed', output_data: { result: 'on the way' } })
    // Not for ever: a network that loses every call needs a person.
    const other = await lose('always on the way', { max_retries: 0 })
    expect(await ended(other)).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 4 })
    expect(calls('always on the way')).toBe(4)
  })

  it('is left to retry_on when its server cannot tell', async () => {
    says = [{ state: 'unknown' }]
    const task = await ended(await lose('untold', { max_retries: 2 }))
    expect(task).toMatchObject({ status: 'failed', error_code: 'outcome_unknown', tries: 1 })
    expect(task.error).toContain('cannot say what became of it')
    expect(await ended(await lose('untold twice', { max_retries: 1, retry_on: 'unknown' }))).toMatchObject({
      status: 'failed',
      error_code: 'outcome_unknown',
      tries: 2,
    })
    expect([calls('untold'), calls('untold twice')]).toEqual([1, 2])
  })

  it('has an unknown outcome when it is not over by the timeout', async () => {
    says = [{ state: 'running' }]
    const task = await ended(await lose('for ever', { timeout: 1 }))
    expect(task).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    expect(task.finished_at!.getTime() - task.started_at!.getTime()).toBeGreaterThanOrEqual(SECOND)
    expect(asked.length).toBeGreaterThan(1)
  })

  it('is cancelled while its outcome is recovered', async () => {
    says = [{ state: 'running' }]
    const id = await lose('enough')
    await until(
      () => phase(id),
      (seen) => seen === 'asking',
    )
    expect(await stack.engine.tasks.cancel(id)).toMatchObject({ done: true, task: { status: 'cancelled' } })
  })
})

describe('a call whose worker is dead', () => {
  it.each(['calling', 'asking'] as const)('is recovered by another worker (%s)', async (was) => {
    says = [{ state: 'running' }, completed]
    const id = await orphan(was)
    expect(await ended(id)).toMatchObject({ status: 'completed', output_data: { result: 'found' }, tries: 1 })
    expect(calls('orphan')).toBe(0)
    expect(asked.map(({ session_id }) => session_id)).toEqual([id, id])
    expect(await log(id)).toContain('the worker was lost during the call; the server is asked what became of it')
  })

  it('is asked about at least once, also when its time was up before', async () => {
    says = [completed]
    const id = await orphan('calling', { timeout: 0 })
    expect(await ended(id)).toMatchObject({ status: 'completed' })
  })

  it('ends as unknown when its server cannot tell, and is not recovered when three workers died over it', async () => {
    says = [{ state: 'unknown' }]
    expect(await ended(await orphan('calling'))).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    asked = []
    expect(await ended(await orphan('asking', { crashes: 2 }))).toMatchObject({
      status: 'failed',
      error_code: 'outcome_unknown',
    })
    expect(asked).toEqual([])
  })
})
