import type { IncomingMessage, ServerResponse } from 'node:http'
import { jsonText, SourceError } from '@automagik-spark/core'
import { afterEach, describe, expect, it } from 'vitest'
import { makeHttpPool, makeSource, type RunCall, type Source } from '../src/index.ts'
import { bodyOf, serve } from './servers.ts'

const pools: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})
const sourceAt = (url: string): Source => {
  const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
  pools.push(pool)
  return makeSource({ source_type: 'langflow', url, api_key: 'sk-canary', pool })
}
const call = (input_value: string): RunCall => ({
  flow_id: 'echo',
  flow_type: 'flow',
  input_value: jsonText(input_value),
  session_id: 's',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: null,
  streams_only: null,
  timeoutMs: 10_000,
  signal: new AbortController().signal,
})
const GOOD = JSON.stringify({
  session_id: 's',
  outputs: [{ inputs: {}, outputs: [{ component_id: 'ChatOutput-1', results: { message: { text: 'hi' } } }] }],
})
const json = { 'content-type': 'application/json' }

const codeOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'completed',
    (error: unknown) => {
      if (error instanceof SourceError) return error.error_code
      throw error
    },
  )

/** The number of the connection of each call. */
const numbered = () => {
  const numbers = new WeakMap<object, number>()
  let connections = 0
  return (request: IncomingMessage): number => {
    const known = numbers.get(request.socket)
    if (known !== undefined) return known
    numbers.set(request.socket, ++connections)
    return connections
  }
}

/** Like uvicorn after an unhandled exception: answers 500, and closes some milliseconds later without notice. */
const failAndClose = (response: ServerResponse, afterMs: number): void => {
  const { socket } = response
  response
    .writeHead(500, json)
    .end(JSON.stringify({ detail: 'the flow raised' }), () => setTimeout(() => socket?.destroy(), afterMs))
}

describe('a server that closes the connection some milliseconds after its 500', () => {
  // SPARK_CALLS=4000 makes it run for a minute.
  const calls = Number(process.env['SPARK_CALLS'] ?? 150)
  it.each([0, 3, 8, 15])(
    '%i ms: no call is lost, and each arrives once',
    async (afterMs) => {
      const arrived = new Map<string, number>()
      const { url } = await serve(
        (request, response) =>
          void bodyOf(request).then((body) => {
            const { input_value } = JSON.parse(body) as { input_value: string }
            arrived.set(input_value, (arrived.get(input_value) ?? 0) + 1)
            if (Number(input_value) % 4 === 0) response.writeHead(200, json).end(GOOD)
            else failAndClose(response, afterMs)
          }),
      )
      const source = sourceAt(url)
      const outcomes: Record<string, number> = {}
      let next = 0
      const caller = async () => {
        while (next < calls) {
          const code = await codeOf(source.run(call(String(next++))))
          outcomes[code] = (outcomes[code] ?? 0) + 1
        }
      }
      await Promise.all(Array.from({ length: 6 }, caller))
      expect(outcomes).toEqual({ completed: Math.ceil(calls / 4), flow_failed: calls - Math.ceil(calls / 4) })
      expect([...arrived.values()].every((times) => times === 1)).toBe(true)
      expect(arrived.size).toBe(calls)
    },
    120_000,
  )
})

describe('which connection a call goes over', () => {
  it('a good answer keeps its connection, for runs and for reads', async () => {
    const numberOf = numbered()
    const on: number[] = []
    const { url } = await serve((request, response) => {
      on.push(numberOf(request))
      response.writeHead(200, json).end(request.method === 'POST' ? GOOD : '[]')
    })
    const source = sourceAt(url)
    for (let i = 0; i < 3; i++) await source.run(call('x'))
    expect(on).toEqual([1, 1, 1])
  })
  it.each([400, 401, 408, 413, 422, 429, 500, 501, 502, 503, 504, 599])(
    'a run that was answered with %i leaves its connection to nobody',
    async (status) => {
      const numberOf = numbered()
      const on: number[] = []
      const { url } = await serve((request, response) => {
        on.push(numberOf(request))
        response.writeHead(on.length === 1 ? status : 200, json).end(on.length === 1 ? '{"detail":"no"}' : GOOD)
      })
      const source = sourceAt(url)
      expect(await codeOf(source.run(call('x')))).not.toBe('completed')
      expect(await codeOf(source.run(call('y')))).toBe('completed')
      expect(on).toEqual([1, 2])
    },
  )
})

describe('a read whose connection was reset before any answer', () => {
  const server = async (breaks: (request: IncomingMessage, seen: number) => boolean) => {
    const numberOf = numbered()
    const on: string[] = []
    let seen = 0
    const { url } = await serve((request, response) => {
      on.push(`${request.method} ${numberOf(request)}`)
      if (breaks(request, ++seen)) request.socket.resetAndDestroy()
      else response.writeHead(200, json).end(request.method === 'POST' ? GOOD : '[]')
    })
    return { source: sourceAt(url), on }
  }
  it('is asked once more on a fresh connection', async () => {
    const { source, on } = await server((_, seen) => seen === 2)
    await source.run(call('x'))
    expect(await source.getFlow({ id: 'a', flow_type: 'flow' }).catch((error: unknown) => error)).toMatchObject({
      error_code: 'bad_answer',
    }) // `[]` is not a flow, but the response came
    expect(on).toEqual(['POST 1', 'GET 1', 'GET 2'])
  })
  it('is asked no third time', async () => {
    const { source, on } = await server((request) => request.method === 'GET')
    await source.run(call('x'))
    expect(await codeOf(source.getFlow({ id: 'a', flow_type: 'flow' }))).toBe('source_unreachable')
    expect(on).toEqual(['POST 1', 'GET 1', 'GET 2'])
  })
  it('on a connection of its own says so at once', async () => {
    const { source, on } = await server((request) => request.method === 'GET')
    expect(await codeOf(source.getFlow({ id: 'a', flow_type: 'flow' }))).toBe('source_unreachable')
    expect(on).toEqual(['GET 1'])
  })
  it('and a run is never sent twice: its outcome is unknown', async () => {
    const { source, on } = await server((_, seen) => seen === 2)
    await source.run(call('x'))
    expect(await codeOf(source.run(call('y')))).toBe('outcome_unknown')
    expect(on).toEqual(['POST 1', 'POST 1'])
  })
})
