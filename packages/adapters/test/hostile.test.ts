import type { ServerResponse } from 'node:http'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { type FlowType, jsonText, SourceError, type SourceType } from '@automagik-spark/core'
import { patient } from '@automagik-spark/testing'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeHttpPool, makeSource, type RunCall, type Source } from '../src/index.ts'
import { serve, serveTcp } from './servers.ts'

const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

type Kind = {
  type: SourceType
  flow_type: FlowType
  good: string
  streams: boolean
  list: (count: number, text: string) => unknown[]
}
const kinds: Kind[] = [
  {
    type: 'langflow',
    flow_type: 'flow',
    streams: true,
    good: JSON.stringify({
      outputs: [{ outputs: [{ component_id: 'ChatOutput-1', results: { message: { text: 'hi' } } }] }],
    }),
    list: (count, text) =>
      Array.from({ length: count }, (_, at) => ({
        id: `flow-${at}`,
        name: `Flow ${at}`,
        description: text,
        data: null,
      })),
  },
  {
    type: 'automagik-hive',
    flow_type: 'workflow',
    streams: true,
    good: JSON.stringify({ status: 'COMPLETED', content: 'hi' }),
    list: (count, text) =>
      Array.from({ length: count }, (_, at) => ({ id: `agent-${at}`, name: `Agent ${at}`, description: text })),
  },
  {
    type: 'automagik-agents',
    flow_type: 'agent',
    streams: false,
    good: JSON.stringify({ message: 'hi', success: true }),
    list: (count, text) =>
      Array.from({ length: count }, (_, at) => ({ id: at, name: `agent-${at}`, description: text })),
  },
]
const call = (kind: Kind, more: Partial<RunCall> = {}): RunCall => ({
  flow_id: 'one',
  flow_type: kind.flow_type,
  input_value: jsonText('hi'),
  session_id: 's',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: { id: 'one' },
  streams_only: null,
  timeoutMs: patient(20_000),
  signal: new AbortController().signal,
  ...more,
})
const json = { 'content-type': 'application/json' }
const failureOf = async (running: Promise<unknown>): Promise<SourceError> => {
  const error: unknown = await running.then(
    () => {
      throw new Error('it did not fail')
    },
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof SourceError)) throw error
  return error
}

const MIB = 1024 * 1024
const pour = (response: ServerResponse, piece: Buffer): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more)
  more()
}
const brotli = (data: Buffer) => brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } })
const spaces = Buffer.alloc(200 * MIB, 0x20)
const bombs = { gzip: gzipSync(spaces), br: brotli(spaces) }

const at = (kind: Kind, url: string): Source => makeSource({ source_type: kind.type, url, api_key: 'sk-canary', pool })
// Of all of these: memory hardly grows, and the key is in no message.
let before = 0
beforeEach(() => {
  before = process.memoryUsage.rss()
})
afterEach(() => expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB))
const run = async (kind: Kind, url: string, more: Partial<RunCall> = {}): Promise<SourceError> => {
  const error = await failureOf(at(kind, url).run(call(kind, more)))
  expect(error.message).not.toContain('sk-canary')
  return error
}

describe.each(kinds)('$type at a hostile server', (kind) => {
  it.each<[string, (response: ServerResponse) => void, string, string]>([
    [
      'a body without end',
      (response) => pour(response.writeHead(200, json), Buffer.alloc(256 * 1024, 0x20)),
      'output_too_large',
      'larger than 10 MiB',
    ],
    [
      'a gzip bomb',
      (response) => void response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(bombs.gzip),
      'output_too_large',
      'larger than 10 MiB',
    ],
    [
      'a brotli bomb',
      (response) => void response.writeHead(200, { ...json, 'content-encoding': 'br' }).end(bombs.br),
      'output_too_large',
      'larger than 10 MiB',
    ],
    [
      'a failure with a bomb for a reason',
      (response) => void response.writeHead(500, { ...json, 'content-encoding': 'gzip' }).end(bombs.gzip),
      kind.type === 'langflow' ? 'outcome_unknown' : 'flow_failed',
      kind.type === 'langflow' ? 'not as Langflow does' : 'gave no reason',
    ],
    [
      'half a JSON',
      (response) => void response.writeHead(200, json).end(kind.good.slice(0, -3)),
      'bad_answer',
      'is not valid JSON',
    ],
    [
      'JSON 50,000 levels deep',
      (response) => void response.writeHead(200, json).end('['.repeat(50_000) + ']'.repeat(50_000)),
      'bad_answer',
      'deeper than 100 levels',
    ],
    [
      'invalid UTF-8',
      (response) => void response.writeHead(200, json).end(Buffer.from([0x22, 0xff, 0x22])),
      'bad_answer',
      'is not valid UTF-8',
    ],
    [
      'a web page',
      (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'),
      'flow_not_found',
      'web page',
    ],
    [
      'another shape',
      (response) => void response.writeHead(200, json).end('{"answer":42}'),
      'bad_answer',
      'cannot be used',
    ],
    ['a list', (response) => void response.writeHead(200, json).end('[]'), 'bad_answer', 'cannot be used'],
    [
      'a redirect to the metadata address',
      (response) => void response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
      'bad_request',
      'redirects to another origin',
    ],
    [
      'an answer that is shorter than it said',
      (response) => {
        response.writeHead(200, { ...json, 'content-length': 1000 }).write(kind.good)
        setTimeout(() => response.destroy(), 20)
      },
      'outcome_unknown',
      'connection was lost',
    ],
    [
      'an answer that is longer than it said',
      (response) => void response.writeHead(200, { ...json, 'content-length': 10 }).socket?.end(kind.good),
      'bad_answer',
      '',
    ],
    ['no answer', () => undefined, 'outcome_unknown', 'longer than'],
    [
      'an answer that drips',
      (response) => {
        response.writeHead(200, json)
        const drip = setInterval(() => response.write(' '), 20)
        response.on('close', () => clearInterval(drip))
      },
      'outcome_unknown',
      'longer than',
    ],
  ])('%s', async (name, answer, error_code, message) => {
    const { url } = await serve((request, response) => {
      // What happens after a 404 is tested elsewhere.
      if (request.method === 'POST') answer(response)
      else response.writeHead(404, json).end('{}')
    })
    const error = await run(
      kind,
      url,
      name.startsWith('no answer') || name.includes('drips') ? { timeoutMs: patient(500) } : {},
    )
    expect(error).toMatchObject({ error_code, message: expect.stringContaining(message) })
    expect(error.message).not.toContain('169.254')
  })
  it('a header of 1 MiB', async () => {
    const { url } = await serveTcp((socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(MIB)}\r\n\r\n`))
    expect(await run(kind, url)).toMatchObject({
      error_code: 'bad_answer',
      message: expect.stringContaining('headers are too large'),
    })
  })
  it('a connection that is reset', async () => {
    const { url } = await serveTcp((socket) => socket.resetAndDestroy())
    expect(await run(kind, url)).toMatchObject({ error_code: 'outcome_unknown', failure: 'unknown' })
  })

  const listing = async (items: unknown[]) => {
    const body = Buffer.from(JSON.stringify(items))
    const server = await serve(
      (request, response) =>
        void response.writeHead(200, json).end(/\/(flows|agents)\b/.test(request.url ?? '') ? body : '[]'),
    )
    before = process.memoryUsage.rss() // without the memory of the list itself
    return server
  }
  it('10,000 flows are listed', async () => {
    const { url } = await listing(kind.list(10_000, 'x'.repeat(200)))
    expect(await at(kind, url).listFlows()).toHaveLength(10_000)
  })
  it('a list over 10 MiB is refused', async () => {
    const { url } = await listing(kind.list(10_000, 'x'.repeat(2000)))
    expect(await failureOf(at(kind, url).listFlows())).toMatchObject({ error_code: 'output_too_large' })
  })
  it('a list of nonsense has no flows', async () => {
    const { url } = await listing([null, 1, 'x', [], {}, { id: {} }, { id: '', name: '' }, { name: {} }])
    expect(await at(kind, url).listFlows()).toEqual([])
  })
})

describe.each(kinds.filter(({ streams }) => streams))('$type at a server whose stream is hostile', (kind) => {
  it('a stream without end, until the time is up', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const drip = setInterval(() => response.write('data: {"event":"token","data":{"chunk":"x"}}\n\n'), 20)
      response.on('close', () => clearInterval(drip))
    })
    expect(await run(kind, url, { streams_only: true, timeoutMs: patient(500) })).toMatchObject({
      error_code: 'outcome_unknown',
      failure: 'unknown',
    })
  })
  it('a stream that floods', async () => {
    const { url } = await serve((_, response) =>
      pour(
        response.writeHead(200, { 'content-type': 'text/event-stream' }),
        Buffer.from(`data: {"event":"token","data":{"chunk":"${'x'.repeat(64 * 1024)}"}}\n\n`),
      ),
    )
    expect(await run(kind, url, { streams_only: true })).toMatchObject({
      error_code: 'output_too_large',
      failure: 'bad_answer',
    })
  })
  it('a stream of one event without end', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"event":"')
      pour(response, Buffer.alloc(256 * 1024, 0x78))
    })
    expect(await run(kind, url, { streams_only: true })).toMatchObject({
      error_code: 'output_too_large',
      failure: 'bad_answer',
    })
  })
})
