import { endpoints } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { Spark } from './client.ts'
import { BadRequestError } from './errors.ts'

const ID = '0199a1b2-0000-7000-8000-000000000001'
const PAGE = { items: [], total: 0, limit: 50, offset: 0, has_more: false, next_cursor: null }

/** A client that records its requests instead of sending them. */
const makeRecorder = (options: { baseUrl?: string; apiKey?: string } = {}, answer: unknown = PAGE) => {
  const requests: Array<{ method: string; url: URL; headers: Headers; body: unknown }> = []
  const spark = new Spark({
    ...options,
    fetch: async (request) => {
      const text = await request.text()
      requests.push({
        method: request.method,
        url: new URL(request.url),
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
      })
      return Response.json(answer)
    },
  })
  return { spark, requests }
}

type Calls = Record<string, (spark: Spark) => PromiseLike<unknown>>
const calls: Calls = {
  health: (spark) => spark.service.health(),
  ready: (spark) => spark.service.ready(),
  service_info: (spark) => spark.service.info(),
  sources_create: (spark) => spark.sources.create({ url: 'http://localhost:7860', api_key: 'k' }),
  sources_list: (spark) => spark.sources.list({ status: 'active', limit: 10 }),
  sources_get: (spark) => spark.sources.get(ID),
  sources_update: (spark) => spark.sources.update(ID, { name: 'x' }),
  sources_replace: (spark) => spark.sources.replace(ID, { name: null }),
  sources_validate: (spark) => spark.sources.validate(ID),
  sources_delete: (spark) => spark.sources.delete(ID),
  workflows_list: (spark) => spark.workflows.list({ search: 'a b&c', source: ID }),
  workflows_remote_list: (spark) => spark.workflows.remote({ source_url: 'http://localhost:7860', simplified: false }),
  workflows_remote_get: (spark) => spark.workflows.remoteFlow('flow', { source_url: 'http://localhost:7860' }),
  workflows_sync: (spark) => spark.workflows.sync('flow', { input_component: 'ChatInput-1' }),
  workflows_get: (spark) => spark.workflows.get(ID),
  workflows_delete: (spark) => spark.workflows.delete(ID),
  workflows_run: (spark) =>
    spark.workflows.run(
      ID,
      { a: 1 },
      { session_id: 's', max_retries: 2, retry_on: 'failure', timeout: 9, wait: false },
    ),
  tasks_list: (spark) => spark.tasks.list({ status: 'failed', created_after: '2026-01-01T00:00:00Z' }),
  tasks_get: (spark) => spark.tasks.get(ID),
  tasks_delete: (spark) => spark.tasks.delete(ID),
  tasks_cancel: (spark) => spark.tasks.cancel(ID),
  tasks_retry: (spark) => spark.tasks.retry(ID),
  tasks_replay: (spark) => spark.tasks.replay(ID, { input_value: 'again' }),
  tasks_logs: (spark) => spark.tasks.logs(ID, { offset: 5 }),
  schedules_create: (spark) =>
    spark.schedules.create({ workflow_id: ID, schedule_type: 'interval', schedule_expr: '1m' }),
  schedules_list: (spark) => spark.schedules.list({ workflow_id: ID, status: 'paused' }),
  schedules_preview: (spark) => spark.schedules.preview({ schedule_type: 'interval', schedule_expr: '1m', count: 3 }),
  schedules_get: (spark) => spark.schedules.get(ID),
  schedules_replace: (spark) => spark.schedules.replace(ID, { timezone: 'UTC' }),
  schedules_update: (spark) => spark.schedules.update(ID, { end_at: null }),
  schedules_delete: (spark) => spark.schedules.delete(ID),
  schedules_enable: (spark) => spark.schedules.enable(ID),
  schedules_disable: (spark) => spark.schedules.disable(ID, { reason: 'holiday' }),
  schedules_run: (spark) => spark.schedules.run(ID),
  schedules_backfill: (spark) =>
    spark.schedules.backfill(ID, { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', dry_run: true }),
  schedules_occurrences: (spark) => spark.schedules.occurrences(ID, { limit: 1 }),
  workers_list: (spark) => spark.workers.list(),
}

describe('Spark', () => {
  it('has a call for every row of the endpoint table', () => {
    expect(Object.keys(calls).sort()).toEqual(endpoints.map(({ id }) => id).sort())
  })

  it.each(endpoints.map((row) => [row.id, row] as const))(
    'sends %s as the endpoint table defines it',
    async (id, row) => {
      const { spark, requests } = makeRecorder()
      await calls[id]?.(spark)

      expect(requests).toHaveLength(1)
      const { method, url, body } = requests[0]!
      expect(method.toLowerCase()).toBe(row.method)
      expect(url.pathname).toBe((row.root ? '' : '/api/v1') + row.path.replace('{id}', ID).replace('{flow_id}', 'flow'))
      const query = Object.fromEntries(url.searchParams)
      if (row.query) expect(row.query.safeParse(query).error).toBeUndefined()
      else expect(query).toEqual({})
      if (row.body) expect(row.body.safeParse(body).error).toBeUndefined()
      else expect(body).toBeUndefined()
    },
  )

  it('sends the key in X-API-Key, and none when there is none', async () => {
    const withKey = makeRecorder({ apiKey: 'sk-0123456789abcdef' })
    await withKey.spark.workers.list()
    expect(withKey.requests[0]?.headers.get('x-api-key')).toBe('sk-0123456789abcdef')

    const without = makeRecorder()
    await without.spark.workers.list()
    expect(without.requests[0]?.headers.has('x-api-key')).toBe(false)
  })

  it.each([
    ['http://localhost:8883'],
    ['http://localhost:8883/'],
    ['http://localhost:8883/api/v1'],
    ['http://localhost:8883/api/v1/'],
    ['http://localhost:8883?x=1#y'],
  ])('takes %s as the address', async (baseUrl) => {
    const { spark, requests } = makeRecorder({ baseUrl })
    await spark.workers.list()
    expect(requests[0]?.url.href).toBe('http://localhost:8883/api/v1/workers')
  })

  it('keeps a path before the API', async () => {
    const { spark, requests } = makeRecorder({ baseUrl: 'https://example.com/spark/' })
    await spark.service.health()
    expect(requests[0]?.url.href).toBe('https://example.com/spark/health')
  })

  it.each(['localhost:8883', 'nonsense', 'ftp://localhost', 'http://user:secret@localhost'])(
    'refuses %s as an address',
    (baseUrl) => {
      expect(() => new Spark({ baseUrl })).toThrow(/^baseUrl/)
    },
  )

  it('refuses a key that cannot be a header without quoting it', () => {
    expect(() => new Spark({ apiKey: 'secret\nvalue' })).toThrow(/^apiKey must be printable ASCII without spaces$/)
  })

  it.each(['a/../b', 'a?b#c', 'ä %2f', '*'])('encodes the id %s as one segment', async (flowId) => {
    const { spark, requests } = makeRecorder()
    await spark.workflows.remoteFlow(flowId)
    const { pathname, search } = requests[0]!.url
    expect(pathname.startsWith('/api/v1/workflows/remote/')).toBe(true)
    expect(pathname.split('/')).toHaveLength(6)
    expect(decodeURIComponent(pathname.split('/')[5]!)).toBe(flowId)
    expect(search).toBe('')
  })

  it.each(['', '.', '..'])('does not send the id "%s", which would reach another endpoint', async (id) => {
    const { spark, requests } = makeRecorder()
    await expect(spark.sources.delete(id)).rejects.toBeInstanceOf(BadRequestError)
    expect(requests).toEqual([])
  })

  it('leaves undefined out of queries', async () => {
    const { spark, requests } = makeRecorder()
    await spark.tasks.list({ status: undefined, limit: 5 })
    expect(requests[0]?.url.search).toBe('?limit=5')
  })
})
