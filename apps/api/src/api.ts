import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '@automagik-spark/core'
import { endpoints } from '@automagik-spark/core'
import express from 'express'
import type { ApiEngine } from './engine-port.ts'
import { makeSignals } from './http/abort-signals.ts'
import { send } from './http/answer.ts'
import { makeDocs } from './http/docs.ts'
import { makeErrorHandler, NOT_FOUND_TEXT } from './http/errors.ts'
import { makeGate } from './http/gate.ts'
import { mount } from './http/handle.ts'
import { makeOpenApi, serversOf } from './http/openapi.ts'
import { makeServer } from './http/server.ts'
import type { Patience } from './http/slow-reader.ts'
import type { Logger } from './logger.ts'
import { healthRoutes } from './routes/health.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { sourceRoutes } from './routes/sources.ts'
import { taskRoutes } from './routes/tasks.ts'
import { workerRoutes } from './routes/workers.ts'
import { workflowRoutes } from './routes/workflows.ts'

export type ApiDeps = {
  engine: ApiEngine
  config: { apiKey: string; corsOrigins: '*' | readonly string[]; version: string; publicUrl: URL | null }
  logger: Logger
  clock: Clock
  /** Limits for clients that read slowly. */
  patience?: Patience
}

const CLOSE_GRACE_MS = 10_000
/** How long a request that a proxy has just sent may take to arrive. */
const LINGER_MS = 2_000

/** The REST API over an engine. `close` lets running requests finish. */
export const makeApi = ({ engine, config, logger, clock, patience }: ApiDeps) => {
  let leaving = false
  let stopping = false
  const isLeaving = () => leaving
  const hurry = new AbortController()
  const isStopping = () => stopping
  const signals = makeSignals()

  let openApi: ReturnType<typeof makeOpenApi> | undefined
  const docs = makeDocs((prefix) =>
    JSON.stringify({
      ...(openApi ??= makeOpenApi(endpoints, config.version)),
      servers: serversOf(prefix, config.publicUrl),
    }),
  )

  const routes = [
    ...healthRoutes({ health: engine.health, version: config.version, clock, isStopping }),
    ...sourceRoutes(engine),
    ...workflowRoutes(engine),
    ...taskRoutes(engine),
    ...scheduleRoutes(engine),
    ...workerRoutes(engine),
  ]
  const routed = new Set(routes.map((route) => route.endpoint))
  const forgotten = endpoints.filter((endpoint) => !routed.has(endpoint))
  if (forgotten.length > 0)
    throw new Error(`the contract has endpoints without a route: ${forgotten.map(({ id }) => id).join(', ')}`)

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false) // ours refuses a parameter that is given twice
  app.enable('case sensitive routing')
  mount(app, routes, signals.signalOf)
  docs.mount(app)
  app.use((_req, res) => send(res, 404, NOT_FOUND_TEXT))
  app.use(makeErrorHandler({ logger, isStopping, noteFailure: engine.health.noteFailure }))

  const openPaths = new Set([
    ...endpoints.filter(({ open, root }) => open && root).map(({ path }) => path),
    ...docs.openPaths,
  ])
  const server = makeServer(app, makeGate({ ...config, openPaths, isLeaving, isStopping, logger }), patience)

  return {
    listen: server.listen,
    /** Serves for a while without keeping connections, then accepts no new ones: load balancers need this time to notice. */
    async leave({ delayMs, lingerMs = LINGER_MS }: { delayMs: number; lingerMs?: number }): Promise<void> {
      if (delayMs <= 0) return
      leaving = true
      server.endConnectionsAfterAnswers()
      await sleep(delayMs, undefined, { signal: hurry.signal }).catch(() => undefined)
      if (!stopping) await server.stopListening(lingerMs)
    },
    /** Accepts no new requests, answers those that wait for a run with the task as it is, and waits for the others. */
    async close({ graceMs = CLOSE_GRACE_MS }: { graceMs?: number } = {}): Promise<void> {
      stopping = true
      hurry.abort()
      signals.close()
      await server.close(graceMs)
    },
  }
}
export type Api = ReturnType<typeof makeApi>
