import dns from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, Pool, type Dispatcher } from 'undici'
import { addressRefusal, type AddressPolicy } from './address-policy.ts'
import { makeOwnServices, type Lookup, type OwnService } from './own-services.ts'

/** An address that must not be connected to; the message goes on from "the address". */
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

/** What Node's fetch needs of a dispatcher. */
export type CallDispatcher = Pick<Dispatcher, 'dispatch'>

/** The connections to all flow servers. One per process; every address is checked when it is connected to, so a name cannot change in between. */
export type HttpPool = {
  /** For one request: `onSent` is called right before its first byte is written. */
  dispatcher(call: { timeoutMs: number; onSent(): void }): CallDispatcher
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
    return reason === null ? null : new AddressRefused(hostname === address ? `${address} ${reason}` : `of ${hostname} ${reason}`)
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

  return {
    dispatcher: ({ timeoutMs, onSent }) => ({
      // undici's own limits of 300 s would end long flows.
      dispatch: (call, handler) =>
        agent.dispatch({ ...call, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }, tellSent(handler, onSent)),
    }),
    close: () => agent.destroy(),
  }
}

/** undici starts a handler when a connection is there and the request is about to be written; before that nothing can have left. */
const tellSent = (handler: Dispatcher.DispatchHandler, onSent: () => void): Dispatcher.DispatchHandler =>
  new Proxy(handler, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        // The name of this event in undici 6 (Node's own fetch) and 7.
        if (key === 'onConnect' || key === 'onRequestStart') onSent()
        return Reflect.apply(value, target, args)
      }
    },
  })
