import { once } from 'node:events'
import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadAnswers, type Answer } from './answers.ts'
import { makeCallLog, type Ended, type StubCall } from './call-log.ts'
import type { FlowName } from './flows.ts'
import { makeGate } from './gate.ts'
import { askedOf, describe, readText, send } from './http.ts'
import { isStreamed, type Recognised, type Values } from './recognise.ts'
import type { Asked, LangflowVersion } from './recorded.ts'
import { makeSwitches, type ServerSwitches, type Switches, type Where } from './switches.ts'

export type StubLangflowOptions = {
  version?: LangflowVersion
  /** The one key that is good. Null: none is needed, as recorded of 1.7.3 with auto login and its check skipped. */
  key?: string | null
  host?: string
  port?: number
  /** Serves the web page as well: 1.7.3 then answers 200 text/html for whatever it doesn't find. */
  frontend?: boolean
  /** Milliseconds that every run takes. */
  latencyMs?: number
  /** A file to which calls are appended, to be read with `readCallLog`. */
  logFile?: string
  /** Opens `POST /__stub/set`, `POST /__stub/release`, `POST /__stub/clear` and `GET /__stub/calls` to other processes. */
  control?: boolean
}
export type Unrecorded = { method: string; path: string; body: string; asked_for: string }
/** `where` says what the switches for calls act on; they act on runs when it is left out, html on everything. */
export type SetSwitches = (switches: Switches & ServerSwitches, where?: Where) => Promise<void>

const EMPTY: Values = { input: null, session_id: '', tweaks: [], ref: '', location: '' }

/** A Langflow server that knows only what real ones were heard to say. */
export const startStubLangflow = async (options: StubLangflowOptions = {}) => {
  const { version = '1.13.0', host = '127.0.0.1', frontend = false, latencyMs = 0, control = false } = options
  const initialKey = options.key === undefined ? 'sk-stub' : options.key
  if (initialKey === null && version !== '1.7.3') {
    throw new Error(`Langflow ${version} was not recorded without a key; use version 1.7.3`)
  }
  let key = initialKey
  let answers = loadAnswers({ version, key, frontend })
  const log = makeCallLog(options.logFile)
  const switches = makeSwitches()
  const gate = makeGate()
  const unrecorded: Unrecorded[] = []
  let down = false
  let reopen: NodeJS.Timeout | undefined
  const flows = Object.fromEntries(answers.flows.all.map(({ short_name, row }) => [short_name, row.id])) as Record<FlowName, string>

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      if (response.headersSent) return void response.destroy()
      const reason = error instanceof Error ? error.stack : String(error)
      send(response, 500, { 'content-type': 'text/plain' }, [`the stub failed: ${reason}`])
    })
  })
  server.keepAliveTimeout = 60_000 // so that no test meets a connection that closes just as it is used again
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
    gate.open() // what was under way is over
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
      answers = loadAnswers({ version, key, frontend })
    }
    const { html, ...others } = calls
    const place = where !== undefined && where in flows ? flows[where as FlowName] : where // just tested
    if (html !== undefined) switches.set({ html }, place ?? 'all')
    if (Object.keys(others).length > 0) switches.set(others, place ?? 'runs')
    if (unreachable === false) await rise()
    else if (unreachable !== undefined && !down) {
      await hang()
      if (typeof unreachable === 'number') reopen = setTimeout(() => void rise(), unreachable)
    }
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readText(request)
    if (control && request.url?.startsWith('/__stub/')) return handleControl(request, response, body)
    const asked = askedOf(request, body)
    const recognised = answers.recognise(asked)
    const described = describe(asked)
    const flow_id = described.flow_id === null ? null : (answers.flows.find(described.flow_id)?.row.id ?? described.flow_id)
    const call = log.begin({ ...described, flow_id, key_ok: key === null ? asked.api_key === null : asked.api_key === key })
    const end = (ended: Ended, status: number | null): void => log.end(call, ended, status)
    const left = once(response, 'close').then(() => {
      if (!response.writableFinished) end(down ? 'down' : 'client_left', null)
    })
    const on = switches.of(call.run, call.flow_id)
    const delay = on.slow === 'held' ? 'held' : (call.run ? latencyMs : 0) + (on.slow ?? 0)
    try {
      const answer = choose(asked, body, recognised, on)
      const pieces = answer.body(recognised?.values ?? EMPTY)
      const redirects = answer.headers.location !== undefined
      const headers = redirects ? { ...answer.headers, location: locate(answer, recognised, request) } : answer.headers
      if (delay !== 0 && pieces.length > 1 && !on.reset) {
        response.writeHead(answer.status, headers).write(pieces.shift()) // a stream shows what it has before the slow part
      }
      // A plain run goes on when the client leaves; a streamed one is cancelled.
      if (delay !== 0) await (isStreamed(asked) ? Promise.race([gate.wait(delay), left]) : gate.wait(delay))
      if (response.destroyed || request.socket.destroyed) return end(down ? 'down' : 'client_left', null)
      if (on.reset) {
        end('reset', null)
        request.socket.destroy()
        return
      }
      end('answered', answer.status) // before the client can hear of it: whoever has the answer finds the call ended
      send(response, answer.status, headers, pieces)
    } finally {
      log.done(call)
    }
  }

  const choose = (asked: Asked, body: string, recognised: Recognised | null, on: Switches): Answer => {
    if (on.busy) return made(on.busy.status, { 'retry-after': String(on.busy.retry_after) })
    if (on.failing === true) return isStreamed(asked) ? answers.failed.streamed : answers.failed.plain
    if (typeof on.failing === 'number') return made(on.failing)
    if (on.html) return answers.html
    const answer = recognised && answers.find(recognised.key)
    if (answer) return answer
    const path = asked.path + (asked.query.size > 0 ? `?${asked.query}` : '')
    const missing = { method: asked.method, path, body, asked_for: recognised?.key ?? 'nothing that was recorded' }
    unrecorded.push(missing)
    return made(599, {}, { error: `never recorded of Langflow ${version}`, ...missing })
  }

  const handleControl = async (request: IncomingMessage, response: ServerResponse, body: string): Promise<void> => {
    const reply = (status: number, answer: unknown): void =>
      send(response, status, { 'content-type': 'application/json' }, [JSON.stringify(answer)])
    const what = `${request.method} ${request.url}`
    if (what === 'GET /__stub/calls') {
      return reply(200, { calls: log.calls, max_in_flight: log.maxInFlight, in_flight: log.inFlight, unrecorded })
    }
    if (what === 'POST /__stub/release') return reply(200, { released: gate.release() })
    if (what === 'POST /__stub/clear') { clearCalls(); return reply(200, {}) }
    if (what !== 'POST /__stub/set') return reply(404, { error: 'there are set, release, clear and calls' })
    const { where, ...change } = JSON.parse(body) as Switches & ServerSwitches & { where?: Where } // our own tests send it
    if (change.unreachable === true) {
      return reply(400, { error: 'unreachable needs milliseconds here: nobody could reach the stub to end it' })
    }
    reply(200, {}) // first, since being unreachable breaks this connection as well
    if (change.unreachable !== undefined) await once(response, 'close')
    await set(change, where)
  }

  let closing: Promise<void> | undefined
  const close = async (): Promise<void> => {
    clearTimeout(reopen)
    if (!down) await hang()
    log.close()
  }
  const clearCalls = (): void => { log.clear(); unrecorded.length = 0 }

  return {
    url, port, version, flows,
    get key() { return key },
    /** All calls since the start or the last `clearCalls`, oldest first; they are updated as they go on. */
    get calls(): readonly StubCall[] { return log.calls },
    get runs(): readonly StubCall[] { return log.calls.filter(({ run }) => run) },
    /** The most runs at once that the server worked on. */
    get maxInFlight() { return log.maxInFlight },
    get inFlight() { return log.inFlight },
    /** Requests that no recording answers: they got 599. */
    unrecorded: unrecorded as readonly Unrecorded[],
    assertOnlyRecorded(): void {
      if (unrecorded.length === 0) return
      const lines = unrecorded.map(({ method, path, body, asked_for }) => `${method} ${path} ${body.slice(0, 300)} (${asked_for})`)
      throw new Error(`Langflow ${version} was never recorded answering:\n${lines.join('\n')}`)
    },
    set,
    /** Lets the calls go on that are held; how many they were. The switch stays on. */
    release: (): number => gate.release(),
    /** Turns all switches for calls off. */
    clearSwitches: (): void => switches.clear(),
    /** Forgets the calls so far. */
    clearCalls,
    close: (): Promise<void> => (closing ??= close()),
  }
}
export type StubLangflow = Awaited<ReturnType<typeof startStubLangflow>>

/** An answer that is on no record: what stands between client and server says, or the stub itself. */
const made = (status: number, headers: Record<string, string> = {}, body?: unknown): Answer => {
  const text = JSON.stringify(body ?? { detail: STATUS_CODES[status] ?? 'Error' })
  return { from: 'none', status, headers: { 'content-type': 'application/json', ...headers }, body: () => [text] }
}

const locate = (answer: Answer, recognised: Recognised | null, request: IncomingMessage): string => {
  const path = recognised?.values.location ?? '/'
  return answer.headers.location?.startsWith('/') ? path : `http://${request.headers.host}${path}`
}
