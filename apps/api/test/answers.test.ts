import type { Page } from '@automagik-spark/core'
import { DomainError, invalid, SourceError } from '@automagik-spark/core'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ID, OTHER_ID, pageOf, schedule, source, task, workflow } from './fake-engine.ts'
import type { RunningApi } from './running-api.ts'
import { getRaw, KEY, startApi } from './running-api.ts'
import { rows } from './table.ts'

let api: RunningApi
beforeEach(async () => {
  api = await startApi()
})
afterEach(() => api.close())

const CANARY = 'canary-of-a-secret'
/** The same value with a secret added to every object in it. */
const withSecrets = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withSecrets)
  if (value === null || typeof value !== 'object' || value instanceof Date) return value
  return {
    ...Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withSecrets(part)])),
    api_key_encrypted: CANARY,
    token: CANARY,
  }
}
/** These hold whatever a flow server or a user put there. */
const free = new Set(['data', 'input_data', 'output_data', 'input_value', 'tweaks', 'version_info'])
const known = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(known)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !free.has(key))
      .map(([key, part]) => [key, known(part)]),
  )
}

describe('what a handler returns beyond the schema', () => {
  it('never leaves, on any row of the table', async () => {
    for (const group of Object.values(api.engine)) {
      for (const [name, call] of Object.entries(group) as [string, (...args: unknown[]) => unknown][]) {
        // A test double may be changed in place; the routes look a call up each time.
        Object.assign(group, {
          [name]: (...args: unknown[]) => {
            const result = call(...args)
            return result instanceof Promise ? result.then(withSecrets) : withSecrets(result)
          },
        })
      }
    }
    for (const { id, method, path, query, body, endpoint } of rows) {
      const answer = await api.call(method, path + query, { body })
      expect([id, answer.status]).toEqual([id, endpoint.status])
      expect(JSON.stringify(known(answer.json))).not.toContain(CANARY)
    }
  })
})

describe('a failure', () => {
  const fail = (error: unknown) => {
    api.engine.sources.get = () => Promise.reject(error)
    return api.call('GET', `/api/v1/sources/${ID}`, { headers: { 'X-Request-Id': 'of-this-test' } })
  }

  it.each([
    ['an error', new Error(`password ${CANARY} of postgres://spark@db/spark`)],
    ['a TypeError', new TypeError(CANARY)],
    ['text', CANARY],
    [
      'an error with a status',
      Object.assign(new Error(CANARY), { status: 418, statusCode: 418, expose: true, headers: { 'X-Canary': CANARY } }),
    ],
  ])('that nobody foresaw (%s) says nothing; the log has it under the id of the request', async (_, error) => {
    const answer = await fail(error)
    expect([answer.status, answer.text]).toEqual([500, '{"detail":"Internal Server Error"}'])
    expect(answer.headers.get('x-request-id')).toBe('of-this-test')
    expect(answer.headers.get('x-canary')).toBeNull()
    expect(api.log.find(({ level }) => level === 'error')).toMatchObject({
      message: 'request failed',
      request_id: 'of-this-test',
      method: 'GET',
      path: `/api/v1/sources/${ID}`,
      err: error,
    })
  })

  it('is a 503 when only the database is away', async () => {
    const answer = await fail(new Error('the database is away'))
    expect([answer.status, answer.json, answer.headers.get('retry-after')]).toEqual([
      503,
      { detail: 'The database does not answer; try again in a moment' },
      '2',
    ])
  })
  it('of a handler that throws at once is the same', async () => {
    api.engine.health.report = () => {
      throw new Error(CANARY)
    }
    expect((await api.call('GET', '/health')).text).toBe('{"detail":"Internal Server Error"}')
  })

  it("to answer what the schema promises is our bug, not the client's", async () => {
    api.engine.sources.get = () => Promise.resolve({ ...source, status: CANARY as 'active' })
    const answer = await api.call('GET', `/api/v1/sources/${ID}`)
    expect([answer.status, answer.text]).toEqual([500, '{"detail":"Internal Server Error"}'])
    expect(api.log.filter(({ level }) => level === 'error')).toHaveLength(1)
  })

  it.each([
    [
      new DomainError('invalid', 'Source with URL http://x already exists'),
      400,
      { detail: 'Source with URL http://x already exists' },
    ],
    [
      invalid('timezone', '"Mars/X" is not an IANA name'),
      400,
      {
        detail: 'timezone: "Mars/X" is not an IANA name',
        errors: [{ path: 'timezone', message: '"Mars/X" is not an IANA name' }],
      },
    ],
    [new DomainError('not_found', 'Source not found'), 404, { detail: 'Source not found' }],
    [
      new SourceError('source_unreachable', 'not_sent', 'Failed to validate source: connection refused'),
      400,
      { detail: 'Failed to validate source: connection refused' },
    ],
    [
      new DomainError('unavailable', 'The database cannot be reached'),
      503,
      { detail: 'The database cannot be reached' },
    ],
  ])('that was foreseen says what it is: %s', async (error, status, json) => {
    const answer = await fail(error)
    expect([answer.status, answer.json]).toEqual([status, json])
    expect(api.log.filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('the id of a request', () => {
  it.each(['a', 'ABC-123_x.y', 'x'.repeat(128)])('%s is taken over', async (id) => {
    expect((await api.call('GET', '/health', { headers: { 'X-Request-Id': id } })).headers.get('x-request-id')).toBe(id)
  })
  it.each(['', 'a b', 'x'.repeat(129), 'é', '{"a":1}', 'a,b', '$(id)'])('"%s" is replaced', async (id) => {
    expect((await api.call('GET', '/health', { headers: { 'X-Request-Id': id } })).headers.get('x-request-id')).toMatch(
      /^[0-9a-f-]{36}$/,
    )
  })
  it('stands on a 401, a 404, a 405, a 415 and a preflight', async () => {
    const headers = { 'X-Request-Id': 'mine' }
    const answers = [
      await api.call('GET', '/', { key: null, headers }),
      await api.call('GET', '/nope', { headers }),
      await api.call('PUT', '/health', { headers }),
      await api.call('POST', '/api/v1/sources', { body: 'x', headers: { ...headers, 'Content-Type': 'text/plain' } }),
      await api.call('OPTIONS', '/', {
        key: null,
        headers: { ...headers, Origin: 'http://x', 'Access-Control-Request-Method': 'GET' },
      }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([401, 404, 405, 415, 204])
    expect(answers.map((answer) => answer.headers.get('x-request-id'))).toEqual(Array(5).fill('mine'))
  })
})

describe('a list of thousands', () => {
  it('is the same as one of few', async () => {
    const flow = (at: number) => ({
      id: `f${at}`,
      name: `Flow ${at}`,
      description: '',
      flow_type: 'flow' as const,
      origin: { instance: 'x', source_url: 'http://x' },
      components: [],
    })
    const flows = Array.from({ length: 1_234 }, (_, at) => flow(at))
    api.engine.workflows.remoteList = async () => ({ flows, unreachable: [] })
    const answer = await api.call('GET', '/api/v1/workflows/remote')
    expect(JSON.parse(answer.text)).toEqual(flows)
  })
})

describe('the log', () => {
  it('has one line for a request, without its query: reads quietly, writes and failures not', async () => {
    await api.call('GET', '/api/v1/sources?limit=5')
    await api.call('POST', '/api/v1/sources', { body: { url: 'http://x' } })
    await api.call('GET', '/api/v1/sources?secret=1')
    await api.call('GET', `/api/v1/nope%0Ainjected?x=${CANARY}`)
    await expect.poll(() => api.log.length).toBe(4)
    const line = (level: string, method: string, path: string, status: number) => ({
      level,
      message: 'request',
      method,
      path,
      status,
      took_ms: expect.any(Number),
      request_id: expect.any(String),
    })
    expect(api.log).toEqual([
      line('debug', 'GET', '/api/v1/sources', 200),
      line('info', 'POST', '/api/v1/sources', 201),
      line('info', 'GET', '/api/v1/sources', 400),
      line('info', 'GET', '/api/v1/nope%0Ainjected', 404),
    ])
  })
  it('has of a long path its first segments only, and none of them in half', async () => {
    await getRaw(api.port, `/api/v1/${'k'.repeat(15_500)}`, { key: null })
    await getRaw(api.port, `/api/v1/tasks/${'ab/'.repeat(1_000)}`, { key: null })
    await expect.poll(() => api.log.length).toBe(2)
    expect(api.log.map(({ path }) => path)).toEqual([
      '/api/v1/… (15508 characters)',
      `/api/v1/tasks/${'ab/'.repeat(80)}… (3014 characters)`,
    ])
  })
})

describe('service', () => {
  it('is not ready with a 503', async () => {
    api.engine.health.ready = () => ({ status: 'not ready', reason: 'the database cannot be reached' })
    const answer = await api.call('GET', '/ready', { key: null })
    expect([answer.status, answer.json]).toEqual([
      503,
      { status: 'not ready', reason: 'the database cannot be reached' },
    ])
  })
  it('says where its documentation is', async () => {
    const { json } = await api.call('GET', '/')
    expect(json).toMatchObject({
      status: 'online',
      service: 'Spark API',
      version: '0.1.0',
      server_time: '2026-03-01T12:00:00.000Z',
    })
    for (const name of ['docs_url', 'redoc_url', 'openapi_url'])
      expect((await api.call('GET', String(json[name]), { key: null })).status).toBe(200)
  })
  it('lets a load balancer add to an open path what it likes', async () => {
    expect((await api.call('GET', '/health?probe=1&probe=1', { key: null })).status).toBe(200)
  })
})

describe('what was made', () => {
  it.each([
    ['/api/v1/sources', { url: 'http://x' }, `/api/v1/sources/${source.id}`],
    [
      '/api/v1/schedules',
      { workflow_id: ID, schedule_type: 'cron', schedule_expr: '* * * * *' },
      `/api/v1/schedules/${schedule.id}`,
    ],
    ['/api/v1/workflows/sync/new', undefined, `/api/v1/workflows/${workflow.id}`],
    [`/api/v1/schedules/${ID}/run`, undefined, `/api/v1/tasks/${task.id}`],
    [`/api/v1/tasks/${ID}/replay`, undefined, `/api/v1/tasks/${OTHER_ID}`],
  ])('POST %s says where it is', async (path, body, location) => {
    expect((await api.call('POST', path, { body })).headers.get('location')).toBe(location)
  })
})

describe('sync', () => {
  it('of a flow that is here already is a 200', async () => {
    expect((await api.call('POST', '/api/v1/workflows/sync/flow-1')).status).toBe(200)
  })
  it('of every flow is a 200 with what failed', async () => {
    const answer = await api.call('POST', '/api/v1/workflows/sync/*?source_url=http://localhost:7860')
    expect([answer.status, answer.json]).toMatchObject([
      200,
      { synced: [{ id: ID }], failed: [{ flow_id: 'broken', detail: 'it has no output' }] },
    ])
  })
  it('hands on what is in the query, and a flow id as it was meant', async () => {
    await api.call(
      'POST',
      '/api/v1/workflows/sync/a%2Fb%3F?source_url=lab&input_component=input&output_component=output',
    )
    expect(api.calls.at(-1)).toEqual([
      'workflows.sync',
      'a/b?',
      { source_url: 'lab', input_component: 'input', output_component: 'output' },
      expect.any(AbortSignal),
    ])
  })
})

describe('remote flows', () => {
  it('name the sources that could not be reached, safely', async () => {
    api.engine.workflows.remoteList = async () => ({
      flows: [],
      unreachable: ['http://a:1', 'http://b/x,y', 'http://c/é\r\nX-Evil: 1'],
    })
    const answer = await api.call('GET', '/api/v1/workflows/remote')
    expect(answer.headers.get('x-spark-unreachable')).toBe(
      'http://a:1, http://b/x%2Cy, http://c/%C3%A9%0D%0AX-Evil:%201',
    )
    expect(answer.headers.get('x-evil')).toBeNull()
  })
  it('have no such header when all answered', async () => {
    expect((await api.call('GET', '/api/v1/workflows/remote')).headers.get('x-spark-unreachable')).toBeNull()
  })
  it.each([
    ['', true],
    ['?simplified=true', true],
    ['?simplified=1', true],
    ['?simplified=false', false],
    ['?simplified=0', false],
  ])('%s', async (query, simplified) => {
    await api.call('GET', `/api/v1/workflows/remote${query}`)
    expect(api.calls.at(-1)).toEqual(['workflows.remoteList', { simplified }, expect.any(AbortSignal)])
  })
})

describe('a run', () => {
  const RUN = `/api/v1/workflows/${ID}/run`
  it('is waited for, and answers 200 also when the flow failed', async () => {
    api.engine.workflows.run = async () => ({
      task: { ...task, status: 'failed', error: 'the flow says no', error_code: 'flow_failed' },
      finished: true,
    })
    const answer = await api.call('POST', RUN, { body: '"x"' })
    expect([answer.status, answer.json]).toMatchObject([200, { status: 'failed', error_code: 'flow_failed' }])
    expect(answer.headers.get('location')).toBeNull()
  })
  it('that is not over is a 202 that says where to look', async () => {
    api.engine.workflows.run = async () => ({ task: { ...task, status: 'running' }, finished: false })
    const answer = await api.call('POST', RUN, { body: '"x"' })
    expect([answer.status, answer.headers.get('location')]).toEqual([202, `/api/v1/tasks/${ID}`])
  })
  it.each([
    ['?wait=false', {}, null],
    ['?wait=0', {}, null],
    ['', { Prefer: 'respond-async' }, 'respond-async'],
    ['?wait=true', { Prefer: 'return=minimal, Respond-Async; x=1' }, 'respond-async'],
  ])('with %s and %j is not waited for', async (query, headers, applied) => {
    const answer = await api.call('POST', `${RUN}${query}`, { body: '"x"', headers })
    expect([answer.status, answer.headers.get('location'), answer.headers.get('preference-applied')]).toEqual([
      202,
      `/api/v1/tasks/${ID}`,
      applied,
    ])
    expect(api.calls.at(-1)![3]).toEqual({ wait: false })
  })
  it('is waited for no longer than the client likes, and the answer says when that was the reason', async () => {
    const asked: unknown[] = []
    api.engine.workflows.run = async (_id, _request, options) => {
      asked.push(options.wait_seconds)
      return { task: { ...task, status: 'running' }, finished: false, cut_short: options.wait_seconds === 7 }
    }
    const cut = await api.call('POST', RUN, { body: '"x"', headers: { Prefer: 'wait=7' } })
    expect([cut.status, cut.headers.get('preference-applied')]).toEqual([202, 'wait=7'])
    const other = await api.call('POST', RUN, { body: '"x"', headers: { Prefer: 'wait=8' } })
    expect([other.status, other.headers.get('preference-applied')]).toEqual([202, null])
    expect(asked).toEqual([7, 8])
  })
  it('goes on when its client leaves; only the waiting ends', async () => {
    const seen = vi.fn<(signal: AbortSignal | undefined) => void>()
    const left = new Promise<void>((resolve) => {
      api.engine.workflows.run = (_id, _request, { signal }) => {
        seen(signal)
        return new Promise((answer) => {
          signal!.addEventListener('abort', () => {
            answer({ task: { ...task, status: 'running' }, finished: false })
            resolve()
          })
        })
      }
    })
    const client = new AbortController()
    const gone = fetch(`${api.url}${RUN}`, {
      method: 'POST',
      headers: { 'X-API-Key': KEY, 'Content-Type': 'application/json' },
      body: '"x"',
      signal: client.signal,
    }).catch((error: Error) => error.name)
    await expect.poll(() => seen.mock.calls.length).toBe(1)
    client.abort()
    expect(await gone).toBe('AbortError')
    await left
    expect(api.log.filter(({ level }) => level === 'error')).toEqual([])
    expect((await api.call('GET', '/health')).status).toBe(200)
  })
})

describe('cancel', () => {
  it('that is not over yet is a 202', async () => {
    api.engine.tasks.cancel = async () => ({ task: { ...task, status: 'running' }, done: false })
    expect((await api.call('POST', `/api/v1/tasks/${ID}/cancel`)).status).toBe(202)
  })
})

describe('replay', () => {
  it.each([
    [undefined, {}],
    [{}, {}],
    [{ input_value: null }, { input_value: null }],
    ['{"input_value": { "b":1.10, "a":1 }}', { input_value: '{ "b":1.10, "a":1 }' }],
  ])('%j gives the engine %j', async (body, input) => {
    const answer = await api.call('POST', `/api/v1/tasks/${ID}/replay`, { body })
    expect([answer.status, answer.json.replay_of]).toEqual([202, ID])
    expect(api.calls.at(-1)).toEqual(['tasks.replay', ID, input])
  })
  it('takes nothing else', async () => {
    expect((await api.call('POST', `/api/v1/tasks/${ID}/replay`, { body: { input: 'x' } })).status).toBe(400)
  })
})

describe('preview', () => {
  it('gives what was asked for, with the defaults of a schedule', async () => {
    const answer = await api.call(
      'GET',
      '/api/v1/schedules/preview?schedule_type=cron&schedule_expr=0%208%20*%20*%20*&count=3&from=2026-01-01T00:00:00%2B01:00',
    )
    expect(answer.status).toBe(200)
    expect(api.calls.at(-1)).toEqual([
      'schedules.preview',
      {
        schedule_type: 'cron',
        schedule_expr: '0 8 * * *',
        timezone: 'UTC',
        count: 3,
        from: new Date('2025-12-31T23:00:00Z'),
      },
    ])
    await api.call('GET', '/api/v1/schedules/preview?schedule_type=interval&schedule_expr=15m&timezone=Europe/Lisbon')
    expect(api.calls.at(-1)).toEqual([
      'schedules.preview',
      { schedule_type: 'interval', schedule_expr: '15m', timezone: 'Europe/Lisbon', count: 10 },
    ])
  })
  it.each([
    ['schedule_expr=15m', 'schedule_type: is required and must be cron, interval or one-time'],
    ['schedule_type=cron', 'schedule_expr: '],
    ['schedule_type=cron&schedule_expr=x&count=0', 'count: must be a whole number from 1 to 100'],
    ['schedule_type=cron&schedule_expr=x&count=101', 'count: must be a whole number from 1 to 100'],
    ['schedule_type=cron&schedule_expr=x&from=2026-01-01', 'from: must be an ISO 8601 time'],
    ['schedule_type=cron&schedule_expr=x&jitter=5', '"jitter": unknown parameter'],
  ])('refuses ?%s', async (query, message) => {
    const answer = await api.call('GET', `/api/v1/schedules/preview?${query}`)
    expect([answer.status, answer.json.detail]).toEqual([400, expect.stringContaining(message)])
  })
})

describe('backfill', () => {
  const span = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00+01:00' }
  it('is accepted, and a dry run answers at once', async () => {
    const answer = await api.call('POST', `/api/v1/schedules/${ID}/backfill`, { body: span })
    expect([answer.status, answer.json.due_times]).toEqual([
      202,
      [{ scheduled_for: expect.any(String), task_id: ID, was: 'missed', reason: 'misfire' }],
    ])
    expect(api.calls.at(-1)).toEqual([
      'schedules.backfill',
      ID,
      { from: new Date(span.from), to: new Date('2026-01-01T23:00:00Z'), dry_run: false },
    ])
    expect(
      (await api.call('POST', `/api/v1/schedules/${ID}/backfill`, { body: { ...span, dry_run: true } })).status,
    ).toBe(200)
  })
  it.each([
    [{ from: span.from }, 'to: is required and must be an ISO 8601 time'],
    [{ ...span, from: 'yesterday' }, 'from: must be an ISO 8601 time'],
    [{ ...span, dry_run: 'yes' }, 'dry_run: must be true or false'],
    [{ ...span, until: span.to }, '"until": unknown field'],
  ])('refuses %j', async (body, message) => {
    const answer = await api.call('POST', `/api/v1/schedules/${ID}/backfill`, { body })
    expect([answer.status, answer.json.detail]).toEqual([400, expect.stringContaining(message)])
  })
})

describe('disable', () => {
  it.each([
    [undefined, null],
    [{}, null],
    [{ reason: null }, null],
    [{ reason: 'holidays' }, 'holidays'],
  ])('%j gives the reason %j', async (body, reason) => {
    const answer = await api.call('POST', `/api/v1/schedules/${ID}/disable`, { body })
    expect([answer.status, answer.json.paused_reason]).toEqual([200, reason])
    expect(api.calls.at(-1)).toEqual(['schedules.disable', ID, reason, null])
  })
})

describe('text that PostgreSQL made', () => {
  it('is sent as it is', async () => {
    const json_text = JSON.stringify(pageOf([{ ...task, output_data: 'é😀' }] as unknown[]) satisfies Page<unknown>)
    api.engine.tasks.list = async () => ({ json_text })
    const answer = await api.call('GET', '/api/v1/tasks')
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([
      200,
      json_text,
      'application/json; charset=utf-8',
    ])
  })
})
