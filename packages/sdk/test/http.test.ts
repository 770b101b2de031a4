import { patient } from '@automagik-spark/testing'
import { afterEach, describe, expect, it } from 'vitest'
import {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  ConnectionError,
  etagOf,
  NotFoundError,
  PermissionError,
  PreconditionFailedError,
  ServerError,
  Spark,
  SparkError,
  type Task,
  TimeoutError,
} from '../src/index.ts'
import { type Answer, json, startServer, until } from './server.ts'

const KEY = 'sk-test-0123456789abcdef'
const closing: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const serve = async (answer: Answer) => {
  const server = await startServer(answer)
  closing.push(server.stop)
  return { server, spark: new Spark({ baseUrl: server.url, apiKey: KEY, timeout: patient(20_000) }) }
}
const failure = async (promise: PromiseLike<unknown>): Promise<SparkError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof SparkError)) throw new Error(`expected a SparkError, got ${String(error)}`)
  return error
}

describe('errors', () => {
  it.each([
    [400, BadRequestError],
    [401, AuthenticationError],
    [403, PermissionError],
    [404, NotFoundError],
    [409, ConflictError],
    [412, PreconditionFailedError],
    [500, ServerError],
    [405, SparkError],
  ])('a %i arrives as its class with what the server said', async (status, Kind) => {
    const { server, spark } = await serve((_, response) =>
      json(
        response,
        status,
        { detail: 'Why.', errors: [{ path: 'url', message: 'is wrong' }] },
        { 'x-request-id': 'r-1' },
      ),
    )
    const error = await failure(spark.sources.create({ url: 'x' }))
    expect(error.constructor).toBe(Kind)
    expect(error).toMatchObject({
      status,
      detail: 'Why.',
      message: 'Why.',
      errors: [{ path: 'url', message: 'is wrong' }],
      requestId: 'r-1',
    })
    expect(server.received).toHaveLength(1)
  })

  it('an unreachable address is a ConnectionError that names it, the reason and the cause', async () => {
    const { server, spark } = await serve(() => {})
    await server.stop()
    const error = await failure(new Spark({ baseUrl: server.url, maxRetries: 0 }).service.health())
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toBe(`Cannot reach Spark at ${server.url}: the connection was refused`)
    expect(error.status).toBeNull()
    expect(error.cause).toBeInstanceOf(TypeError)
    expect(spark.baseUrl).toBe(server.url)
  })

  it('an answer that is not JSON is an error that says so', async () => {
    const { spark } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    )
    const error = await failure(spark.workers.list())
    expect(error).toMatchObject({ status: 200 })
    expect(error.message).toContain('did not answer with JSON')
  })

  it('a redirect is not followed, because the key would be sent to another address', async () => {
    const other = await serve((_, response) => json(response, 200, {}))
    const { server, spark } = await serve((_, response) =>
      response.writeHead(302, { location: `${other.server.url}/api/v1/workers` }).end(),
    )
    const error = await failure(spark.workers.list())
    expect(error).toMatchObject({ status: 302 })
    expect(error.message).toContain(`redirects to ${other.server.url}`)
    expect(server.received).toHaveLength(1)
    expect(other.server.received).toEqual([])
  })

  it('a 503 of ready is an answer', async () => {
    const { server, spark } = await serve((_, response) =>
      json(response, 503, { status: 'not ready', reason: 'no database' }),
    )
    expect(await spark.service.ready()).toEqual({ status: 'not ready', reason: 'no database' })
    expect(server.received).toHaveLength(1)
  })
})

describe('retries', () => {
  const calls = {
    get: (spark: Spark) => spark.tasks.get('t'),
    put: (spark: Spark) => spark.schedules.replace('s', {}),
    delete: (spark: Spark) => spark.tasks.delete('t'),
    post: (spark: Spark) => spark.schedules.run('s'),
    patch: (spark: Spark) => spark.schedules.update('s', {}),
  }
  const hangUp: Answer = (_, response) => response.socket?.destroy()
  const halfAnAnswer: Answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"id":')
    response.on('error', () => {})
    setTimeout(() => response.socket?.destroy(), 10)
  }
  const busy =
    (status: number): Answer =>
    (_, response) =>
      json(response, status, { detail: 'busy' })

  const troubles: Array<[string, Answer]> = [
    ['a lost connection', hangUp],
    ['half an answer', halfAnAnswer],
    ['429', busy(429)],
    ['500', busy(500)],
    ['502', busy(502)],
    ['503', busy(503)],
  ]
  it.each(
    (['get', 'put', 'delete'] as const).flatMap((method) =>
      troubles.map(([name, trouble]) => [method, name, trouble] as const),
    ),
  )('%s is retried after %s', async (method, _, trouble) => {
    const { server, spark } = await serve((request, response, count) =>
      count === 1 ? trouble(request, response, count) : json(response, 200, { id: 'fine' }),
    )
    expect(await calls[method](spark)).toEqual({ id: 'fine' })
    expect(server.received).toHaveLength(2)
  })

  it.each(
    (['post', 'patch'] as const).flatMap((method) =>
      troubles.map(([name, trouble]) => [method, name, trouble] as const),
    ),
  )('%s is never sent twice, also not after %s', async (method, _, trouble) => {
    const { server, spark } = await serve(trouble)
    await failure(calls[method](spark))
    expect(server.received).toHaveLength(1)
  })

  it('says that a POST whose answer was lost may have been carried out', async () => {
    const { spark } = await serve(hangUp)
    const error = await failure(calls.post(spark))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain('may have been carried out')
  })

  it('a POST that could not connect is sent once the server listens', async () => {
    const { server } = await serve((_, response) => json(response, 202, { id: 'fine' }))
    await server.stop()
    let attempts = 0
    const spark = new Spark({
      baseUrl: server.url,
      fetch: async (request, init) => {
        attempts++
        if (attempts === 2) await server.restart()
        return fetch(request, init)
      },
    })
    expect(await calls.post(spark)).toEqual({ id: 'fine' })
    expect(attempts).toBe(2)
    expect(server.received).toHaveLength(1)
  })

  it.each([[400], [404], [409]])('a %i is final and is not retried', async (status) => {
    const { server, spark } = await serve(busy(status))
    await failure(calls.get(spark))
    expect(server.received).toHaveLength(1)
  })

  it('gives up after maxRetries with the last answer', async () => {
    const { server } = await serve(busy(503))
    const error = await failure(new Spark({ baseUrl: server.url, maxRetries: 1 }).tasks.get('t'))
    expect(error).toMatchObject({ name: 'ServerError', status: 503, detail: 'busy' })
    expect(server.received).toHaveLength(2)
  })

  it.each([['1'], [() => new Date(Date.now() + 2000).toUTCString()]])(
    'waits as long as Retry-After says: %s',
    async (value) => {
      const at: number[] = []
      const { spark } = await serve((_, response, count) => {
        at.push(performance.now())
        if (count === 1)
          json(response, 503, { detail: 'busy' }, { 'retry-after': typeof value === 'string' ? value : value() })
        else json(response, 200, { id: 'fine' })
      })
      await calls.get(spark)
      // The backoff alone is at most 300 ms; the date has whole seconds, so that of two may be one.
      expect(at[1]! - at[0]!).toBeGreaterThan(900)
    },
  )

  it('does not wait for a Retry-After beyond its time limit, and rejects with the answer of the server', async () => {
    const { server, spark } = await serve((_, response) =>
      json(response, 429, { detail: 'slow down' }, { 'retry-after': '3600' }),
    )
    expect(await failure(calls.get(spark))).toMatchObject({ status: 429, detail: 'slow down' })
    expect(server.received).toHaveLength(1)
  })

  it('ignores a Retry-After that it cannot read', async () => {
    const { server, spark } = await serve((_, response, count) =>
      count === 1 ? json(response, 503, {}, { 'retry-after': 'soon' }) : json(response, 200, { id: 'fine' }),
    )
    expect(await calls.get(spark)).toEqual({ id: 'fine' })
    expect(server.received).toHaveLength(2)
  })
})

describe('time', () => {
  it('ends a call that is not answered, as a TimeoutError that names the limit', async () => {
    const { spark } = await serve(() => {})
    const error = await failure(spark.tasks.get('t', { timeout: 50 }))
    expect(error).toBeInstanceOf(TimeoutError)
    expect(error.message).toContain('within 0.05 s')
  })

  it('counts the body and the pauses between retries', async () => {
    const slowBody = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
    )
    expect(await failure(slowBody.spark.tasks.get('t', { timeout: 50 }))).toBeInstanceOf(TimeoutError)

    const down = await serve(() => {})
    await down.server.stop()
    const spark = new Spark({ baseUrl: down.server.url, maxRetries: 1_000, timeout: 50 })
    expect(await failure(spark.tasks.get('t'))).toBeInstanceOf(TimeoutError)
  })

  it("takes the client's limit when the call has none, and none for Infinity", async () => {
    const { server } = await serve((_, response) => setTimeout(() => json(response, 200, { id: 'fine' }), 150))
    const spark = new Spark({ baseUrl: server.url, timeout: 50 })
    expect(await failure(spark.tasks.get('t'))).toBeInstanceOf(TimeoutError)
    expect(await spark.tasks.get('t', { timeout: Number.POSITIVE_INFINITY })).toEqual({ id: 'fine' })
  })

  it('a run that is waited for outlives the limit of other calls', async () => {
    const { server } = await serve((_, response) => setTimeout(() => json(response, 200, { id: 'fine' }), 150))
    const spark = new Spark({ baseUrl: server.url, timeout: 50 })
    expect(await spark.workflows.run('w', 'hi')).toEqual({ id: 'fine' })
    expect(await spark.workflows.run('w', 'hi', { timeout: 30 })).toEqual({ id: 'fine' })
  })
})

describe('a run that takes longer than one call may', () => {
  const running = { id: 't', status: 'running', timeout: 3600 }

  it('is polled once the server confirms that it has waited', async () => {
    const { server, spark } = await serve(({ method }, response) =>
      method === 'POST'
        ? json(response, 202, running, { 'preference-applied': 'wait=240' })
        : json(response, 200, { ...running, status: 'completed' }),
    )
    expect(await spark.workflows.run('w', 'hi')).toMatchObject({ status: 'completed' })
    expect(server.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'POST /api/v1/workflows/w/run',
      'GET /api/v1/tasks/t',
    ])
    expect(server.received[0]!.headers.prefer).toBe('wait=240')
  })

  it('is not polled when the server did not wait, because no worker is running', async () => {
    const { server, spark } = await serve((_, response) => json(response, 202, { ...running, status: 'pending' }))
    expect(await spark.workflows.run('w', 'hi')).toMatchObject({ status: 'pending' })
    expect(server.received).toHaveLength(1)
  })

  it('ends in a TimeoutError when the caller wants to wait no longer', async () => {
    const { spark } = await serve((_, response) => json(response, 202, running, { 'preference-applied': 'wait=240' }))
    expect(await failure(spark.workflows.run('w', 'hi', {}, { timeout: 200 }))).toBeInstanceOf(TimeoutError)
  })
})

describe('abort', () => {
  const reason = new Error('enough')

  it('rejects with the reason and hangs up', async () => {
    const controller = new AbortController()
    let gone = false
    const { server, spark } = await serve((_, response) => response.on('close', () => (gone = true)))
    const call = spark.workflows.run('w', 'hi', {}, { signal: controller.signal })
    const ended = expect(call).rejects.toBe(reason)
    await until(() => server.received.length === 1)
    controller.abort(reason)
    await ended
    await until(() => gone)
  })

  it('ends the pause before a retry', async () => {
    const controller = new AbortController()
    const { server, spark } = await serve((_, response) => json(response, 503, {}, { 'retry-after': '10' }))
    const ended = expect(spark.tasks.get('t', { signal: controller.signal })).rejects.toBe(reason)
    await until(() => server.received.length === 1)
    controller.abort(reason)
    await ended
    expect(server.received).toHaveLength(1)
  })

  it('sends nothing when the signal is already aborted', async () => {
    const { server, spark } = await serve((_, response) => json(response, 200, {}))
    await expect(spark.tasks.get('t', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(server.received).toEqual([])
  })
})

describe('a body that cannot be JSON', () => {
  const cycle: Record<string, unknown> = {}
  cycle.itself = cycle
  it.each([
    ['a cycle', cycle, /^the input cannot be sent as JSON: .*circular/i],
    [
      'what says that it cannot',
      {
        toJSON: () => {
          throw new Error('not me')
        },
      },
      /^the input cannot be sent as JSON: not me$/,
    ],
  ])('%s is refused in a sentence, and nothing is sent', async (_, input, sentence) => {
    const { server, spark } = await serve((_, response) => json(response, 200, {}))
    const error = await failure(spark.workflows.run('w', input))
    expect(error).toBeInstanceOf(BadRequestError)
    expect(error.message).toMatch(sentence)
    expect(server.received).toEqual([])
  })
})

describe('lists and waits', () => {
  it('a list that nobody awaits sends nothing, so its failure cannot end the process', async () => {
    const { server, spark } = await serve((_, response) => json(response, 500, { detail: 'no' }))
    const unhandled: unknown[] = []
    const note = (reason: unknown) => void unhandled.push(reason)
    process.on('unhandledRejection', note)
    const list = spark.tasks.list()
    await spark.service.health().catch(() => undefined) // by its answer a list would have been asked for
    process.off('unhandledRejection', note)
    expect([server.received.filter(({ url }) => url.includes('/tasks')), unhandled]).toEqual([[], []])
    expect((await list.catch((error: Error) => error)) instanceof Error).toBe(true)
  })

  it('iterates over three pages by cursor', async () => {
    const { server, spark } = await serve(({ url }, response) => {
      const page = Number(new URL(url, 'http://x').searchParams.get('cursor') ?? 0)
      const items = [page * 2, page * 2 + 1].map((n) => ({ id: `t${n}` }))
      json(response, 200, {
        items,
        total: 6,
        limit: 2,
        offset: page * 2,
        has_more: page < 2,
        next_cursor: page < 2 ? String(page + 1) : null,
      })
    })
    const ids: string[] = []
    for await (const task of spark.tasks.list({ limit: 2, status: 'completed' })) ids.push(task.id)
    expect(ids).toEqual(['t0', 't1', 't2', 't3', 't4', 't5'])
    expect(server.received.map(({ url }) => url)).toEqual([
      '/api/v1/tasks?limit=2&status=completed',
      '/api/v1/tasks?limit=2&status=completed&cursor=1',
      '/api/v1/tasks?limit=2&status=completed&cursor=2',
    ])
    expect(server.received.every(({ headers }) => headers['x-api-key'] === KEY)).toBe(true)
  })

  it('waits for a task through a restart of the server', async () => {
    const task = (status: Task['status']) => ({ id: 't', status })
    const { server, spark } = await serve((_, response, count) =>
      json(response, 200, task(count < 3 ? 'running' : 'completed')),
    )
    let restarted = false
    const onPoll = () => {
      if (restarted) return
      restarted = true
      void server.stop().then(server.restart)
    }
    expect(await spark.tasks.wait('t', { pollMs: 5, onPoll })).toEqual(task('completed'))
    expect(server.received).toHaveLength(3)
  })

  it('sends text that is not ASCII unchanged', async () => {
    const { server, spark } = await serve((_, response) => json(response, 200, {}))
    await spark.workflows.run('w', 'olá 👋')
    expect(JSON.parse(server.received[0]!.body)).toEqual({ input_value: 'olá 👋' })
    expect(server.received[0]!.headers['content-type']).toBe('application/json')
  })
})

describe('ETags', () => {
  it('of a source or schedule go into ifMatch, and no field of theirs changes', async () => {
    const { server, spark } = await serve((_, response, count) =>
      json(response, 200, { id: 'an-id' }, { etag: `"${count}"` }),
    )
    const source = await spark.sources.get('an-id')
    expect(source).toEqual({ id: 'an-id' })
    const changed = await spark.sources.update('an-id', { name: 'New' }, { ifMatch: etagOf(source) })
    await spark.sources.delete('an-id', { ifMatch: etagOf(changed) })
    const schedule = await spark.schedules.enable('an-id')
    await spark.schedules.replace('an-id', {}, { ifMatch: etagOf(schedule) })
    await spark.schedules.disable('an-id', {}, { ifMatch: '"9"' })
    await spark.schedules.delete('an-id', { ifMatch: '*' })
    expect(server.received.map(({ headers }) => headers['if-match'])).toEqual([
      undefined,
      '"1"',
      '"2"',
      undefined,
      '"4"',
      '"9"',
      '*',
    ])
  })

  it('are not known of copies, which is an error and never a change without ifMatch', async () => {
    const { spark } = await serve((_, response) => json(response, 200, { id: 'an-id' }, { etag: '"1"' }))
    const copy = { ...(await spark.schedules.get('an-id')) }
    expect(() => etagOf(copy)).toThrow(/^this object has no ETag/)
  })
})
