import { SourceError, type SourceType } from '@automagik-spark/core'
import { afterEach, describe, expect, it } from 'vitest'
import {
  detectSourceType,
  type HttpPoolOptions,
  makeHttpPool,
  makeSource,
  normalizeSourceUrl,
  parseSourcePolicy,
} from '../src/index.ts'
import { serve } from './servers.ts'

const pools: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})
const poolWith = (rules: string, options: Partial<HttpPoolOptions> = {}) => {
  const policy = parseSourcePolicy(rules)
  if (typeof policy === 'string') throw new Error(policy)
  const pool = makeHttpPool({ policy, ...options })
  pools.push(pool)
  return pool
}
const probe = async (url: string, pool: ReturnType<typeof poolWith>): Promise<SourceError> => {
  const error: unknown = await makeSource({
    source_type: 'langflow',
    url: normalizeSourceUrl(url),
    api_key: 'sk-canary',
    pool,
  })
    .probe()
    .then(
      () => null,
      (thrown: unknown) => thrown,
    )
  if (error instanceof SourceError) return error
  throw new Error('it did not fail with a SourceError', { cause: error })
}
const resolving =
  (...addresses: string[]): NonNullable<HttpPoolOptions['lookup']> =>
  (_, __, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

describe('the address is checked where it is connected to', () => {
  it.each([
    '127.0.0.1',
    '127.1',
    '0x7f.1',
    '2130706433',
    '017700000001',
    '[::ffff:127.0.0.1]',
    '１２７.０.０.１',
    '127.0.0.1.',
  ])('http://%s is refused by `public`, and its server hears nothing', async (host) => {
    const canary = await serve((_, response) => response.end('{}'))
    let connections = 0
    canary.server.on('connection', () => connections++)
    expect(await probe(`http://${host}:${canary.port}`, poolWith('public'))).toMatchObject({
      error_code: 'address_refused',
      failure: 'refused',
      message: expect.stringContaining('SPARK_SOURCE_POLICY=public'),
    })
    expect(connections).toBe(0)
  })
  it.each(['169.254.169.254', '[fe80::1]', '0.0.0.0', '[64:ff9b::7f00:1]', '[::ffff:169.254.169.254]', '224.0.0.1'])(
    'http://%s is always refused',
    async (host) => {
      expect(await probe(`http://${host}`, poolWith('0.0.0.0/0, ::/0'))).toMatchObject({
        error_code: 'address_refused',
        failure: 'refused',
        message: expect.stringContaining('always refused'),
      })
    },
  )
  it('a name is refused by its address, which the message does not show', async () => {
    for (const addresses of [['169.254.169.254'], ['169.254.169.254', 'fe80::1'], ['::ffff:169.254.169.254']]) {
      const error = await probe('http://metadata.example', poolWith('private', { lookup: resolving(...addresses) }))
      expect(error).toMatchObject({
        error_code: 'address_refused',
        failure: 'refused',
        message: expect.stringContaining(
          'http://metadata.example is not allowed: the address of metadata.example is a link-local address',
        ),
      })
      expect(error.message).not.toContain('169.254')
    }
  })
  it('a name that changes its address between two connections is checked at each', async () => {
    const canary = await serve((_, response) =>
      response
        .writeHead(200, { connection: 'close', 'content-type': 'application/json' })
        .end('{"version":"1.13.0","package":"Langflow"}'),
    )
    let asked = 0
    const lookup: HttpPoolOptions['lookup'] = (name, options, callback) =>
      resolving(asked++ === 0 ? '127.0.0.1' : '169.254.169.254')(name, options, callback)
    const error = await probe(`http://rebinding.example:${canary.port}`, poolWith('private', { lookup }))
    expect(error).toMatchObject({ error_code: 'address_refused' })
    expect(canary.seen).toEqual(['GET /api/v1/version'])
  })
  it('of several addresses only the allowed ones are connected to', async () => {
    const { url, port, seen } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"1.13.0"}'),
    )
    expect(url).toContain('127.0.0.1')
    const pool = poolWith('private', { lookup: resolving('169.254.169.254', '127.0.0.1') })
    expect(await detectSourceType({ url: `http://mixed.example:${port}`, pool })).toBe('langflow')
    expect(seen).toHaveLength(1)
  })
  it('a list allows what it names', async () => {
    const { port, seen } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"1.13.0"}'),
    )
    const lookup = resolving('127.0.0.1')
    expect(
      await detectSourceType({ url: `http://flows.example:${port}`, pool: poolWith('flows.example', { lookup }) }),
    ).toBe('langflow')
    expect(
      await detectSourceType({ url: `http://other.example:${port}`, pool: poolWith('127.0.0.0/8', { lookup }) }),
    ).toBe('langflow')
    expect(seen).toHaveLength(2)
    expect(await probe(`http://other.example:${port}`, poolWith('flows.example', { lookup }))).toMatchObject({
      error_code: 'address_refused',
      message: expect.stringContaining('not in the list'),
    })
    expect(seen).toHaveLength(2)
  })
  it('a port of another protocol is refused', async () => {
    expect(await probe('http://127.0.0.1:6000', poolWith('private'))).toMatchObject({
      error_code: 'address_refused',
      failure: 'refused',
      message: 'http://127.0.0.1:6000 is not allowed: its port is reserved for another protocol than HTTP.',
    })
  })
  it("Spark's own database and API are not sources, by any name", async () => {
    const canary = await serve((_, response) => response.end('{}'))
    const other = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"1.13.0"}'),
    )
    let connections = 0
    canary.server.on('connection', () => connections++)
    const lookup = resolving('127.0.0.1')
    for (const host of ['127.0.0.1', 'localhost', '0.0.0.0', '::', 'database.example']) {
      for (const name of ['127.0.0.1', '127.0.0.2', '[::1]', '[::ffff:127.0.0.1]', 'localhost', 'alias.example']) {
        const error = await probe(
          `http://${name}:${canary.port}`,
          poolWith('private', { lookup, ownServices: [{ host, port: canary.port }] }),
        )
        expect(error).toMatchObject({
          error_code: 'address_refused',
          message: expect.stringContaining("is Spark's own database or API"),
        })
      }
    }
    expect(connections).toBe(0)
    expect(
      await detectSourceType({
        url: other.url,
        pool: poolWith('private', { ownServices: [{ host: '127.0.0.1', port: canary.port }] }),
      }),
    ).toBe('langflow')
  })
})

describe('another server in place of a Langflow', () => {
  // Recorded answers of paths that need no key: Hive 0.1.1b2, 0.2.0 and 1.0.0rc6, Agents 0.6.19.
  const hiveHealth = {
    status: 'success',
    service: 'Automagik Hive Multi-Agent System',
    router: 'health',
    message: 'System operational',
  }
  const strangers: Record<string, [type: SourceType, answers: Record<string, unknown>]> = {
    'Hive 0.1.1b2': ['automagik-hive', { '/api/v1/health': hiveHealth }],
    'Hive 0.2.0': [
      'automagik-hive',
      {
        '/api/v1/health': hiveHealth,
        '/health': { status: 'ok' },
        '/': { name: 'AgentOS API', os_id: 'automagik_hive', version: '0.2.0' },
      },
    ],
    'Hive 1.0.0rc6': [
      'automagik-hive',
      {
        '/health': { status: 'ok' },
        '/': { name: 'AgentOS API', description: 'Automagik Hive - Multi-Agent Framework', version: '1.0.0' },
      },
    ],
    'Agents 0.6.19': [
      'automagik-agents',
      {
        '/health': { status: 'healthy', version: '0.6.19' },
        '/': {
          status: 'online',
          name: 'Automagik API',
          description: 'Automagik Agents is a sophisticated AI agent orchestration platform',
          version: '0.6.19',
        },
      },
    ],
  }
  it.each(Object.entries(strangers))('the error names %s, which never gets the key', async (_, [type, answers]) => {
    const keys: unknown[] = []
    const { url } = await serve((request, response) => {
      keys.push(request.headers['x-api-key'] ?? request.headers['authorization'])
      const answer = answers[request.url ?? '']
      // Agents checks the key before the path.
      response
        .writeHead(answer ? 200 : type === 'automagik-agents' ? 401 : 404, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer ?? { detail: 'Not Found' }))
    })
    const pool = poolWith('private')
    const name = { langflow: '', 'automagik-hive': 'Automagik Hive', 'automagik-agents': 'Automagik Agents' }[type]
    expect(await probe(url, pool)).toMatchObject({
      error_code: 'bad_answer',
      failure: 'refused',
      message: `${url} is not a Langflow server: it looks like ${name}. Give source_type ${type}, or leave it out.`,
    })
    expect(await detectSourceType({ url, pool })).toBe(type)
    expect(new Set(keys)).toEqual(new Set([undefined]))
  })
  it.each([
    ['another API', 200, 'application/json', '{"ok":true}'],
    ['another version', 200, 'application/json', '{"version":"1.0","package":"Something"}'],
    ['a web page', 200, 'text/html', '<!doctype html>'],
    ['a text', 200, 'text/plain', 'hello'],
    ['nothing', 404, 'application/json', '{}'],
  ])('%s is not a Langflow server', async (_, status, type, body) => {
    const { url } = await serve((_, response) => response.writeHead(status, { 'content-type': type }).end(body))
    expect(await probe(url, poolWith('private'))).toMatchObject({
      error_code: 'bad_answer',
      failure: 'refused',
      message: `${url} is not a Langflow server: it does not answer as one does.`,
    })
    await expect(detectSourceType({ url, pool: poolWith('private') })).rejects.toMatchObject({
      error_code: 'bad_answer',
      failure: 'refused',
      message: expect.stringContaining('not a flow server that Spark knows'),
    })
  })
  it('an unhealthy Langflow is reported with its status', async () => {
    const { url } = await serve((request, response) =>
      request.url === '/api/v1/version'
        ? response
            .writeHead(200, { 'content-type': 'application/json' })
            .end('{"version":"1.13.0","package":"Langflow"}')
        : response.writeHead(500).end('CANARY'),
    )
    expect(await probe(url, poolWith('private'))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'unknown',
      message: `${url} is not healthy: it answered HTTP 500.`,
    })
  })
})
