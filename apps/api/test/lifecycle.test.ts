import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { makeApi } from '../src/api.ts'
import { ID, makeFakeEngine, NOW, source, task } from './fake-engine.ts'
import { KEY, startApi } from './running-api.ts'

const RUN = `/api/v1/workflows/${ID}/run`
const VALIDATE = `/api/v1/sources/${ID}/validate`

/** A connection whose bytes a test writes itself. */
const open = async (port: number) => {
  let said = ''
  const socket = connect(port, '127.0.0.1')
  socket.on('data', (chunk) => (said += String(chunk)))
  socket.on('error', () => {})
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(said)))
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return {
    closed,
    write: (text: string) => new Promise<void>((resolve) => socket.write(text, () => resolve())),
    destroy: () => socket.destroy(),
  }
}

/** Validation that stays under way until the test ends it. */
const slowValidation = (engine: ReturnType<typeof makeFakeEngine>['engine']) => {
  const state = { asked: false, finish: () => {} }
  engine.sources.validate = () =>
    new Promise<typeof source>((resolve) => {
      state.asked = true
      state.finish = () => resolve(source)
    })
  return state
}

const another = () =>
  makeApi({
    engine: makeFakeEngine().engine,
    config: { apiKey: KEY, corsOrigins: '*', version: '0.1.0', publicUrl: null },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    clock: { now: () => NOW },
  })

describe('listening', () => {
  it('says in one sentence that the port is taken', async () => {
    const first = await startApi()
    const second = another()
    await expect(second.listen({ host: '127.0.0.1', port: first.port })).rejects.toMatchObject({
      name: 'ListenError',
      message: `Port ${first.port} on 127.0.0.1 is taken by another program: stop it, or set API_PORT to another port (0 takes any free one)`,
    })
    await second.close()
    await first.close()
  })

  it('says in one sentence that the machine has no such address', async () => {
    await expect(another().listen({ host: '192.0.2.1', port: 0 })).rejects.toThrow(
      'This machine has no address 192.0.2.1: set API_HOST to one that it has, such as 127.0.0.1 or 0.0.0.0',
    )
  })

  it('gives an address that a person can open', async () => {
    const api = another()
    const { url, port } = await api.listen({ host: '0.0.0.0', port: 0 })
    expect(url).toBe(`http://localhost:${port}`)
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200)
    await api.close()
  })
})

describe('closing', () => {
  it('lets running requests finish, ends their connections and takes no new one', async () => {
    const api = await startApi()
    const validation = slowValidation(api.engine)
    const busy = await open(api.port)
    await busy.write(`POST ${VALIDATE} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n\r\n`)
    await expect.poll(() => validation.asked).toBe(true)

    const closing = api.api.close({ graceMs: 60_000 })
    await expect
      .poll(() =>
        fetch(`${api.url}/health`).then(
          () => 'answered',
          () => 'refused',
        ),
      )
      .toBe('refused')
    validation.finish()
    await closing
    expect(await busy.closed).toMatch(/^HTTP\/1\.1 200 OK[^]*Connection: close/i)
  })

  it('does not wait for connections that ask nothing', async () => {
    const api = await startApi()
    const silent = await open(api.port)
    const used = await open(api.port)
    await used.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => api.log.length).toBe(1)
    await api.api.close({ graceMs: 60_000 })
    expect(await silent.closed).toBe('')
    expect(await used.closed).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('answers 503 to what still comes on an open connection, and goes on to say how it is', async () => {
    const api = await startApi()
    const [late, health] = [await open(api.port), await open(api.port)]
    await late.write('GET /api/v1/sources HTTP/1.1\r\nHost: x\r\n')
    await health.write('GET /health HTTP/1.1\r\nHost: x\r\n')
    await api.call('GET', '/health') // by its answer the server has read both beginnings
    const closing = api.api.close({ graceMs: 60_000 })
    await Promise.all([late.write('\r\n'), health.write('\r\n')])
    expect(await late.closed).toMatch(/^HTTP\/1\.1 503 [^]*Connection: close[^]*{"detail":"Spark is shutting down"}$/i)
    expect(await health.closed).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close[^]*"api":{"status":"stopping"/i)
    await closing
  })

  it('does not wait for runs: they get their 202', async () => {
    const api = await startApi()
    let waiting = false
    api.engine.workflows.run = (_id, _request, { signal }) => {
      waiting = true
      return new Promise((resolve) =>
        signal!.addEventListener('abort', () => resolve({ task: { ...task, status: 'running' }, finished: false })),
      )
    }
    const run = api.call('POST', RUN, { body: '"x"' })
    await expect.poll(() => waiting).toBe(true)
    await api.api.close({ graceMs: 60_000 })
    expect(await run).toMatchObject({ status: 202, json: { status: 'running' } })
  })

  it('turns a wait that was given up into a 503', async () => {
    const api = await startApi()
    let waiting = false
    api.engine.workflows.run = (_id, _request, { signal }) => {
      waiting = true
      return new Promise((_resolve, reject) => signal!.addEventListener('abort', () => reject(signal!.reason as Error)))
    }
    const run = api.call('POST', RUN, { body: '"x"' })
    await expect.poll(() => waiting).toBe(true)
    await api.api.close({ graceMs: 60_000 })
    expect(await run).toMatchObject({ status: 503, json: { detail: 'Spark is shutting down' } })
  })

  it('cuts off what is not over in time', async () => {
    const api = await startApi()
    const validation = slowValidation(api.engine)
    const cut = api.call('POST', VALIDATE).then(
      () => 'answered',
      () => 'cut off',
    )
    await expect.poll(() => validation.asked).toBe(true)
    await api.api.close({ graceMs: 50 })
    expect(await cut).toBe('cut off')
  })

  it('may be asked for twice, and before it ever listened', async () => {
    const api = await startApi()
    const validation = slowValidation(api.engine)
    const held = api.call('POST', VALIDATE)
    await expect.poll(() => validation.asked).toBe(true)
    const first = api.api.close({ graceMs: 60_000 })
    let isSecondOver = false
    const second = api.api.close({ graceMs: 60_000 }).then(() => (isSecondOver = true))
    await expect
      .poll(() =>
        fetch(`${api.url}/health`).then(
          () => 'answered',
          () => 'refused',
        ),
      )
      .toBe('refused')
    expect(isSecondOver).toBe(false)
    validation.finish()
    expect((await held).status).toBe(200)
    await Promise.all([first, second])
    await api.close()
    await another().close()
  })
})

describe('a sync of all flows, and a list of them', () => {
  it.each([
    ['sync', 'POST', '/api/v1/workflows/sync/*?source_url=http://flows'],
    ['list', 'GET', '/api/v1/workflows/remote'],
  ])('hears that its client left (%s)', async (name, method, path) => {
    const api = await startApi()
    let heard: ((reason: string) => void) | undefined
    const outcome = new Promise<string>((resolve) => (heard = resolve))
    let asked = false
    const waits = (signal?: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        asked = true
        signal?.addEventListener('abort', () => {
          heard?.('left')
          reject(signal.reason as Error)
        })
      })
    if (name === 'sync') api.engine.workflows.sync = (_id, _query, signal) => waits(signal)
    else api.engine.workflows.remoteList = (_query, signal) => waits(signal)
    const client = await open(api.port)
    await client.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\nContent-Length: 0\r\n\r\n`)
    await expect.poll(() => asked).toBe(true)
    client.destroy()
    expect(await outcome).toBe('left')
    expect(api.log.filter(({ level }) => level === 'error')).toEqual([])
    await api.close()
  })
})

describe('leaving', () => {
  const health = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n'

  it('goes on serving whoever comes, and ends each connection with its answer', async () => {
    const api = await startApi()
    const validation = slowValidation(api.engine)
    const [kept, busy] = [await open(api.port), await open(api.port)]
    await kept.write(health)
    await busy.write(`POST ${VALIDATE} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n\r\n`)
    await expect.poll(() => validation.asked && api.log.length === 1).toBe(true)

    const leaving = api.api.leave({ delayMs: 3_600_000 })
    for (const path of ['/api/v1/sources', '/health', '/api/v1/openapi.json', '/nowhere']) {
      const { status, headers } = await api.call('GET', path)
      expect([path, status, headers.get('connection')]).toEqual([path, path === '/nowhere' ? 404 : 200, 'close'])
    }
    await kept.write(health)
    expect(await kept.closed).toMatch(/^HTTP\/1\.1 200 [^]*keep-alive[^]*HTTP\/1\.1 200 [^]*Connection: close/i)
    validation.finish()
    expect(await busy.closed).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/i)
    await api.close()
    await leaving
  })

  it('then takes no new connection, and still answers on those that are open', async () => {
    const api = await startApi()
    const kept = await open(api.port)
    const left = api.api.leave({ delayMs: 1, lingerMs: 3_600_000 })
    await expect
      .poll(() =>
        fetch(`${api.url}/health`).then(
          () => 'answered',
          () => 'refused',
        ),
      )
      .toBe('refused')
    await kept.write(`GET /api/v1/sources HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n\r\n`)
    expect(await kept.closed).toMatch(/^HTTP\/1\.1 200 [^]*Connection: close/i)
    await left // nobody is there any more
    await api.close()
  })

  it('is over at once without a delay', async () => {
    const api = await startApi()
    await api.api.leave({ delayMs: 0 })
    expect((await api.call('GET', '/health')).headers.get('connection')).toBe('keep-alive')
    await api.close()
  })
})

describe('many slow clients', () => {
  it('do not keep others from being served', async () => {
    const api = await startApi()
    const slow = await Promise.all(Array.from({ length: 500 }, () => open(api.port)))
    await Promise.all(
      slow.map(({ write }, i) =>
        write(
          i % 2 === 0
            ? 'GET /health HTTP/1.1\r\nHost: x\r\nX-Slow'
            : `POST ${RUN} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\nContent-Length: 1000\r\n\r\n"`,
        ),
      ),
    )
    expect((await api.call('GET', '/health')).status).toBe(200)
    expect((await api.call('GET', '/api/v1/sources')).status).toBe(200)
    slow.forEach(({ destroy }) => destroy())
    await api.close()
  })
})
