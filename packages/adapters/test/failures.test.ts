import { once } from 'node:events'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { jsonText, SourceError } from '@automagik-spark/core'
import { certificate, patient } from '@automagik-spark/testing'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { detectSourceType, type HttpPoolOptions, makeHttpPool, makeSource, type RunCall } from '../src/index.ts'
import { bodyOf, closedPort, serve, serveTcp } from './servers.ts'

const pools: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})
const poolWith = (options: Partial<HttpPoolOptions> = {}) => {
  const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] }, ...options })
  pools.push(pool)
  return pool
}
const sourceAt = (url: string, options: Partial<HttpPoolOptions> = {}, api_key: string | null = 'sk-canary') =>
  makeSource({ source_type: 'langflow', url, api_key, pool: poolWith(options) })
const call = (more: Partial<RunCall> = {}): RunCall => ({
  flow_id: 'echo',
  flow_type: 'flow',
  input_value: jsonText('hi'),
  session_id: 's',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: null,
  streams_only: null,
  timeoutMs: patient(10_000),
  signal: new AbortController().signal,
  ...more,
})
const failureOf = async (running: Promise<unknown>): Promise<SourceError> => {
  const error: unknown = await running.then(
    () => {
      throw new Error('it did not fail')
    },
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof SourceError)) throw error
  return error
}
const GOOD = JSON.stringify({
  session_id: 's',
  outputs: [{ inputs: {}, outputs: [{ component_id: 'ChatOutput-1', results: { message: { text: 'hi' } } }] }],
})
const json = { 'content-type': 'application/json' }

describe('no connection: it never started', () => {
  it('refused', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'not_sent',
      message: `Cannot reach ${url}: the connection was refused. Is the server running, and is the port right?`,
    })
    expect(await failureOf(sourceAt(url).probe())).toMatchObject({
      error_code: 'source_unreachable',
      message: expect.stringContaining('refused'),
    })
    expect(await failureOf(detectSourceType({ url, pool: poolWith() }))).toMatchObject({
      error_code: 'source_unreachable',
      message: expect.stringContaining('refused'),
    })
  })
  it('refused at every address of a name', async () => {
    const lookup: HttpPoolOptions['lookup'] = (_, __, callback) =>
      callback(null, [
        { address: '::1', family: 6 },
        { address: '127.0.0.1', family: 4 },
      ])
    const url = `http://flows.example:${await closedPort()}`
    expect(await failureOf(sourceAt(url, { lookup }).run(call()))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'not_sent',
    })
  })
  it.each(['ENOTFOUND', 'EAI_AGAIN'])('a name that DNS does not know (%s)', async (code) => {
    const lookup: HttpPoolOptions['lookup'] = (_, __, callback) =>
      callback(Object.assign(new Error(code), { code }), [])
    expect(await failureOf(sourceAt('http://flows.example:7860', { lookup }).run(call()))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'not_sent',
      message: expect.stringMatching(/^Cannot reach http:\/\/flows\.example:7860: its host name cannot be resolved/),
    })
  })
  it('closed before the request could be written', async () => {
    const server = await serveTcp(() => undefined)
    const url = server.url.replace('http:', 'https:')
    server.sockets.forEach((socket) => socket.destroy())
    const running = failureOf(sourceAt(url).run(call()))
    await expect.poll(() => server.sockets.size).toBe(1)
    server.sockets.forEach((socket) => socket.destroy())
    expect(await running).toMatchObject({ error_code: 'source_unreachable', failure: 'not_sent' })
  })
  it('http where https was asked', async () => {
    const { url } = await serve((_, response) => response.end())
    expect(await failureOf(sourceAt(url.replace('http:', 'https:')).run(call()))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'not_sent',
      message: expect.stringContaining('TLS handshake failed'),
    })
  })
  it('no connection within 5 s', async () => {
    const lookup: HttpPoolOptions['lookup'] = () => undefined // a DNS server that does not answer
    expect(await failureOf(sourceAt('http://flows.example:7860', { lookup }).run(call()))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'not_sent',
      message: 'Cannot reach http://flows.example:7860: no connection within 5 s (timeout).',
    })
  })
  it('no free connection in time; what waited is never sent', async () => {
    const { url, seen } = await serve(
      (request, response) =>
        void bodyOf(request).then((body) => {
          if (!body.includes('first')) response.writeHead(200, json).end(GOOD)
        }),
    )
    const source = sourceAt(url, { connections: 1 })
    const controller = new AbortController()
    const first = source.run(call({ input_value: jsonText('first'), signal: controller.signal }))
    await expect.poll(() => seen.length).toBe(1)
    expect(await failureOf(source.run(call({ timeoutMs: 100 })))).toMatchObject({
      error_code: 'timeout',
      failure: 'not_sent',
      message: expect.stringContaining('could not be sent within 0.1 s'),
    })
    controller.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    expect((await source.run(call({ input_value: jsonText('third') }))).result).toBe('hi')
    expect(seen).toHaveLength(2)
  })
})

describe('TLS', () => {
  const tlsServer = async () => {
    const server = createTlsServer(certificate, (_, response) => response.writeHead(200, json).end(GOOD))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}` // listening on TCP
  }
  it('a certificate that nobody signed is refused for good', async () => {
    expect(await failureOf(sourceAt(await tlsServer()).run(call()))).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'refused',
      message: expect.stringMatching(
        /certificate is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\).*SPARK_TLS_INSECURE_HOSTS/,
      ),
    })
  })
  it('is taken from a host that was excepted, and from no other', async () => {
    const url = await tlsServer()
    expect((await sourceAt(url, { tlsInsecureHosts: ['127.0.0.1'] }).run(call())).result).toBe('hi')
    expect(await failureOf(sourceAt(url, { tlsInsecureHosts: ['localhost'] }).run(call()))).toMatchObject({
      failure: 'refused',
    })
  })
})

describe('the connection breaks after the request was written: unknown', () => {
  const unknown = {
    error_code: 'outcome_unknown',
    failure: 'unknown',
    message: expect.stringContaining('its outcome is unknown'),
  }
  it('reset', async () => {
    const { url } = await serveTcp((socket) => socket.resetAndDestroy())
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject(unknown)
  })
  it('closed without an answer', async () => {
    const { url } = await serveTcp((socket) => socket.end())
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject(unknown)
  })
  it('half an answer', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, { ...json, 'content-length': GOOD.length }).write(GOOD.slice(0, 20))
      setImmediate(() => response.destroy())
    })
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject(unknown)
  })
  it.each([
    ['half a chunk', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{"out`],
    ['no last chunk', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n`],
    ['half the headers', 'HTTP/1.1 200 OK\r\ncontent-'],
  ])('the end of the stream after %s', async (_, text) => {
    const { url } = await serveTcp((socket) => socket.end(text))
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject(unknown)
  })
  it('an answer that drips until the time is up', async () => {
    const { url } = await serve((_, response) => {
      response.writeHead(200, json)
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    expect(await failureOf(sourceAt(url).run(call({ timeoutMs: patient(300) })))).toMatchObject({
      ...unknown,
      message: expect.stringContaining('longer than'),
    })
  })
  it('headers that never end, until the time is up', async () => {
    const { url } = await serveTcp((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const drip = setInterval(() => socket.write('x: y\r\n'), 50)
      socket.on('close', () => clearInterval(drip))
    })
    expect(await failureOf(sourceAt(url).run(call({ timeoutMs: patient(300) })))).toMatchObject(unknown)
  })
  it('a read that breaks is unreachable, not unknown', async () => {
    const { url } = await serveTcp((socket) => socket.resetAndDestroy())
    expect(await failureOf(sourceAt(url).listFlows())).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'unknown',
      message: expect.stringContaining('the connection was lost'),
    })
  })
  it('a stream that breaks; but not one that had told the failure', async () => {
    const broken = await serve((_, response) => {
      response.writeHead(200).write('{"event":"token","data":{}}\n\n')
      setImmediate(() => response.destroy())
    })
    expect(await failureOf(sourceAt(broken.url).run(call({ streams_only: true })))).toMatchObject(unknown)
    const told = await serve((_, response) => {
      response.writeHead(200).write('{"event":"error","data":{"error":"rig: no"}}\n\n')
      setTimeout(() => response.destroy(), 50)
    })
    expect(await failureOf(sourceAt(told.url).run(call({ streams_only: true })))).toMatchObject({
      error_code: 'flow_failed',
      message: 'The flow failed: rig: no',
    })
  })
  it('a connection that its server closed while it was idle is not used again', async () => {
    const { url, server, seen } = await serve((_, response) => response.writeHead(200, json).end(GOOD))
    const source = sourceAt(url)
    for (let at = 0; at < 20; at++) {
      await source.run(call())
      server.closeIdleConnections()
    }
    expect(seen).toHaveLength(20)
  })
})

describe('statuses', () => {
  it.each([
    [400, 'bad_request', 'refused'],
    [405, 'bad_request', 'refused'],
    [413, 'bad_request', 'refused'],
    [422, 'bad_request', 'refused'],
    [451, 'bad_request', 'refused'],
    [401, 'key_refused', 'refused'],
    [403, 'key_refused', 'refused'],
    [404, 'flow_not_found', 'refused'],
    [408, 'outcome_unknown', 'unknown'],
    [502, 'outcome_unknown', 'unknown'],
    [504, 'outcome_unknown', 'unknown'],
    [429, 'source_busy', 'turned_away'],
    [503, 'source_busy', 'turned_away'],
    [500, 'flow_failed', 'flow_failed'],
  ])('%i is %s, %s, and the run says why', async (status, error_code, failure) => {
    const { url } = await serve((_, response) =>
      response.writeHead(status, json).end('{"detail":"because\\u0000\\nrig"}'),
    )
    const error = await failureOf(sourceAt(url).run(call()))
    expect(error).toMatchObject({ error_code, failure })
    if (failure !== 'unknown') expect(error.message).toContain('because rig')
    expect(error.message).not.toContain('sk-canary')
  })
  it.each([
    ['plain text', 'text/plain; charset=utf-8', 'Internal Server Error'],
    ['html', 'text/html', '<h1>Internal</h1>'],
    ['nothing', 'application/json', ''],
    ['broken JSON', 'application/json', '{"detail":'],
    ['JSON of another shape', 'application/json', '{"error":{"code":500}}'],
    ['a text alone', 'application/json', '"Internal Server Error"'],
    ['what a gateway says', 'application/json', '{"message":"Internal server error"}'],
    ['what FastAPI itself says', 'application/json', '{"detail":"Internal Server Error"}'],
    ['an answer too large to be read', 'application/json', `{"detail":"${'x'.repeat(2_000_000)}"}`],
  ])('500 with %s is an unknown outcome: a Langflow whose flow failed says so in JSON', async (_, type, body) => {
    const { url } = await serve((_, response) => response.writeHead(500, { 'content-type': type }).end(body))
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'outcome_unknown',
      failure: 'unknown',
      message: expect.stringContaining('HTTP 500'),
    })
  })
  it.each([
    ['{"detail":"because"}', 'The flow failed: because'],
    ['{"message":"unhandled"}', 'The flow failed: unhandled'],
    ['{"detail":"{\\"message\\":\\"inner\\"}"}', 'The flow failed: inner'],
    ['{"message":""}', 'gave no reason'],
    ['{"detail":[{"loc":["body"],"msg":"list"}]}', 'The flow failed: body: list'],
  ])('500 with %s is a flow that failed', async (body, message) => {
    const { url } = await serve((_, response) => response.writeHead(500, json).end(body))
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'flow_failed',
      failure: 'flow_failed',
      message: expect.stringContaining(message),
    })
  })
  it.each([
    [404, "Error running graph: Error building Component X: \n\nModel 'gpt-9' not found", 'flow_failed'],
    [404, 'Vertex ChatInput-1 not found', 'flow_failed'],
    [400, 'Error running graph: badly formed hexadecimal UUID string', 'flow_failed'],
    [404, 'Flow identifier 2b0e2a3c-0000-4000-8000-000000000000 not found', 'flow_not_found'],
    [404, 'Not Found', 'flow_not_found'],
    [400, 'If you pass an input_value to the chat input, you cannot pass a tweak with the same name.', 'bad_request'],
  ])(
    '%i with "%s" is %s, as Langflow up to 1.7 judges by the words of an error',
    async (status, detail, error_code) => {
      const { url } = await serve((_, response) => response.writeHead(status, json).end(JSON.stringify({ detail })))
      expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({ error_code })
    },
  )
  it('a long reason is cut', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(500, json).end(JSON.stringify({ detail: 'x'.repeat(100_000) })),
    )
    expect((await failureOf(sourceAt(url).run(call()))).message.length).toBeLessThan(2100)
  })
  it('Retry-After is a number or a date', async () => {
    let header = '7'
    const { url } = await serve((_, response) =>
      response.writeHead(503, { 'retry-after': header, date: 'Mon, 01 Jun 2026 12:00:00 GMT' }).end(),
    )
    const source = sourceAt(url)
    expect(await failureOf(source.run(call()))).toMatchObject({ retry_after: 7 })
    header = 'Mon, 01 Jun 2026 12:00:40 GMT'
    expect(await failureOf(source.run(call()))).toMatchObject({ retry_after: 40 })
    header = 'whenever'
    expect(await failureOf(source.run(call()))).toMatchObject({ retry_after: null })
  })
  it('a validation never shows what the server wrote', async () => {
    for (const status of [200, 400, 401, 403, 404, 418, 429, 500, 502, 503]) {
      for (const type of ['application/json', 'text/html']) {
        const { url } = await serve((_, response) =>
          response
            .writeHead(status, { 'content-type': type, 'x-more': 'CANARY' })
            .end('{"detail":"CANARY","message":"CANARY","name":"CANARY"}'),
        )
        for (const error of await Promise.all([
          failureOf(sourceAt(url).probe()),
          failureOf(detectSourceType({ url, pool: poolWith() })),
        ])) {
          expect(error.message).toContain(url)
          expect(error.message).not.toContain('CANARY')
        }
      }
    }
  })
})

describe('answers that cannot be used: never again by itself', () => {
  it.each<[string, Record<string, string>, string | Buffer, string]>([
    ['not JSON', json, 'done', 'is not valid JSON'],
    ['cut JSON', json, GOOD.slice(0, -5), 'is not valid JSON'],
    ['nothing', json, '', 'is not valid JSON'],
    ['not UTF-8', json, Buffer.from([0x22, 0xff, 0xfe, 0x22]), 'is not valid UTF-8'],
    ['JSON 50,000 levels deep', json, '['.repeat(50_000) + ']'.repeat(50_000), 'deeper than 100 levels'],
    ['another shape', json, '{"ok":true}', 'does not have the expected shape'],
    ['a failed status', json, '{"status":"failed","error":"rig"}', 'does not have the expected shape'],
    ['broken gzip', { ...json, 'content-encoding': 'gzip' }, 'this is no gzip', 'compression is broken'],
    [
      'broken brotli',
      { ...json, 'content-encoding': 'br' },
      'this is no brotli at all, is it',
      'compression is broken',
    ],
    [
      'two compressions',
      { ...json, 'content-encoding': 'gzip, gzip' },
      gzipSync(gzipSync(GOOD)),
      'compressed more than once',
    ],
  ])('%s', async (_, headers, body, message) => {
    const { url } = await serve((_, response) => response.writeHead(200, headers).end(body))
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'bad_answer',
      failure: 'bad_answer',
      message: expect.stringContaining(message),
    })
  })
  it.each([
    ['gzip', gzipSync(GOOD)],
    ['br', brotliCompressSync(GOOD)],
  ])('an answer in %s is read', async (encoding, body) => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { ...json, 'content-encoding': encoding }).end(body),
    )
    expect(await sourceAt(url).run(call())).toMatchObject({ result: 'hi', bytes: GOOD.length })
  })
  it.each([
    ['something that is not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['headers over 16 KiB', `HTTP/1.1 200 OK\r\n${'x: '.padEnd(20_000, 'y')}\r\n\r\n`],
  ])('%s', async (_, text) => {
    const { url } = await serveTcp((socket) => socket.end(text))
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'bad_answer',
      failure: 'bad_answer',
    })
  })
  it('a web page', async () => {
    const { url } = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html>'),
    )
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'flow_not_found',
      failure: 'refused',
      message: expect.stringContaining('web page'),
    })
  })

  const tooLarge = {
    error_code: 'output_too_large',
    failure: 'bad_answer',
    message: expect.stringContaining('larger than 10 MiB'),
  }
  it('a body without end, whose connection is closed', async () => {
    let closed = false
    const { url } = await serve((_, response) => {
      response.on('close', () => {
        closed = true
      })
      response.writeHead(200, json)
      const piece = Buffer.alloc(256 * 1024, 0x20)
      const pour = (): void => {
        while (!response.destroyed && response.write(piece));
      }
      response.on('drain', pour)
      pour()
    })
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject(tooLarge)
    await expect.poll(() => closed).toBe(true)
  })
  const brotli = (data: Buffer) => brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } })
  it.each([
    ['gzip', gzipSync],
    ['br', brotli],
  ] as const)('a %s bomb, which memory hardly notices', async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(200 * 1024 * 1024, 0x20))
    const { url } = await serve((_, response) =>
      response.writeHead(200, { ...json, 'content-encoding': encoding }).end(bomb),
    )
    const source = sourceAt(url)
    const before = process.memoryUsage.rss()
    expect(await failureOf(source.run(call()))).toMatchObject(tooLarge)
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024)
  })
})

describe('redirects', () => {
  it('go on within the same origin, with key and body for 307 and 308', async () => {
    const bodies: string[] = []
    const keys: unknown[] = []
    const { url, seen } = await serve(
      (request, response) =>
        void bodyOf(request).then((body) => {
          bodies.push(body)
          keys.push(request.headers['x-api-key'])
          if (request.url?.startsWith('/api')) response.writeHead(307, { location: '/moved?x=1' }).end()
          else if (request.url === '/moved?x=1') response.writeHead(308, { location: 'end' }).end('ignored')
          else response.writeHead(200, json).end(GOOD)
        }),
    )
    expect((await sourceAt(url).run(call())).result).toBe('hi')
    expect(seen).toEqual(['POST /api/v1/run/echo?stream=false', 'POST /moved?x=1', 'POST /end'])
    expect(new Set(bodies).size).toBe(1)
    expect(keys).toEqual(['sk-canary', 'sk-canary', 'sk-canary'])
  })
  it.each([301, 302, 303])('%i would lose the input of a run: refused; a read follows it', async (status) => {
    const { url, seen } = await serve((request, response) => {
      if (request.url === '/end') response.writeHead(200, json).end('[]')
      else response.writeHead(status, { location: '/end' }).end()
    })
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'bad_request',
      failure: 'refused',
      message: expect.stringContaining('would lose its body'),
    })
    expect(seen).toEqual(['POST /api/v1/run/echo?stream=false'])
    expect(await sourceAt(url).listFlows()).toEqual([])
  })
  it('never leave the origin: nobody else hears a byte', async () => {
    const canary = await serve((_, response) => response.writeHead(200, json).end(GOOD))
    let connections = 0
    canary.server.on('connection', () => connections++)
    let location = ''
    const { url, port } = await serve((_, response) => response.writeHead(307, { location }).end())
    for (location of [
      `${canary.url}/x`,
      `//127.0.0.1:${canary.port}/x`,
      `http://localhost:${port}/x`,
      `https://127.0.0.1:${port}/x`,
      `http://u:p@127.0.0.1:${port}/x`,
      `http://127.0.0.1:${canary.port}\\@127.0.0.1:${port}/`,
      'file:///etc/passwd',
      'http://[',
      `http://169.254.169.254/latest`,
    ]) {
      for (const asked of [sourceAt(url).run(call()), sourceAt(url).listFlows()]) {
        const error = await failureOf(asked)
        expect(error).toMatchObject({
          error_code: 'bad_request',
          failure: 'refused',
          message: expect.stringContaining('redirects'),
        })
        expect(error.message).not.toContain('169.254')
      }
    }
    location = `https://127.0.0.1:${port}/x`
    expect((await failureOf(sourceAt(url).probe())).message).toContain('is not a Langflow server')
    expect((await failureOf(sourceAt(url).run(call()))).message).toContain(
      `https://127.0.0.1:${port}: use that as the source's url`,
    )
    expect(connections).toBe(0)
  })
  it('end after five', async () => {
    const { url, seen } = await serve((request, response) => response.writeHead(307, { location: request.url }).end())
    expect(await failureOf(sourceAt(url).run(call()))).toMatchObject({
      error_code: 'bad_request',
      failure: 'refused',
      message: expect.stringContaining('more than 5 times'),
    })
    expect(seen).toHaveLength(6)
  })
})
