import dns from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, type Client, type Dispatcher, Pool } from 'undici'
import { type JsonThreads, makeJsonThreads } from '../json/threads.ts'
import { type AddressPolicy, addressRefusal } from './address-policy.ts'
import { Connection, type ConnectionUse, mayCloseAfter } from './connection.ts'
import { type Lookup, makeOwnServices, type OwnService } from './own-services.ts'

/** The address policy forbids the connection. The message continues "… is not allowed:". */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

export type HttpPoolOptions = {
  policy: AddressPolicy
  /** Host names whose certificates are not verified. */
  tlsInsecureHosts?: string[]
  /** Spark's own PostgreSQL, Mongo and API: no source may point at them. */
  ownServices?: OwnService[]
  /** Connections at once to one origin; further calls wait. */
  connections?: number
  /** Resolves names; replaced in tests. */
  lookup?: Lookup
}

export type PoolRequest = {
  url: URL
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string | undefined
  signal: AbortSignal
  timeoutMs: number
  /** On a new connection. */
  fresh?: boolean
  /** Called right before the first byte is written. `reused`: the connection had carried a call before. */
  onSent(how: { reused: boolean }): void
}

/** The connections to all flow servers, one pool a process. An address is checked when it is connected to: a name cannot resolve to another one after its check. */
export type HttpPool = {
  /** Resolves with the head of the response; its body must be read or destroyed. */
  request(call: PoolRequest): Promise<Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>>
  /** The threads that parse large JSON, shared by all servers. */
  threads: JsonThreads
  /** Closes every connection; calls in flight fail. */
  close(): Promise<void>
}

export const CONNECT_TIMEOUT_MS = 5000

export const makeHttpPool = (options: HttpPoolOptions): HttpPool => {
  const { policy, connections = 1000, lookup = dns.lookup } = options
  const insecure = new Set((options.tlsInsecureHosts ?? []).map((host) => host.toLowerCase()))
  const own = makeOwnServices(options.ownServices ?? [], lookup)

  const refusal = async (hostname: string, address: string, port: number): Promise<AddressRefused | null> => {
    const reason =
      addressRefusal(policy, hostname, address) ??
      ((await own.includes(address, port)) ? "is Spark's own database or API" : null)
    // The message leaves out what a name resolves to: it would let a user map a network that they cannot see.
    return reason === null
      ? null
      : new AddressRefused(
          hostname === address ? `the address ${address} ${reason}` : `the address of ${hostname} ${reason}`,
        )
  }

  const connectorFor = (origin: URL): buildConnector.connector => {
    const port = Number(origin.port) || (origin.protocol === 'https:' ? 443 : 80)
    const checkedLookup: LookupFunction = (hostname, lookupOptions, callback) => {
      lookup(hostname, { ...lookupOptions, all: true }, (error, found) => {
        if (error) return callback(error, [])
        Promise.all(found.map(({ address }) => refusal(hostname, address, port))).then(
          (refusals) => {
            const allowed = found.filter((_, at) => refusals[at] === null)
            const [first] = allowed
            if (!first) callback(refusals[0] ?? Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), [])
            else if (lookupOptions.all) callback(null, allowed)
            else callback(null, first.address, first.family)
          },
          (failed: Error) => callback(failed, []),
        )
      })
    }
    const connect = buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      lookup: checkedLookup,
      autoSelectFamily: true,
      rejectUnauthorized: !insecure.has(origin.hostname.replace(/^\[(.*)\]$/, '$1')),
    })
    return (target, callback) => {
      // A literal address is never resolved, so it is checked here.
      if (isIP(target.hostname) === 0) return connect(target, callback)
      refusal(target.hostname, target.hostname, port).then(
        (refused) => (refused ? callback(refused, null) : connect(target, callback)),
        (failed: Error) => callback(failed, null),
      )
    }
  }

  const agentWith = (pipelining: 0 | 1): Agent =>
    new Agent({
      connections,
      pipelining,
      // Well below the limit of common servers (uvicorn: 5 s): we close first, so no call meets a connection that the server is closing.
      keepAliveTimeout: 1000,
      keepAliveMaxTimeout: 1000,
      factory: (origin, poolOptions) => {
        const connect = connectorFor(new URL(origin))
        return new Pool(origin, {
          ...poolOptions,
          factory: (of, clientOptions) => new Connection(of, { ...(clientOptions as Client.Options), connect }),
        })
      },
    })
  const threads = makeJsonThreads()
  // With `pipelining: 0` undici closes a connection after each call.
  const [keeping, closing] = [agentWith(1), agentWith(0)]
  const watched = (agent: Agent) =>
    agent.compose((dispatch) => (call, handler) => dispatch(call, watch(handler, call as unknown as Watched)))
  const [onKept, onFresh] = [watched(keeping), watched(closing)]

  return {
    request: async ({ url, method, headers, body, signal, timeoutMs, fresh = false, onSent }) => {
      if (BAD_PORTS.has(Number(url.port)))
        throw new AddressRefused('its port is reserved for another protocol than HTTP')
      // undici's defaults of 300 s would end long flows.
      const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
      const opaque: Watched['opaque'] = { onSent, connection: null }
      const response = (fresh ? onFresh : onKept).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        signal,
        ...limits,
        opaque,
        ...(body === undefined ? {} : { body }),
      })
      // undici reports an abort to a waiting call only when it gets a connection; the race reports it at once.
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
      )
      return Promise.race([response, aborted])
    },
    threads,
    close: async () => void (await Promise.all([keeping.destroy(), closing.destroy(), threads.close()])),
  }
}

/** What a call carries through undici to its handler. */
type Watched = { method: string; opaque: Pick<PoolRequest, 'onSent'> & ConnectionUse }

const watch = (handler: Dispatcher.DispatchHandler, { method, opaque }: Watched): Dispatcher.DispatchHandler => {
  let closes = false
  return {
    // undici calls this when it has a connection and is about to write the request. Before that nothing was sent.
    onRequestStart(controller, context) {
      opaque.onSent({ reused: opaque.connection?.countCall() ?? false })
      handler.onRequestStart?.(controller, context)
    },
    onResponseStart(controller, status, headers, message) {
      closes = mayCloseAfter(method, status)
      handler.onResponseStart?.(controller, status, headers, message)
    },
    onResponseData: (...args) => handler.onResponseData?.(...args),
    onResponseEnd(...args) {
      // Before the caller learns of the end: its next call must not get this connection.
      if (closes) opaque.connection?.closeSocket()
      handler.onResponseEnd?.(...args)
    },
    onResponseError: (...args) => handler.onResponseError?.(...args),
  }
}

/** Ports of other protocols, whose servers could take text in a request for a command: the "bad ports" of the Fetch standard. */
const BAD_PORTS = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
  6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
])
