import { gzipSync } from 'node:zlib'
import { type FlowType, type JsonText, SourceError, type SourceType } from '@automagik-spark/core'
import { holdsEventLoop, patient } from '@automagik-spark/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHttpPool, makeSource, type RunCall, type Source } from '../src/index.ts'
import { serve } from './servers.ts'

const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

const MIB = 1024 * 1024
type Kind = { type: SourceType; flow_type: FlowType; around: [string, string] }
const LANGFLOW: Kind = {
  type: 'langflow',
  flow_type: 'flow',
  around: ['{"outputs":[{"outputs":[{"component_id":"a","results":{"a":', '}}]}]}'],
}
const HIVE: Kind = { type: 'automagik-hive', flow_type: 'agent', around: ['{"status":"COMPLETED","content":', '}'] }
const AGENTS: Kind = { type: 'automagik-agents', flow_type: 'agent', around: ['{"success":true,"message":', '}'] }

const call = (flow_type: FlowType, more: Partial<RunCall> = {}): RunCall => ({
  flow_id: 'one',
  flow_type,
  input_value: '"hi"' as JsonText,
  session_id: 's',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: { id: 'one' },
  streams_only: false,
  timeoutMs: 60_000,
  signal: new AbortController().signal,
  ...more,
})
const outcomeOf = (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'completed',
    (error: unknown) => {
      if (error instanceof SourceError) return error.error_code
      throw error
    },
  )
const filled = (unit: string, bytes: number): string => unit.repeat(Math.floor(bytes / unit.length))
const sourceOf = async (
  { type }: Kind,
  body: string,
  { status = 200, contentType = 'application/json' } = {},
): Promise<Source> => {
  const packed = gzipSync(body)
  const { url } = await serve(
    (_, response) =>
      void response.writeHead(status, { 'content-type': contentType, 'content-encoding': 'gzip' }).end(packed),
  )
  return makeSource({ source_type: type, url, api_key: 'sk-canary-of-the-tests', pool })
}

const LIMIT_MS = patient(60_000)
const free = { holds: false }

/** Small when compressed, with many values. */
const ARRAYS = `[${filled('[],', 9.9 * MIB)}0]`
const OBJECTS = `[${filled('{"a":{}},', 9.9 * MIB)}0]`
/** The most values that are accepted. */
const MOST_OBJECTS = `[${filled('{"a":{}},', 0.85 * MIB)}0]`

describe('the event loop goes on beside', () => {
  it.each<[string, Kind, string]>([
    ['an answer of 10 MiB of empty arrays', LANGFLOW, ARRAYS],
    ['an answer of 10 MiB of {"a":{}}', HIVE, OBJECTS],
    ['an answer with as many objects as are taken', LANGFLOW, MOST_OBJECTS],
    ['an answer of nested brackets', AGENTS, `[${filled(`${'['.repeat(90)}${']'.repeat(90)},`, 9.9 * MIB)}0]`],
    ['an answer of chains of {"a":', HIVE, `[${filled(`${'{"a":'.repeat(90)}0${'}'.repeat(90)},`, 9.9 * MIB)}0]`],
    [
      'an answer of keys that all differ',
      LANGFLOW,
      `{${Array.from({ length: 90_000 }, (_, at) => `"k${at}":0`).join(',')}}`,
    ],
    ['an answer of one text of 9 MiB', HIVE, `"${'x'.repeat(9 * MIB)}"`],
    ['200 MiB of spaces', LANGFLOW, ' '.repeat(200 * MIB)],
  ])(
    '%s, which takes no more than 64 MiB',
    async (_, kind, filling) => {
      const [before, after] = kind.around
      const source = await sourceOf(kind, before + filling + after)
      const memory = process.memoryUsage.rss()
      expect(await holdsEventLoop(() => outcomeOf(source.run(call(kind.flow_type))))).toMatchObject(free)
      expect(process.memoryUsage.rss() - memory).toBeLessThan(64 * MIB)
    },
    LIMIT_MS,
  )
  it(
    'a failure of 1 MiB of empty arrays, also as text in JSON',
    async () => {
      const filling = ARRAYS.slice(0, MIB - 100)
      const plain = await sourceOf(LANGFLOW, `{"detail":${filling}`, { status: 500 })
      const inText = await sourceOf(LANGFLOW, `{"detail":${JSON.stringify(`${filling}0]`)}}`, { status: 500 })
      expect(
        await holdsEventLoop(async () => {
          for (const one of [plain, inText]) await outcomeOf(one.run(call('flow')))
        }),
      ).toMatchObject(free)
    },
    LIMIT_MS,
  )
  it.each<[string, string]>([
    ['of 10 MiB of empty arrays', ARRAYS],
    ['with as many objects as are taken', `[${filled('{"a":{}},', 2.8 * MIB)}0]`],
  ])(
    'a list of flows %s',
    async (_, filling) => {
      const source = await sourceOf(LANGFLOW, filling)
      expect(await holdsEventLoop(() => outcomeOf(source.listFlows()))).toMatchObject(free)
    },
    LIMIT_MS,
  )
  it(
    'a list of 40,000 flows',
    async () => {
      const list = Array.from({ length: 40_000 }, (_, at) => ({
        id: `flow-${at}`,
        name: `Flow ${at}`,
        description: 'what it does',
        data: null,
        folder_id: null,
        tags: [],
      }))
      const source = await sourceOf(LANGFLOW, JSON.stringify(list))
      let listed = 0
      expect(
        await holdsEventLoop(async () => {
          listed = (await source.listFlows()).length
        }),
      ).toMatchObject(free)
      expect(listed).toBe(40_000)
    },
    LIMIT_MS,
  )
  it.each<[string, Kind, string]>([
    ['millions of braces', LANGFLOW, filled('{}', MIB / 2)],
    ['events full of values', HIVE, filled(`data: {"data":[${'[],'.repeat(2_000)}0]}\n\n`, 4 * MIB)],
  ])(
    'a stream of %s',
    async (_, kind, body) => {
      const source = await sourceOf(kind, body, { contentType: 'text/event-stream' })
      expect(
        await holdsEventLoop(() => outcomeOf(source.run(call(kind.flow_type, { streams_only: true })))),
      ).toMatchObject(free)
    },
    LIMIT_MS,
  )
  it(
    'ten such answers at once',
    async () => {
      const sources = await Promise.all(
        [ARRAYS, MOST_OBJECTS].map((filling) => sourceOf(AGENTS, AGENTS.around.join(filling))),
      )
      expect(
        await holdsEventLoop(() =>
          Promise.all(Array.from({ length: 10 }, (_, at) => outcomeOf(sources[at % 2]!.run(call('agent'))))),
        ),
      ).toMatchObject(free)
    },
    LIMIT_MS,
  )
})
