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
    const cutShort = headers.has('preference-applied')
    return {
      data: {
        id: 't1',
        timeout: 3600,
        status: call.query?.wait === false ? 'pending' : cutShort ? 'running' : 'completed',
      } as T,
      status: 200,
      headers,
    }
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
    ['a little more than the server is asked to wait', 30, undefined, 250_000],
    ['the caller knows better', 30, 1_000, 1_000],
    ['the caller knows better also without', undefined, 1_000, 1_000],
  ])('the call has time: %s', async (_, timeout, callTimeout, expected) => {
    const { workflows, asked } = makeServer()
    await workflows.run('w', 'hi', { timeout }, { timeout: callTimeout })
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({ timeout: expected, prefer: 'wait=240' })
    expect(asked[0]?.query).toBeUndefined()
  })

  it('with wait false answers with the pending task', async () => {
    const { workflows, asked } = makeServer()
    expect(await workflows.run('w', 'hi', { wait: false })).toMatchObject({ status: 'pending' })
    expect(asked[0]).toMatchObject({ query: { wait: false }, timeout: undefined })
  })

  const cutShort = new Headers({ 'preference-applied': 'wait=240' })

  it('polls a run that takes longer than one call may, until its own timeout', async () => {
    let waitedMs = 0
    const { workflows, asked } = makeServer(async ({ timeout }) => {
      waitedMs = timeout ?? 0
      return { status: 'completed' }
    }, cutShort)
    expect(await workflows.run('w', 'hi')).toMatchObject({ status: 'completed' })
    expect(asked).toHaveLength(1)
    expect(waitedMs).toBeGreaterThan(3_600_000)
    expect(waitedMs).toBeLessThanOrEqual(3_610_000)
  })

  it('answers with the last known state of such a run when it does not end', async () => {
    const { workflows } = makeServer(async ({ onPoll }) => {
      onPoll?.({ id: 't1', status: 'running' } as Task)
      throw new TimeoutError('late')
    }, cutShort)
    expect(await workflows.run('w', 'hi', { timeout: 3600 })).toMatchObject({ status: 'running' })
  })

  it("rejects when such a run outlasts the caller's own limit", async () => {
    const { workflows } = makeServer(async () => {
      throw new TimeoutError('late')
    }, cutShort)
    await expect(workflows.run('w', 'hi', { timeout: 3600 }, { timeout: 5 })).rejects.toBeInstanceOf(TimeoutError)
  })
})

describe('remote', () => {
  it.each([
    [null, []],
    ['', []],
    ['http://a:7860, http://b:7860', ['http://a:7860', 'http://b:7860']],
  ])('reads the sources that could not be reached from the header: %j', async (value, unreachable) => {
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
