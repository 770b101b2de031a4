import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Ended, makeCallLog, type NewCall, type StubCall } from './call-log.ts'
import { makeGate } from './gate.ts'
import { type Prepared, readRequest, send, type StubRequest } from './http.ts'
import { makeSwitches, type ServerSwitches, type Switches, type Where } from './switches.ts'

export type ServerOptions = {
  host?: string
  port?: number
  /** Milliseconds that every run takes. */
  latencyMs?: number
  /** A file for the calls, read with `readCallLog`. */
  logFile?: string
  /** Opens `POST /__stub/set`, `POST /__stub/release`, `POST /__stub/clear`, `GET /__stub/count` and `GET /__stub/calls` to other processes. */
  control?: boolean
}
export type Unrecorded = { method: string; path: string; body: string; asked_for: string }
/** `where`: the calls for which the switches hold. Left out, they hold for runs, and `html` for everything. */
export type SetSwitches = (switches: Switches & ServerSwitches, where?: Where) => Promise<void>

/** What a request was recognised as. */
export type Heard = {
  call: NewCall
  streamed: boolean
  /** What was requested, in words, for a request that was never recorded. */
  asked_for: string
  /** Null: never recorded. */
  answer: Prepared | null
  /** Asked when the answer is due: another one instead. */
  late?: () => Prepared | null
}

/** How a kind of server answers, with one key. */
export type Manners = {
  hear(request: StubRequest): Heard
  html: Prepared
  failed(heard: Heard): Prepared
}

type Deps = {
  /** The kind with its version. */
  name: string
  key: string | null
  manners(key: string | null): Manners
  /** Ids of flows by short name, for switches. */
  flows: Record<string, string>
}

/** A server that answers only what real ones were recorded to answer. */
export const startStubServer = async (
  { name, key: firstKey, manners: mannersFor, flows }: Deps,
  options: ServerOptions,
) => {
  const { host = '127.0.0.1', latencyMs = 0, control = false } = options
  let key = firstKey
  let manners = mannersFor(key)
  const log = makeCallLog(options.logFile)
  const switches = makeSwitches()
  const gate = makeGate()
  const unrecorded: Unrecorded[] = []
  let down = false
  let reopen: NodeJS.Timeout | undefined

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy()
      const reason = error instanceof Error ? error.stack : String(error)
      send(response, { status: 500, headers: { 'content-type': 'text/plain' }, pieces: [`the stub failed: ${reason}`] })
    })
  })
  server.keepAliveTimeout = 60_000 // no test meets a connection that closes while it is reused
  const listen = async (port: number): Promise<number> => {
    server.listen(port, host)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port // listening on TCP
  }
  const port = await listen(options.port ?? 0)
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`

  const hang = async (): Promise<void> => {
    down = true
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    gate.open() // calls under way end
    await closed
  }
  const rise = async (): Promise<void> => {
    clearTimeout(reopen)
    if (!down) return
    await listen(port)
    down = false
  }

  const set: SetSwitches = async ({ unreachable, key: newKey, ...calls }, where) => {
    if (newKey !== undefined) {
      key = newKey
      manners = mannersFor(key)
    }
    const { html, ...others } = calls
    const place = where === undefined ? undefined : (flows[where] ?? where)
    if (html !== undefined) switches.set({ html }, place ?? 'all')
    if (Object.keys(others).length > 0) switches.set(others, place ?? 'runs')
    if (unreachable === false) await rise()
    else if (unreachable !== undefined && !down) {
      await hang()
      if (typeof unreachable === 'number') reopen = setTimeout(() => void rise(), unreachable)
    }
  }

  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming)
    if (control && request.path.startsWith('/__stub/')) return handleControl(request, response)
    const heard = manners.hear(request)
    const call = log.begin(heard.call)
    const end = (ended: Ended, status: number | null): void => log.end(call, ended, status)
    const left = once(response, 'close').then(() => {
      if (!response.writableFinished) end(down ? 'down' : 'client_left', null)
    })
    const on = switches.of(call.run, call.flow_id)
    const delay = on.slow === 'held' ? 'held' : (call.run ? latencyMs : 0) + (on.slow ?? 0)
    try {
      let answer = choose(request, heard, on)
      if (delay !== 0 && answer.pieces.length > 1 && !on.reset) {
        response.writeHead(answer.status, answer.headers).write(answer.pieces.shift()) // a stream sends what it has before the slow part
      }
      // A plain run goes on when the client leaves; a streamed one is cancelled.
      if (delay !== 0) await (heard.streamed ? Promise.race([gate.wait(delay), left]) : gate.wait(delay))
      if (!response.headersSent) answer = heard.late?.() ?? answer
      if (response.destroyed || incoming.socket.destroyed) return end(down ? 'down' : 'client_left', null)
      if (on.reset) {
        end('reset', null)
        incoming.socket.destroy()
        return
      }
      call.from = answer.from
      end('answered', answer.status) // before the client learns of it: a test that has the answer finds the call ended
      send(response, answer)
    } finally {
      log.done(call)
    }
  }

  const choose = ({ method, path, query, body }: StubRequest, heard: Heard, on: Switches): Prepared => {
    if (on.busy) return made(on.busy.status, { 'retry-after': String(on.busy.retry_after) })
    if (on.failing === true) return manners.failed(heard)
    if (typeof on.failing === 'number') return made(on.failing)
    if (on.html) return manners.html
    if (typeof on.answer === 'string') return { ...made(200), pieces: [on.answer] }
    if (heard.answer) return heard.answer
    const missing = { method, path: path + (query.size > 0 ? `?${query}` : ''), body, asked_for: heard.asked_for }
    unrecorded.push(missing)
    return made(599, {}, { error: `never recorded of ${name}`, ...missing })
  }

  const handleControl = async ({ method, path, body }: StubRequest, response: ServerResponse): Promise<void> => {
    const reply = (status: number, answer: unknown): void =>
      send(response, { status, headers: { 'content-type': 'application/json' }, pieces: [JSON.stringify(answer)] })
    const what = `${method} ${path}`
    if (what === 'GET /__stub/calls') {
      return reply(200, { calls: log.calls, max_in_flight: log.maxInFlight, in_flight: log.inFlight, unrecorded })
    }
    if (what === 'GET /__stub/count')
      return reply(200, { runs: log.calls.filter(({ run }) => run).length, in_flight: log.inFlight })
    if (what === 'POST /__stub/release') return reply(200, { released: gate.release() })
    if (what === 'POST /__stub/clear') {
      clearCalls()
      return reply(200, {})
    }
    if (what !== 'POST /__stub/set') return reply(404, { error: 'there are set, release, clear, count and calls' })
    const { where, ...change } = JSON.parse(body) as Switches & ServerSwitches & { where?: Where } // from our own tests
    if (change.unreachable === true) {
      return reply(400, { error: 'unreachable needs milliseconds here: nobody could reach the stub to end it' })
    }
    reply(200, {}) // first, as `unreachable` also breaks this connection
    if (change.unreachable !== undefined) await once(response, 'close')
    await set(change, where)
  }

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    clearTimeout(reopen)
    if (!down) await hang()
    log.close()
  }
  const clearCalls = (): void => {
    log.clear()
    unrecorded.length = 0
  }

  return {
    url,
    port,
    get key() {
      return key
    },
    /** All calls since the start or the last `clearCalls`, oldest first; each is updated while it goes on. */
    get calls(): readonly StubCall[] {
      return log.calls
    },
    get runs(): readonly StubCall[] {
      return log.calls.filter(({ run }) => run)
    },
    /** The most runs at once. */
    get maxInFlight() {
      return log.maxInFlight
    },
    get inFlight() {
      return log.inFlight
    },
    /** Requests without a recording: they were answered with 599. */
    unrecorded: unrecorded as readonly Unrecorded[],
    assertOnlyRecorded(): void {
      if (unrecorded.length === 0) return
      const lines = unrecorded.map(
        ({ method, path, body, asked_for }) => `${method} ${path} ${body.slice(0, 300)} (${asked_for})`,
      )
      throw new Error(`${name} was never recorded answering:\n${lines.join('\n')}`)
    },
    set,
    /** Releases the held calls, and returns how many they were. The switch stays on. */
    release: (): number => gate.release(),
    /** Turns all switches for calls off. */
    clearSwitches: (): void => switches.clear(),
    /** Forgets the calls so far. */
    clearCalls,
    close: (): Promise<void> => (closing ??= close()),
  }
}
export type StubServer = Awaited<ReturnType<typeof startStubServer>>

/** An answer that was not recorded: that of a proxy, or of the stub itself. */
const made = (status: number, headers: Record<string, string> = {}, body?: unknown): Prepared => {
  const text = JSON.stringify(body ?? { detail: STATUS_CODES[status] ?? 'Error' })
  return { from: 'none', status, headers: { 'content-type': 'application/json', ...headers }, pieces: [text] }
}
