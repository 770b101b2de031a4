import { describe, expect, it } from 'vitest'
import type { Task } from '../contract-types.ts'
import { TimeoutError } from '../errors.ts'
import type { Call, Send } from '../request.ts'
import type { WaitOptions } from './tasks.ts'
import { makeWorkflows } from './workflows.ts'

const makeServer = (
  waited: (options: WaitOptions) => Promise<Partial<Task>> = async () => ({ status: 'completed' }),
  headers = new Headers(),
) => {
  const asked: Call[] = []
  const send: Send = async <T>(call: Call) => {
    asked.push(call)
    return { data: { id: 't1', status: call.query?.wait === false ? 'pending' : 'completed' } as T, status: 200, headers }
  }
  return { workflows: makeWorkflows(send, async (_, options) => (await waited(options)) as Task), asked }
}

describe('run', () => {
  it('sends the input and its options in the body, whatever the input is', async () => {
    const { workflows, asked } = makeServer()
    await workflows.run('w', null, { session_id: 's', tweaks: { a: 1 }, timeout: 30 })
    expect(asked[0]?.body).toEqual({ input_value: null, session_id: 's', tweaks: { a: 1 }, timeout: 30 })
  })

  it.each([
    ['the run may last as long as the server lets it', undefined, undefined, Number.POSITIVE_INFINITY],
    ["a run's own timeout is outlived by the server's wait, and that by the call's", 30, undefined, 40_000],
    ['the caller knows better', 30, 1_000, 1_000],
    ['the caller knows better also without', undefined, 1_000, 1_000],
  ])('the call has time: %s', async (_, timeout, callTimeout, expected) => {
    const { workflows, asked } = makeServer()
    await workflows.run('w', 'hi', { timeout }, { timeout: callTimeout })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ timeout: expected, query: undefined })
  })

  it('with wait false answers with the pending task', async () => {
    const { workflows, asked } = makeServer()
    expect(await workflows.run('w', 'hi', { wait: false })).toMatchObject({ status: 'pending' })
    expect(asked[0]).toMatchObject({ query: { wait: false }, timeout: undefined })
  })

  it('looks after a run that may take longer than a fetch may', async () => {
    let waitedMs: number | undefined
    const { workflows, asked } = makeServer(async ({ timeout }) => {
      waitedMs = timeout
      return { status: 'completed' }
    })
    expect(await workflows.run('w', 'hi', { timeout: 3600 })).toMatchObject({ status: 'completed' })
    expect(asked).toHaveLength(1)
    expect(asked[0]?.query).toEqual({ wait: false })
    expect(waitedMs).toBe(3_605_000)
  })

  it('answers with such a run as it was seen last when it does not end', async () => {
    const { workflows } = makeServer(async ({ onPoll }) => {
      onPoll?.({ id: 't1', status: 'running' } as Task)
      throw new TimeoutError('late')
    })
    expect(await workflows.run('w', 'hi', { timeout: 3600 })).toMatchObject({ status: 'running' })
  })

  it("rejects when such a run outlasts the caller's own limit", async () => {
    const { workflows } = makeServer(async () => {
      throw new TimeoutError('late')
    })
    await expect(workflows.run('w', 'hi', { timeout: 3600 }, { timeout: 5 })).rejects.toBeInstanceOf(TimeoutError)
  })
})

describe('remote', () => {
  it.each([
    [null, []],
    ['', []],
    ['http://a:7860, http://b:7860', ['http://a:7860', 'http://b:7860']],
  ])('reads the sources that could not be asked from the header: %j', async (value, unreachable) => {
    const { workflows } = makeServer(undefined, new Headers(value === null ? {} : { 'x-spark-unreachable': value }))
    expect(await workflows.remote()).toMatchObject({ unreachable })
  })
})

it('gives the sync of a whole source more time', async () => {
  const { workflows, asked } = makeServer()
  const everything = await workflows.sync('*', { source_url: 'http://localhost:7860' })
  await workflows.sync('flow')
  await workflows.sync('*', { source_url: 'http://localhost:7860' }, { timeout: 7 })
  expect(asked.map(({ timeout }) => timeout)).toEqual([600_000, undefined, 7])
  void everything.synced // typed by the overload
})
