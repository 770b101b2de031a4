import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { ID } from './fake-engine.ts'
import type { RunningApi } from './running-api.ts'
import { KEY, startApi } from './running-api.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

/** What lies below `/tools/spark` at a proxy, which takes that away or not, and says so or not. */
const behind = async (
  api: RunningApi,
  { strips, says }: { strips: boolean; says: boolean },
  prefix = '/tools/spark',
) => {
  const proxy = createServer((incoming, outgoing) => {
    const url = incoming.url ?? ''
    if (!url.startsWith(prefix)) return void outgoing.writeHead(421).end()
    const path = (strips ? url.slice(prefix.length) : url) || '/'
    const headers = { ...incoming.headers, ...(says && { 'x-forwarded-prefix': prefix }) }
    incoming.pipe(
      request(`${api.url}${path}`, { method: incoming.method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(outgoing)
      }),
    )
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  closing.push(
    () =>
      new Promise<void>((resolve) => {
        proxy.close(() => resolve())
        proxy.closeAllConnections()
      }),
  )
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}`
}
const open = async (publicUrl: string | null) => {
  const api = await startApi({ publicUrl: publicUrl === null ? null : new URL(publicUrl) })
  closing.push(api.close)
  return api
}

describe.each([
  [
    'SPARK_PUBLIC_URL, and a proxy that takes its path away',
    'https://example.com/tools/spark',
    { strips: true, says: false },
  ],
  ['SPARK_PUBLIC_URL, and a proxy that does not', 'https://example.com/tools/spark', { strips: false, says: false }],
  ['a proxy that says X-Forwarded-Prefix', null, { strips: true, says: true }],
] as const)('below a path, with %s', (_, publicUrl, proxy) => {
  it('Location, the links and the servers lead through the proxy', async () => {
    const url = await behind(await open(publicUrl), proxy)
    const headers = { 'X-API-Key': KEY, 'Content-Type': 'application/json' }
    const made = await fetch(`${url}/api/v1/sources`, {
      method: 'POST',
      headers,
      body: '{"url":"http://localhost:7860"}',
    })
    expect(made.headers.get('location')).toBe(`/tools/spark/api/v1/sources/${ID}`)
    expect((await fetch(new URL(made.headers.get('location')!, url), { headers })).status).toBe(200)

    const info = (await (await fetch(`${url}/`, { headers })).json()) as Record<string, string>
    expect(info).toMatchObject({
      docs_url: '/tools/spark/api/v1/docs',
      redoc_url: '/tools/spark/api/v1/redoc',
      openapi_url: '/tools/spark/api/v1/openapi.json',
    })
    const document = (await (await fetch(new URL(info.openapi_url!, url))).json()) as { servers: { url: string }[] }
    expect(document.servers.map((server) => server.url)).toEqual(['/tools/spark', ...(publicUrl ? [publicUrl] : [])])
  })

  it.each(['docs', 'docs/', 'redoc', 'redoc/'])('/api/v1/%s has all that it refers to', async (page) => {
    const url = await behind(await open(publicUrl), proxy)
    const text = await (await fetch(`${url}/api/v1/${page}`)).text()
    const references = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, reference]) => new URL(reference!, `${url}/api/v1/${page}`).href,
    )
    expect(references.length).toBeGreaterThan(2)
    for (const reference of references) expect([reference, (await fetch(reference)).status]).toEqual([reference, 200])
    const start = references.find((reference) => reference.endsWith('/start.js'))!
    expect((await fetch(new URL('../openapi.json', start))).status).toBe(200)
  })
})

describe('the path that people use', () => {
  it.each([
    ['/tools/spark/health', 200],
    ['/health', 200],
    ['/tools/spark', 401],
    ['/tools/spark?x=1', 401],
    ['/tools/sparkling/health', 401],
    ['/tools/spark/tools/spark/health', 401],
  ])('with SPARK_PUBLIC_URL, %s is answered with %i', async (path, status) => {
    expect((await (await open('https://example.com/tools/spark')).call('GET', path, { key: null })).status).toBe(status)
  })

  it.each(['/api', '/api/v1', '/health'])('may look like one of our own: %s', async (prefix) => {
    const api = await open(`https://example.com${prefix}`)
    for (const strips of [true, false]) {
      const url = await behind(api, { strips, says: false }, prefix)
      const made = await fetch(`${url}/api/v1/sources/${ID}`, { headers: { 'X-API-Key': KEY } })
      expect([prefix, strips, made.status]).toEqual([prefix, strips, 200])
      expect((await fetch(`${url}/ready`)).status).toBe(200)
    }
  })

  it.each([
    '//evil.example',
    '/a//b',
    'https://evil.example',
    '/../x',
    '/a/..',
    '/a b',
    '/a"><script>',
    `/${'a'.repeat(300)}`,
    '',
  ])('a header of strangers is passed over: %s', async (given) => {
    const { json } = await (await open(null)).call('GET', '/', { headers: { 'X-Forwarded-Prefix': given } })
    expect(json.docs_url).toBe('/api/v1/docs')
  })

  it('a header never takes anything from a request, and never wins over SPARK_PUBLIC_URL', async () => {
    const headers = { 'X-Forwarded-Prefix': '/x' }
    expect((await (await open(null)).call('GET', '/x/api/v1/sources', { headers })).status).toBe(404)
    expect((await (await open('https://example.com/y')).call('GET', '/', { headers })).json.docs_url).toBe(
      '/y/api/v1/docs',
    )
    expect((await (await open('https://example.com')).call('GET', '/', { headers })).json.docs_url).toBe('/api/v1/docs')
  })
})
