import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Express } from 'express'
import { limitSlowReader, PATIENCE, type Patience } from './slow-reader.ts'

/**
 * Limits for slow and large requests. None of them ends a response: a request that was received whole may wait an hour for its run.
 * `connectionsCheckingInterval` is how late the two timeouts may be noticed.
 */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 2_000,
  maxHeaderSize: 16 * 1024,
  keepAliveTimeout: 65_000, // above the 60 s after which common proxies drop an idle connection
}
const MAX_CONNECTIONS = 4_096
/** The duration of an empty turn of the event loop, and how long to wait for one. */
const QUIET_MS = 0.1
const QUIET_LIMIT_MS = 500
const LEAST_TURNS = 2
/** How long a refused client may take to read the reason. */
const REFUSED_MS = 1_000

const refusals: Record<string, [status: string, detail: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are larger than 16 KiB'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request did not arrive in time'],
}

/** Answers bytes that Node could not read as a request. */
const refuse = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [status, detail] = refusals[error.code ?? ''] ?? ['400 Bad Request', 'This is not a valid HTTP request']
  const body = JSON.stringify({ detail })
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${body.length}\r\nX-Request-Id: ${randomUUID()}\r\n` +
      `X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
  )
  // Not at once, which could take the response from the client; but a client that goes on sending must not keep the connection.
  setTimeout(() => socket.destroy(), REFUSED_MS).unref()
}

/**
 * Resolves in a turn of the event loop in which nothing had arrived. Before it a connection may wait to be accepted, which would be reset,
 * or a request to be read: timers come first, and on a busy machine much may have arrived.
 */
const untilQuiet = async (): Promise<void> => {
  const until = performance.now() + QUIET_LIMIT_MS
  for (let turn = 1; ; turn++) {
    const start = performance.now()
    await new Promise((resolve) => setImmediate(resolve))
    const now = performance.now()
    if (now > until || (turn > LEAST_TURNS && now - start < QUIET_MS)) return
  }
}

/** Its message is enough: print it without a stack. */
class ListenError extends Error {
  override name = 'ListenError'
}

const cannotListen = (error: NodeJS.ErrnoException, host: string, port: number): ListenError => {
  const because: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is taken by another program: stop it, or set API_PORT to another port (0 takes any free one)`,
    EACCES: `Port ${port} on ${host} may not be used by this user: set API_PORT to a port above 1023`,
    EADDRNOTAVAIL: `This machine has no address ${host}: set API_HOST to one that it has, such as 127.0.0.1 or 0.0.0.0`,
    ENOTFOUND: `The name ${host} is not known: set API_HOST to an address of this machine, such as 127.0.0.1 or 0.0.0.0`,
  }
  return new ListenError(because[error.code ?? ''] ?? `Cannot listen on ${host} port ${port}: ${error.message}`, {
    cause: error,
  })
}

const urlOf = (host: string, port: number): string => {
  const reachable = host === '0.0.0.0' || host === '::' ? 'localhost' : host
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

/**
 * Express changes the prototype of each request and response, which costs V8 what it learnt about them (measured: 100 us of CPU a request).
 * Classes that have this prototype from the start cost nothing: the change then changes nothing.
 */
const classesFor = (app: Express) => {
  class Request extends IncomingMessage {}
  class Response extends ServerResponse {}
  Object.setPrototypeOf(Request.prototype, app.request)
  Object.setPrototypeOf(Response.prototype, app.response)
  Object.assign(app, { request: Request.prototype, response: Response.prototype })
  return { IncomingMessage: Request, ServerResponse: Response }
}

/** Node's server with limits, clear errors when it cannot listen, and a close that lets running requests finish. `gate` decides whether the app gets a request. */
export const makeServer = (
  app: Express,
  gate: (req: IncomingMessage, res: ServerResponse) => boolean,
  patience: Patience = PATIENCE,
) => {
  const running = new Set<ServerResponse>()
  const listener: RequestListener = (req, res) => {
    running.add(res)
    res.once('close', () => running.delete(res))
    // Set here for every response: an hour may pass before it, but not after it.
    res.once('prefinish', () => limitSlowReader(res, patience))
    if (gate(req, res)) app(req, res)
  }
  const server = createServer({ ...limits, ...classesFor(app) }, listener)
  server.maxConnections = MAX_CONNECTIONS
  server.on('clientError', refuse)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  // A client with `Expect: 100-continue` is told to send only when the body is read. Otherwise the connection ends, as the body may come or not.
  server.on('checkContinue', (req, res) => {
    res.shouldKeepAlive = false
    listener(req, res)
  })

  /** Ends each connection after its current response. */
  const endConnectionsAfterAnswers = (): void => {
    for (const res of running) if (!res.headersSent) res.setHeader('Connection', 'close')
  }

  const shut = async (graceMs: number): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeIdleConnections()
    // Browsers open connections ahead; Node calls one idle only after its first request.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    endConnectionsAfterAnswers()
    const grace = new AbortController()
    await Promise.race([closed, sleep(graceMs, undefined, { signal: grace.signal }).catch(() => undefined)])
    grace.abort()
    server.closeAllConnections()
    await closed
  }
  let hasListened = false
  let shutting: Promise<void> | undefined

  return {
    listen: ({ host, port }: { host: string; port: number }): Promise<{ url: string; port: number }> =>
      new Promise((resolve, reject) => {
        const failed = (error: NodeJS.ErrnoException) => reject(cannotListen(error, host, port))
        server.once('error', failed)
        server.listen({ host, port }, () => {
          server.off('error', failed)
          hasListened = true
          const { port: actual } = server.address() as AddressInfo // a TCP server's, not a pipe's
          resolve({ url: urlOf(host, actual), port: actual })
        })
      }),

    endConnectionsAfterAnswers,

    /**
     * Accepts no new connections, so that a proxy opens them elsewhere, and still answers on open ones: a proxy may be sending on one now.
     * Lasts at most `lingerMs`, since the rest are connections that nobody uses.
     */
    async stopListening(lingerMs: number): Promise<void> {
      if (!server.listening) return
      await untilQuiet() // a connection that waits to be accepted would be reset
      NetServer.prototype.close.call(server) // HTTP's own close would end idle connections at once
      const until = performance.now() + lingerMs
      while (sockets.size > 0 && performance.now() < until) await sleep(20)
      await untilQuiet()
    },

    /** Accepts no new connections and waits for running requests; cuts off those that still run after `graceMs`. */
    async close(graceMs: number): Promise<void> {
      if (!shutting && hasListened) shutting = shut(graceMs)
      await shutting
    },
  }
}
