import { useFixture } from '@automagik-spark/testing/fixture'
import { describe, expect, it } from 'vitest'
import { ID, OTHER_ID } from './fake-engine.ts'
import { getRaw, KEY, startApi } from './running-api.ts'
import { closed, rows } from './table.ts'

const api = useFixture(startApi)

const MISSING = { detail: 'X-API-Key header is missing' }
const WRONG = { detail: 'Invalid API key' }

describe.each(rows)('$id', ({ method, path, query, body, endpoint }) => {
  it('answers with its status and a body of its schema', async () => {
    const answer = await api.call(method, path + query, { body })
    expect(answer.status).toBe(endpoint.status)
    endpoint.response.parse(answer.json)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('x-powered-by')).toBeNull()
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('works with a slash at the end, without a redirect', async () => {
    const answer = await api.call(method, (path.endsWith('/') ? path : `${path}/`) + query, { body })
    expect(answer.status).toBe(endpoint.status)
  })

  it('names the methods of its path to any other', async () => {
    const allowed = rows
      .filter((row) => row.path === path)
      .flatMap((row) => (row.method === 'GET' ? ['GET', 'HEAD'] : [row.method]))
    for (const other of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].filter((one) => !allowed.includes(one))) {
      const answer = await api.call(other, path)
      expect([other, answer.status]).toEqual([other, 405])
      expect(answer.headers.get('allow')?.split(', ').sort()).toEqual([...allowed].sort())
    }
  })
})

describe.each(rows.filter(({ method }) => method === 'GET'))('HEAD of $id', ({ path, query }) => {
  it('has the headers of GET and no body', async () => {
    const [get, head] = [await api.call('GET', path + query), await api.call('HEAD', path + query)]
    expect([head.status, head.text]).toEqual([get.status, ''])
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'))
  })
})

describe.each(closed)('$id without a right key', ({ method, path, body }) => {
  it.each([
    ['none', null, MISSING],
    ['an empty one', '', MISSING],
    ['a wrong one', 'a-key-of-the-tests-0124', WRONG],
    ['the start of it', KEY.slice(0, -1), WRONG],
    ['it and more', `${KEY}4`, WRONG],
    ['another case', KEY.toUpperCase(), WRONG],
  ])('refuses %s, and the engine hears nothing', async (_, key, expected) => {
    api.calls.length = 0
    const answer = await api.call(method, path, { key, body })
    expect(api.calls).toEqual([])
    expect([answer.status, answer.json]).toEqual([401, expected])
    expect(answer.headers.get('www-authenticate')).toBe('ApiKey')
    expect(answer.headers.get('x-request-id')).toBeTruthy()
  })

  it.each([
    ['HEAD', 'HEAD', path],
    ['OPTIONS', 'OPTIONS', path],
    ['a slash at the end', method, `${path}/`],
    ['two slashes at the start', method, `/${path}`],
    ['two slashes at the end', method, `${path}//`],
    ['capitals', method, path.toUpperCase()],
    [
      'an encoded letter',
      method,
      path.replace(/[a-z](?=[^a-z]*$)/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    ],
    ['a dot segment', method, `/health/..${path}`],
    ['an absolute address', method, `http://localhost${path}`],
    ['an open path in the query', method, `${path}?/health`],
  ])('refuses it with %s', async (_, other, written) => {
    expect((await getRaw(api.port, written, { method: other, key: null })).status).toBe(401)
  })

  it('refuses before it looks at the body', async () => {
    const answer = await api.call(method === 'GET' ? 'POST' : method, path, {
      key: null,
      body: '{',
      headers: { 'Content-Type': 'text/plain' },
    })
    expect(answer.status).toBe(401)
  })
})

describe('paths that nobody knows', () => {
  const paths = [
    '/nope',
    '/api',
    '/api/v1',
    '/api/v1/nope',
    '/api/v2/sources',
    '/API/v1/sources',
    '/api/v1/Sources',
    '/api/v1/sources//',
    '//api/v1/sources',
    '/Health',
    '/healthz',
    '/metrics',
    '/api/v1/%73ources',
  ]
  it.each(paths)('%s is a 404 with a key and a 401 without', async (path) => {
    expect(await getRaw(api.port, path)).toMatchObject({ status: 404, body: '{"detail":"Not Found"}' })
    expect((await getRaw(api.port, path, { key: null })).status).toBe(401)
  })

  it.each(['/health', '/ready', '/api/v1/docs', '/api/v1/openapi.json'])(
    '%s is open for reading only',
    async (path) => {
      for (const method of ['GET', 'HEAD']) expect((await api.call(method, path, { key: null })).status).toBe(200)
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
        expect((await api.call(method, path, { key: null })).status).toBe(401)
      expect((await api.call('POST', path)).headers.get('allow')).toBe('GET, HEAD')
    },
  )

  it.each([
    '//health',
    '/%68ealth',
    '/HEALTH',
    '/health/x',
    '/health//',
    '/health;x',
    '/x/../health',
    'http://localhost/health',
  ])('%s does not count as the open path it resembles', async (path) => {
    expect((await getRaw(api.port, path, { key: null })).status).toBe(401)
  })
})

describe.each(rows.filter(({ endpoint }) => endpoint.path.includes('{id}')))('ids of $id', ({ method, path, body }) => {
  it.each(['1', 'null', '019aa000', `${ID}0`, `{${ID}}`, "'", '%27%20or%201=1', '%00', '%C3%A9', '$ne'])(
    '%s is a 400 that names the field',
    async (id) => {
      const answer = await api.call(method, path.replace(ID, id), { body })
      expect([answer.status, answer.json.detail]).toEqual([400, 'id: must be a UUID'])
      expect(answer.json).toHaveProperty('errors', [{ path: 'id', message: 'must be a UUID' }])
    },
  )

  it('is a 404 that names the kind when it is unknown', async () => {
    const answer = await api.call(method, path.replace(ID, OTHER_ID), { body })
    expect([answer.status, answer.json.detail]).toEqual([
      404,
      expect.stringMatching(/^(Source|Workflow|Task|Schedule) not found$/),
    ])
  })

  it('may be written in capitals', async () => {
    expect((await api.call(method, path.replace(ID, ID.toUpperCase()), { body })).status).toBeLessThan(300)
  })

  it('is a 400 when a percent sign says nothing', async () => {
    const answer = await api.call(method, path.replace(ID, '%zz'), { body })
    expect([answer.status, answer.json.detail]).toEqual([
      400,
      'The path has a "%" that is not followed by two hexadecimal digits of UTF-8',
    ])
  })
})

describe.each(closed)('the query of $id', ({ method, path, body }) => {
  it.each([
    ['nope=1', 'nope'],
    ['limit[]=1', 'limit[]'],
    ['limit[a]=1', 'limit[a]'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
    ['=1', ''],
  ])('refuses ?%s', async (query, name) => {
    const answer = await api.call(method, `${path}?${query}`, { body })
    expect(answer.status).toBe(400)
    expect(answer.json.detail).toContain(`${JSON.stringify(name)}: unknown parameter`)
  })

  it('refuses a parameter that stands twice', async () => {
    const answer = await api.call(method, `${path}?wait=true&wait=true`, { body })
    expect([answer.status, answer.json.detail]).toEqual([400, '"wait": is given twice'])
  })
})

describe.each(rows.filter(({ endpoint }) => endpoint.id.endsWith('_list') && endpoint.path !== '/workflows/remote'))(
  'the pages of $id',
  ({ path }) => {
    it.each(['0', '101', '-1', '1.5', '1e1', '0x10', '', '%2010', 'ten', '9'.repeat(30)])(
      'refuses limit=%s',
      async (limit) => {
        const answer = await api.call('GET', `${path}?limit=${limit}`)
        expect([answer.status, answer.json.detail]).toEqual([400, 'limit: must be a whole number from 1 to 100'])
      },
    )
    it.each(['-1', '1.5', '', 'x', '1000000001'])('refuses offset=%s', async (offset) => {
      const answer = await api.call('GET', `${path}?offset=${offset}`)
      expect([answer.status, answer.json.detail]).toEqual([400, 'offset: must be a whole number from 0 to 1000000000'])
    })
    it('takes the bounds', async () => {
      for (const query of ['limit=1', 'limit=100', 'offset=0', 'offset=1000000000', 'limit=5&offset=10'])
        expect((await api.call('GET', `${path}?${query}`)).status).toBe(200)
    })
  },
)

describe('a page that is not asked for', () => {
  it('is the first fifty, also after a handler changed its query', async () => {
    api.calls.length = 0
    await api.call('GET', '/api/v1/sources')
    const [, first] = api.calls.at(-1)!
    expect(first).toEqual({ limit: 50, offset: 0 })
    Object.assign(first as object, { limit: 1 })
    await api.call('GET', '/api/v1/sources')
    expect(api.calls.at(-1)![1]).toEqual({ limit: 50, offset: 0 })
  })
})
