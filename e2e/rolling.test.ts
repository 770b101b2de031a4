import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TemporaryServer } from '@automagik-spark/db/testing'
import { startTemporaryServer } from '@automagik-spark/db/testing'
import { patient } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Running } from './spark.ts'
import { CLI, removeDir, run, tempDir, until } from './spark.ts'

const KEY = 'a-key-for-rolling-restarts'
const RESTARTS = 20
const dir = tempDir()
let postgres: TemporaryServer
let env: Record<string, string>
beforeAll(async () => {
  postgres = await startTemporaryServer()
  env = {
    DATABASE_URL: postgres.url,
    SPARK_API_KEY: KEY,
    SPARK_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    API_PORT: '0',
    API_HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    SPARK_SHUTDOWN_DELAY: String(Math.min(3, Math.ceil(patient(1)))),
  }
})
afterAll(async () => {
  for (const { child } of started) child.kill('SIGKILL') // what a failed test has left
  await postgres?.close()
  removeDir(dir)
})

type Api = Running & { url: string }
const started: Running[] = []
const start = async (): Promise<Api> => {
  const running = run(CLI, ['api', 'start'], { env, cwd: dir })
  started.push(running)
  const [, url] = await running.says(/Spark is ready at (http:\/\/\S+)/)
  return { ...running, url: url! }
}

/** How often the proxy asks who is ready: well below the shutdown delay. */
const CHECK_MS = 100

/**
 * A proxy as most are: it takes turns among those that are ready, keeps connections, and goes to the next server only when one cannot be connected
 * to, since a request that was sent may have been carried out.
 */
const startProxy = async () => {
  const servers: { url: string; agent: Agent; isReady: boolean }[] = []
  const check = async (server: (typeof servers)[number]) => {
    server.isReady = await fetch(`${server.url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  const checking = setInterval(() => void Promise.all(servers.map(check)), CHECK_MS)
  let turn = 0
  const pass = (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    body: Buffer,
    [server, ...others]: typeof servers,
  ) => {
    if (!server) return void outgoing.writeHead(502).end('no server is left')
    const sent = request(
      `${server.url}${incoming.url}`,
      { method: incoming.method, headers: incoming.headers, agent: server.agent },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502)
        answer.pipe(outgoing)
      },
    )
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') pass(incoming, outgoing, body, others)
      else outgoing.writeHead(502).end(`${incoming.method} ${incoming.url}: ${error.message}`)
    })
    sent.end(body)
  }
  const proxy = createServer((incoming, outgoing) => {
    buffer(incoming).then(
      (body) => {
        const ready = servers.filter(({ isReady }) => isReady)
        const first = turn++ % Math.max(ready.length, 1)
        // The others last: as nginx does, it tries a server that it takes for down rather than none.
        const others = servers.filter(({ isReady }) => !isReady)
        pass(incoming, outgoing, body, [...ready.slice(first), ...ready.slice(0, first), ...others])
      },
      () => outgoing.destroy(), // the client left before it had sent all
    )
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    add: (url: string) => void servers.push({ url, agent: new Agent({ keepAlive: true }), isReady: true }),
    remove: (url: string) =>
      void servers.splice(
        servers.findIndex((one) => one.url === url),
        1,
      ), // what is under way there comes to its own end
    close: () =>
      new Promise<void>((resolve) => {
        clearInterval(checking)
        proxy.close(() => resolve())
        proxy.closeAllConnections()
      }),
  }
}

describe('an API that is told to end, with SPARK_SHUTDOWN_DELAY', () => {
  it('is not ready at once, and still serves, without keeping a connection', async () => {
    const api = await start()
    const get = async (path: string) => {
      const response = await fetch(`${api.url}${path}`, { headers: { 'X-API-Key': KEY } })
      await response.arrayBuffer()
      return [response.status, response.headers.get('connection')]
    }
    expect([await get('/ready'), await get('/api/v1/tasks')]).toEqual([
      [200, 'keep-alive'],
      [200, 'keep-alive'],
    ])
    api.child.kill('SIGTERM')
    await until(
      () => get('/ready'),
      ([status]) => status === 503,
    )
    expect([await get('/ready'), await get('/api/v1/tasks')]).toEqual([
      [503, 'close'],
      [200, 'close'],
    ])
    expect(await api.exited).toBe(0)
  })

  it(
    `fails no request over ${RESTARTS} restarts behind a proxy that keeps connections and asks who is ready`,
    async () => {
      const proxy = await startProxy()
      const apis = [await start(), await start()]
      for (const { url } of apis) proxy.add(url)
      const calls = { answered: 0, failed: [] as string[] }
      let isOver = false
      const client = async () => {
        for (let i = 0; !isOver; i++) {
          const isRead = i % 2 === 0
          const path = isRead ? '/api/v1/tasks?limit=1' : '/api/v1/workflows/00000000-0000-7000-8000-000000000000/run'
          const response = await fetch(`${proxy.url}${path}`, {
            method: isRead ? 'GET' : 'POST',
            headers: { 'X-API-Key': KEY, 'Content-Type': 'application/json' },
            ...(!isRead && { body: '"x"' }),
          })
          const text = await response.text()
          if (response.status === (isRead ? 200 : 404)) calls.answered++
          else calls.failed.push(`${response.status} ${text}`)
        }
      }
      const clients = [client(), client(), client(), client()]
      for (let i = 0; i < RESTARTS; i++) {
        const next = start()
        const old = apis.shift()!
        const code = await old.stop()
        proxy.remove(old.url)
        apis.push(await next)
        proxy.add(apis.at(-1)!.url)
        expect(code).toBe(0)
      }
      isOver = true
      await Promise.all(clients)
      expect(calls.failed).toEqual([])
      expect(calls.answered).toBeGreaterThan(RESTARTS)
      await Promise.all(apis.map((api) => api.stop()))
      await proxy.close()
    },
    patient(240_000),
  )
})
