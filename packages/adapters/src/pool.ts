import dns from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, Pool, type Dispatcher } from 'undici'
import { addressRefusal, type AddressPolicy } from './address-policy.ts'
import { makeOwnServices, type Lookup, type OwnService } from './own-services.ts'

/** An address that must not be connected to; the message goes on from "is not allowed:". */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

export type HttpPoolOptions = {
  policy: AddressPolicy
  /** Host names whose certificates are not verified. */
  tlsInsecureHosts?: string[]
  /** Spark's own database, Mongo and API: never sources. */
  ownServices?: OwnService[]
  /** At once, per origin; further calls wait. */
  connections?: number
  /** Name resolution; tests bring their own. */
  lookup?: Lookup
}

export type PoolRequest = {
  url: URL
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string | undefined
  signal: AbortSignal
  timeoutMs: number
  /** Called right before the first byte is written. */
  onSent(): void
}

/** The connections to all flow servers. One per process; every address is checked when it is connected to, so a name cannot change in between. */
export type HttpPool = {
  /** One request and the head of its answer, whose body must be read or destroyed. */
  request(call: PoolRequest): Promise<Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>>
  /** Ends every connection; calls in flight fail. */
  close(): Promise<void>
}

export const CONNECT_TIMEOUT_MS = 5000

export const makeHttpPool = (options: HttpPoolOptions): HttpPool => {
  const { policy, connections = 1000, lookup = dns.lookup } = options
  const insecure = new Set((options.tlsInsecureHosts ?? []).map((host) => host.toLowerCase()))
  const own = makeOwnServices(options.ownServices ?? [], lookup)

  const refusal = async (hostname: string, address: string, port: number): Promise<AddressRefused | null> => {
    const reason = addressRefusal(policy, hostname, address) ?? ((await own.includes(address, port)) ? "is Spark's own database or API" : null)
    // What a name resolves to is not told: it would map a network that the asker may not see.
    return reason === null ? null : new AddressRefused(hostname === address ? `the address ${address} ${reason}` : `the address of ${hostname} ${reason}`)
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
      // A literal is never looked up.
      if (isIP(target.hostname) === 0) return connect(target, callback)
      refusal(target.hostname, target.hostname, port).then(
        (refused) => (refused ? callback(refused, null) : connect(target, callback)),
        (failed: Error) => callback(failed, null),
      )
    }
  }

  const agent = new Agent({
    connections,
    pipelining: 1,
    // Well under what servers commonly allow (uvicorn: 5 s), so that we close first and no call meets a connection that is just being closed.
    keepAliveTimeout: 1000,
    keepAliveMaxTimeout: 1000,
    factory: (origin, poolOptions) => new Pool(origin, { ...poolOptions, connect: connectorFor(new URL(origin)) }),
  })

  const sender = agent.compose((dispatch) => (call, handler) => dispatch(call, tellSent(handler, call as unknown as Watched)))

  return {
    request: async ({ url, method, headers, body, signal, timeoutMs, onSent }) => {
      if (BAD_PORTS.has(Number(url.port))) throw new AddressRefused('its port is reserved for another protocol than HTTP')
      // undici's own limits of 300 s would end long flows.
      const limits = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
      const answer = sender.request({
        origin: url.origin, path: url.pathname + url.search, method, headers, signal, ...limits, opaque: { onSent },
        ...(body === undefined ? {} : { body }),
      })
      // undici lets a call that still waits for a connection hear of its abort only when there is one.
      const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
      return Promise.race([answer, aborted])
    },
    close: () => agent.destroy(),
  }
}

/** What travels with a call through undici. */
type Watched = { opaque: Pick<PoolRequest, 'onSent'> }

/** undici starts a handler when a connection is there and the request is about to be written; before that nothing can have left. */
const tellSent = (handler: Dispatcher.DispatchHandler, { opaque }: Watched): Dispatcher.DispatchHandler => ({
  onRequestStart(controller, context) {
    opaque.onSent()
    handler.onRequestStart?.(controller, context)
  },
  onResponseStart: (...args) => handler.onResponseStart?.(...args),
  onResponseData: (...args) => handler.onResponseData?.(...args),
  onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
  onResponseError: (...args) => handler.onResponseError?.(...args),
})

/** Other protocols' ports, to which text in a request's body could be a command. The list is that of the Fetch standard ("bad port"). */
const BAD_PORTS = new Set([
  1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123,
  135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995,
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
])
