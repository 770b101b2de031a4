import type { ServerResponse } from 'node:http'
import { type FlowType, type JsonText, SourceError, type SourceType } from '@automagik-spark/core'
import { afterAll, describe, expect, it } from 'vitest'
import { detectSourceType, makeHttpPool, makeSource, type RunCall, type Source } from '../src/index.ts'
import { serve } from './servers.ts'

const KEY = 'sk-Canary"quail\\zebra'
const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

/** Ways in which a server may write the key. */
const WRITTEN: Record<string, string> = {
  plain: KEY,
  bearer: `Bearer ${KEY}`,
  json: JSON.stringify({ key: KEY }),
  'json in json': JSON.stringify({ detail: JSON.stringify({ key: KEY }) }),
  url: encodeURIComponent(KEY),
  base64: Buffer.from(KEY).toString('base64'),
  'base64 of a header': Buffer.from(`Bearer ${KEY}`).toString('base64'),
  'far behind': `${'x'.repeat(1_990)}${KEY}`,
  'across where a reason is cut': `${'x'.repeat(3_990)}${KEY}`,
}
/** The forms of the key that must not come out. */
const TELLING = [
  'Canary',
  'quail',
  'zebra',
  Buffer.from(KEY).toString('base64').slice(4, 14),
  Buffer.from(`Bearer ${KEY}`).toString('base64').slice(12, 24),
]
const expectHidden = (value: unknown) => {
  const seen = value instanceof Error ? value.message : JSON.stringify(value)
  for (const part of TELLING) expect(seen).not.toContain(part)
}

const kinds: { type: SourceType; flow_type: FlowType; bodies: (said: string) => unknown[] }[] = [
  {
    type: 'langflow',
    flow_type: 'flow',
    bodies: (said) => [
      { outputs: [{ outputs: [{ component_id: 'ChatOutput-1', results: { message: { text: said } } }] }] },
      { outputs: [{ outputs: [{ component_id: 'ChatOutput-1', results: { message: { text: said, error: true } } }] }] },
      {
        outputs: [
          { outputs: [{ component_id: said, results: { [said]: { data: { [said]: [said] }, text_key: said } } }] },
        ],
      },
    ],
  },
  {
    type: 'automagik-hive',
    flow_type: 'agent',
    bodies: (said) => [
      { status: 'COMPLETED', content: said },
      { status: 'ERROR', content: said },
      { status: said, content: '' },
      { status: 'COMPLETED', content: { [said]: said } },
      { status: 'PAUSED', tools: [{ requires_confirmation: true, tool_name: said }] },
    ],
  },
  {
    type: 'automagik-agents',
    flow_type: 'agent',
    bodies: (said) => [
      { message: said, success: true },
      { message: said, success: false },
      { message: { [said]: said }, success: true },
    ],
  },
]
const failures = (said: string) => [
  { detail: said },
  { detail: { message: said } },
  { detail: JSON.stringify({ message: said }) },
  { detail: [{ loc: [said], msg: said }] },
  { message: said },
  { error: said },
  said,
  [said],
]
const call = (kind: (typeof kinds)[number], more: Partial<RunCall> = {}): RunCall => ({
  flow_id: 'one',
  flow_type: kind.flow_type,
  input_value: '"hi"' as JsonText,
  session_id: 's',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: { id: 'one' },
  streams_only: false,
  timeoutMs: 20_000,
  signal: new AbortController().signal,
  ...more,
})
const json = { 'content-type': 'application/json' }
const outcomeOf = (running: Promise<unknown>): Promise<unknown> =>
  running.catch((error: unknown) => {
    if (error instanceof SourceError) return error
    throw error
  })
const sourceAt = async (kind: (typeof kinds)[number], answer: (response: ServerResponse) => void): Promise<Source> => {
  const { url } = await serve((_, response) => answer(response))
  return makeSource({ source_type: kind.type, url, api_key: KEY, pool })
}

describe.each(kinds)('a key that $type repeats', (kind) => {
  it.each(Object.entries(WRITTEN))('is nowhere in what a failed run says (%s)', async (_, said) => {
    for (const status of [401, 422, 500, 503]) {
      for (const body of failures(said)) {
        const source = await sourceAt(kind, (response) =>
          response.writeHead(status, { ...json, 'retry-after': '1' }).end(JSON.stringify(body)),
        )
        expectHidden(await outcomeOf(source.run(call(kind))))
      }
    }
  })
  it.each(Object.entries(WRITTEN))('is nowhere in an answer, its text and its notes (%s)', async (_, said) => {
    for (const body of kind.bodies(said)) {
      const source = await sourceAt(kind, (response) => response.writeHead(200, json).end(JSON.stringify(body)))
      expectHidden(await outcomeOf(source.run(call(kind, { output_component: 'ChatOutput-2' }))))
    }
  })
  it.each(Object.entries(WRITTEN))('is nowhere in a stream (%s)', async (_, said) => {
    const events = [
      { event: 'RunStarted', run_id: 'a' },
      { event: 'error', data: { error: said } },
      { event: 'RunError', run_id: 'a', content: said },
    ]
    const source = await sourceAt(kind, (response) =>
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')),
    )
    expectHidden(await outcomeOf(source.run(call(kind, { streams_only: true }))))
  })
  it.each(Object.entries(WRITTEN))('is nowhere in what it says about itself and its flows (%s)', async (_, said) => {
    const about = {
      status: 'ok',
      name: `AgentOS ${said}`,
      version: said,
      package: `langflow ${said}`,
      os_version: said,
      description: `automagik agents ${said}`,
      id: 'one',
      main_version: said,
    }
    const list = [
      { id: 'one', name: said, description: said, tags: [said], data: { [said]: said }, folder_id: said, icon: said },
    ]
    for (const body of [about, list]) {
      for (const status of [200, 500, 401]) {
        const source = await sourceAt(kind, (response) => response.writeHead(status, json).end(JSON.stringify(body)))
        const asked = [
          source.probe(),
          source.listFlows(),
          source.getFlow({ id: 'one', flow_type: kind.flow_type }),
          source.findFlows('one'),
        ]
        for (const outcome of await Promise.all(asked.map(outcomeOf))) expectHidden(outcome)
      }
    }
  })
  it('is not in the message about a server that is not a flow server', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, json).end(JSON.stringify({ name: KEY, status: KEY, version: KEY })),
    )
    expectHidden(await outcomeOf(detectSourceType({ url, pool })))
  })
})
