import { runInNewContext } from 'node:vm'
import { useFixture } from '@automagik-spark/testing/fixture'
import { Validator } from '@seriousme/openapi-schema-validator'
import { beforeAll, describe, expect, it } from 'vitest'
import { startApi } from './running-api.ts'
import { rows } from './table.ts'

const api = useFixture(startApi)

type Operation = {
  operationId: string
  tags: string[]
  summary: string
  security?: unknown[]
  parameters: { name: string; in: string; required: boolean; schema: { default?: unknown } }[]
  requestBody?: { required: boolean }
  responses: Record<string, { headers?: object }>
}
type Document = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown>; securitySchemes: unknown }
  tags: { name: string }[]
}

describe('openapi.json', () => {
  let document: Document
  beforeAll(async () => {
    document = (await api.call('GET', '/api/v1/openapi.json', { key: null })).json as unknown as Document
  })

  it('is valid OpenAPI 3.1', async () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(await new Validator().validate(structuredClone(document))).toEqual({ valid: true })
  })

  it('refers only to what it has', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!)
    expect(references.length).toBeGreaterThan(50)
    for (const path of references)
      expect(
        path.split('/').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document),
        path,
      ).toBeDefined()
    expect(JSON.stringify(document)).not.toContain('$defs')
  })

  it.each(rows)('has $id with its parameters, statuses and errors', ({ id, endpoint, takesBody }) => {
    const operation = document.paths[`${endpoint.root ? '' : '/api/v1'}${endpoint.path}`]![endpoint.method]!
    expect(operation).toMatchObject({ operationId: id, tags: [endpoint.tag], summary: endpoint.summary })
    expect(document.tags.map(({ name }) => name)).toContain(endpoint.tag)
    expect(operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => `{${name}}`)).toEqual(
      endpoint.path.match(/\{\w+\}/g) ?? [],
    )
    const statuses = Object.keys(operation.responses)
    for (const status of [endpoint.status, ...(endpoint.alsoStatus ?? []), 500, 503])
      expect(statuses).toContain(String(status))
    expect(statuses.includes('401')).toBe(!endpoint.open)
    expect(statuses.includes('413') && statuses.includes('415')).toBe(takesBody)
    expect(operation.security).toEqual(endpoint.open ? [] : undefined)
    if (endpoint.body) expect(operation.requestBody?.required).toBe(endpoint.emptyBody !== true)
  })

  it('shows the defaults of a query', () => {
    const defaults = (path: string) =>
      Object.fromEntries(document.paths[path]!.get!.parameters.map(({ name, schema }) => [name, schema.default]))
    expect(defaults('/api/v1/tasks')).toMatchObject({ limit: 50, offset: 0, status: undefined })
    expect(defaults('/api/v1/workflows/remote')).toEqual({ source_url: undefined, simplified: 'true' })
  })

  it.each(['Source', 'Workflow', 'Task', 'Schedule', 'Worker', 'TaskPage'])('promises every field of %s', (name) => {
    const { required, properties } = document.components.schemas[name] as { required: string[]; properties: object }
    expect(required.toSorted()).toEqual(Object.keys(properties).sort())
  })
})

describe.each([
  ['/api/v1/docs', 3],
  ['/api/v1/redoc', 2],
])('%s', (path, atLeast) => {
  it('has all it needs on this server, open to a reader without a key', async () => {
    const page = await api.call('GET', path, { key: null })
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const references = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!)
    expect(references.length).toBeGreaterThan(atLeast)
    expect(references.filter((url) => !url.startsWith('./'))).toEqual([])
    for (const reference of references) {
      const url = new URL(reference, `${api.url}${path}`).pathname
      const asset = await api.call('GET', url, { key: null })
      expect([url, asset.status]).toEqual([url, 200])
      expect(asset.text.length).toBeGreaterThan(50)
      expect(asset.headers.get('content-type')).toMatch(
        url.endsWith('.js') ? /^text\/javascript/ : url.endsWith('.css') ? /^text\/css/ : /^image\/png/,
      )
      expect(asset.headers.get('x-content-type-options')).toBe('nosniff')
    }
    const start = await api.call('GET', `${path}/start.js`, { key: null })
    expect(start.text).toContain("new URL('../openapi.json', document.currentScript.src)")
  })

  it('runs no script of its own text and none of another host, and stands in no frame', async () => {
    const { headers, text } = await api.call('GET', path, { key: null })
    const policy = headers.get('content-security-policy')!
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ])
      expect(policy.split('; ')).toContain(rule)
    expect(text).not.toMatch(/<script>|<script [^>]*>[^<]/)
  })

  it('works with a slash at the end', async () => {
    const page = await api.call('GET', `${path}/`, { key: null })
    expect(page.status).toBe(200)
    for (const [, reference] of page.text.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect((await api.call('GET', new URL(reference!, `${api.url}${path}/`).pathname, { key: null })).status).toBe(
        200,
      )
    }
  })

  it.each(['', '/spark', '/a/b'])('shows the API of the place where it was loaded: below "%s"', async (prefix) => {
    const shown: { spec: unknown; persistAuthorization?: boolean }[] = []
    const surroundings = {
      URL,
      document: {
        currentScript: { src: `https://tools.example.com${prefix}${path}/start.js` },
        body: {},
        getElementById: () => null,
      },
      fetch: async (url: URL) => ({ json: async () => ({ asked: url.href }) }),
      SwaggerUIBundle: (options: { spec: unknown; persistAuthorization: boolean }) => shown.push(options),
      Redoc: { init: (spec: unknown) => shown.push({ spec }) },
    }
    runInNewContext((await api.call('GET', `${path}/start.js`, { key: null })).text, surroundings)
    await expect
      .poll(() => shown)
      .toMatchObject([
        {
          spec: {
            asked: `https://tools.example.com${prefix}/api/v1/openapi.json`,
            servers: [{ url: `https://tools.example.com${prefix}` }],
          },
        },
      ])
    if (path.endsWith('docs')) expect(shown[0]?.persistAuthorization).toBe(true) // the key outlives a reload
  })

  it('asks no other host for anything that it shows', async () => {
    const scripts = [...(await api.call('GET', path, { key: null })).text.matchAll(/src="([^"]+)"/g)].map(
      ([, url]) => new URL(url!, `${api.url}${path}`).pathname,
    )
    for (const url of scripts)
      expect((await api.call('GET', url, { key: null })).text).not.toMatch(/src:\s*["']https?:/)
  })

  it.each(['/../package.json', '/%2e%2e/package.json', '/swagger-ui.js', '/index.html', '/..%2fpackage.json'])(
    'serves no other file: %s',
    async (more) => {
      expect((await api.call('GET', `${path}${more}`, { key: null })).status).toBe(401)
      expect((await api.call('GET', `${path}${more}`)).status).toBe(404)
    },
  )
})
