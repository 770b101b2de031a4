import { ChangedError, DomainError } from '@automagik-spark/core'
import { useFixture } from '@automagik-spark/testing/fixture'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RunningApi } from './running-api.ts'
import { sendRaw, startApi } from './running-api.ts'
import type { Row } from './table.ts'
import { rows } from './table.ts'

type Operation = { responses: Record<string, unknown> }

const api = useFixture(startApi)
let paths: Record<string, Record<string, Operation>>
/** What every use case of the engine does instead of its work; null: its work. */
let failing: (() => unknown) | null = null
beforeAll(async () => {
  paths = (await api.call('GET', '/api/v1/openapi.json')).json.paths as typeof paths
  for (const group of ['sources', 'workflows', 'tasks', 'schedules', 'workers'] as const) {
    const useCases = api.engine[group] as Record<string, (...given: unknown[]) => unknown>
    for (const [name, work] of Object.entries(useCases))
      useCases[name] = (...given) => (failing ? failing() : work(...given))
  }
})
beforeEach(() => void (failing = null))

const documented = ({ endpoint }: Row) =>
  Object.keys(paths[`${endpoint.root ? '' : '/api/v1'}${endpoint.path}`]![endpoint.method]!.responses).map(Number)
const send = (row: Row, more: Parameters<RunningApi['call']>[2] = {}, query = row.query) =>
  api.call(row.method, `${row.path}${query}`, { ...(row.body !== undefined && { body: row.body }), ...more })
const raw = async (row: Row, headers: string) =>
  Number(
    (await sendRaw(api.port, `${row.method} ${row.path}${row.query} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`)).split(
      ' ',
    )[1],
  )
const throwing = (error: Error) => () => {
  failing = () => Promise.reject(error)
}

/** Every way to go wrong that is the same for many operations, with the operations that can. */
const ways: [name: string, status: number, can: (row: Row) => boolean, go: (row: Row) => Promise<number>][] = [
  ['headers that are too large', 431, () => true, (row) => raw(row, `X-Large: ${'x'.repeat(17 * 1024)}`)],
  ['what is no HTTP', 400, () => true, (row) => raw(row, 'no header at all')],
  ['no key', 401, ({ endpoint }) => !endpoint.open, async (row) => (await send(row, { key: null })).status],
  [
    'a wrong key',
    401,
    ({ endpoint }) => !endpoint.open,
    async (row) => (await send(row, { key: 'another-key-entirely' })).status,
  ],
  [
    'an unknown parameter',
    400,
    ({ endpoint }) => !endpoint.open,
    async (row) => (await send(row, {}, `${row.query || '?x=1'}&nonsense=1`)).status,
  ],
  ['a body that is no JSON', 400, ({ takesBody }) => takesBody, async (row) => (await send(row, { body: '{' })).status],
  [
    'a body of another kind',
    415,
    ({ takesBody }) => takesBody,
    async (row) => (await send(row, { body: 'x', headers: { 'Content-Type': 'text/plain' } })).status,
  ],
  [
    'a body that is too large',
    413,
    ({ takesBody }) => takesBody,
    async (row) => (await send(row, { body: `"${'x'.repeat(1024 * 1024)}"` })).status,
  ],
]
/** What the engine may say. Only what names something can fail to find it. */
const failures: [name: string, status: number, can: (row: Row) => boolean, fail: () => void][] = [
  ['a bug', 500, ({ endpoint }) => !endpoint.open && !endpoint.root, throwing(new Error('a bug'))],
  [
    'a database that is away',
    503,
    ({ endpoint }) => !endpoint.open && !endpoint.root,
    throwing(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
  ],
  [
    'an operation that failed',
    400,
    ({ endpoint }) => Boolean(endpoint.params ?? endpoint.body ?? endpoint.query),
    throwing(new DomainError('invalid', 'it failed')),
  ],
  [
    'nothing of that name',
    404,
    ({ endpoint }) => Boolean(endpoint.params ?? endpoint.body) || endpoint.id === 'workflows_remote_list',
    throwing(new DomainError('not_found', 'Flow a\ud83d not found')),
  ],
  [
    'another version',
    412,
    ({ endpoint }) => 'If-Match' in (endpoint.requestHeaders ?? {}),
    throwing(new ChangedError('source', 4)),
  ],
]

describe.each(ways)('%s', (_, status, can, go) => {
  it.each(rows.filter(can))(`is a documented ${status} of $id`, async (row) => {
    expect(await go(row)).toBe(status)
    expect(documented(row)).toContain(status)
  })
})
describe.each(failures)('%s', (_, status, can, fail) => {
  it.each(rows.filter(can))(`is a documented ${status} of $id`, async (row) => {
    fail()
    const { status: answered, text } = await send(row)
    expect([answered, documented(row).includes(status)]).toEqual([answered, true])
    expect(text).not.toMatch(/\\ud[89a-f]/)
  })
})

it('every operation documents what befalls any request', () => {
  for (const row of rows)
    for (const status of [400, 408, 431, 500, 503])
      expect([row.id, documented(row).includes(status)]).toEqual([row.id, true])
})

it('ids and names of a flow server come as well-formed text, whatever it sent', async () => {
  api.engine.workflows.remoteList = async () => ({
    flows: [
      {
        id: 'half\ud83d',
        name: '\ude00',
        description: '',
        flow_type: 'flow',
        origin: { instance: 'x', source_url: 'http://x' },
        components: [],
      },
    ],
    unreachable: [],
  })
  const { text, json } = await api.call('GET', '/api/v1/workflows/remote')
  expect(json).toMatchObject([{ id: 'half\ufffd', name: '\ufffd' }])
  expect(text).not.toMatch(/\\ud[89a-f]/)
})
