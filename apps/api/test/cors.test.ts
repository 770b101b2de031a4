import { afterAll, describe, expect, it } from 'vitest'
import { startApi } from './running-api.ts'

const anywhere = await startApi({ corsOrigins: '*' })
const listed = await startApi({ corsOrigins: ['https://app.example.com', 'http://localhost:3000'] })
afterAll(() => Promise.all([anywhere.close(), listed.close()]))

const ask = (origin: string) => ({
  key: null,
  headers: {
    Origin: origin,
    'Access-Control-Request-Method': 'PATCH',
    'Access-Control-Request-Headers': 'x-api-key,content-type',
  },
})
const EXPOSED = ['X-Request-Id', 'X-Spark-Unreachable', 'Location', 'ETag', 'Retry-After']

describe('with *', () => {
  it('every origin may read every answer, errors too, but never with credentials', async () => {
    for (const [path, status] of [
      ['/health', 200],
      ['/api/v1/sources', 401],
      ['/nope', 401],
    ] as const) {
      const { headers, status: got } = await anywhere.call('GET', path, {
        key: null,
        headers: { Origin: 'https://evil.example' },
      })
      expect(got).toBe(status)
      expect(headers.get('access-control-allow-origin')).toBe('*')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
      for (const name of EXPOSED) expect(headers.get('access-control-expose-headers')).toContain(name)
    }
  })

  it.each(['/api/v1/sources', '/api/v1/sources/', '/nope', '/'])('a preflight for %s needs no key', async (path) => {
    const { status, headers, text } = await anywhere.call('OPTIONS', path, ask('https://app.example.com'))
    expect([status, text]).toEqual([204, ''])
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
    expect(headers.get('access-control-allow-headers')).toContain('X-API-Key')
    expect(headers.get('access-control-allow-headers')).toContain('Content-Type')
    expect(headers.get('access-control-allow-headers')).toContain('If-Match')
    expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(0)
  })

  it.each<Record<string, string>>([
    {},
    { Origin: 'https://app.example.com' },
    { 'Access-Control-Request-Method': 'GET' },
  ])('OPTIONS with %j is no preflight and needs a key', async (headers) => {
    expect((await anywhere.call('OPTIONS', '/api/v1/sources', { key: null, headers })).status).toBe(401)
  })

  it('an answer to no browser has no CORS headers', async () => {
    expect((await anywhere.call('GET', '/health')).headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('with a list', () => {
  it.each(['https://app.example.com', 'http://localhost:3000'])('%s may read, with credentials', async (origin) => {
    for (const { headers } of [
      await listed.call('GET', '/api/v1/sources', { headers: { Origin: origin } }),
      await listed.call('OPTIONS', '/api/v1/sources', ask(origin)),
    ]) {
      expect(headers.get('access-control-allow-origin')).toBe(origin)
      expect(headers.get('access-control-allow-credentials')).toBe('true')
      expect(headers.get('vary')).toBe('Origin')
    }
  })

  it.each([
    'null',
    '*',
    'https://evil.example',
    'https://app.example.com.evil.example',
    'https://evil-app.example.com',
    'https://app.example.co',
    'https://x.app.example.com',
    'https://app.example.com:8443',
    'http://app.example.com',
    'https://APP.example.com',
    'http://localhost',
    'http://localhost:30000',
    'http://localhost:3000/',
    'https://app.example.com, http://localhost:3000',
  ])('%s may not', async (origin) => {
    for (const { headers } of [
      await listed.call('GET', '/api/v1/sources', { headers: { Origin: origin } }),
      await listed.call('OPTIONS', '/api/v1/sources', ask(origin)),
    ]) {
      for (const name of ['origin', 'credentials', 'methods', 'headers'])
        expect(headers.get(`access-control-allow-${name}`)).toBeNull()
      expect(headers.get('vary')).toBe('Origin')
    }
  })
})
