import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from '../logger.ts'
import { send } from './answer.ts'
import { makeAuth } from './auth.ts'
import { isPreflight, makeCors } from './cors.ts'
import { MISSING_KEY_TEXT, SHUTTING_DOWN_TEXT, WRONG_KEY_TEXT } from './errors.ts'
import { loggedPath } from './logged-path.ts'
import { makePrefix } from './prefix.ts'
import { setRequestId } from './request-id.ts'

type Deps = {
  apiKey: string
  corsOrigins: '*' | readonly string[]
  /** Paths whose GET needs no key. */
  openPaths: ReadonlySet<string>
  /** True: requests are served, and each connection ends after its response. */
  isLeaving(): boolean
  isStopping(): boolean
  /** The public address of this API, when it differs from where it listens. */
  publicUrl: URL | null
  logger: Logger
}

const pathOf = (url: string): string => {
  const end = url.indexOf('?')
  return end === -1 ? url : url.slice(0, end)
}
const withoutSlash = (path: string): string => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path)
const isRead = (method: string | undefined) => method === 'GET' || method === 'HEAD'

/**
 * Gives every request, before it is routed or read, its id, its line in the log, CORS headers, and the check of its key.
 * An open path must be written exactly; every other spelling needs a key, even when a router would take it for the same.
 */
export const makeGate = ({ apiKey, corsOrigins, openPaths, isLeaving, isStopping, publicUrl, logger }: Deps) => {
  const check = makeAuth(apiKey)
  const setCors = makeCors(corsOrigins)
  const setPrefix = makePrefix(publicUrl)

  const logWhenDone = (req: IncomingMessage, res: ServerResponse, request_id: string, path: string) => {
    const started = performance.now()
    res.once('close', () => {
      const line = {
        request_id,
        method: req.method,
        path,
        status: res.statusCode,
        took_ms: Math.round((performance.now() - started) * 10) / 10,
      }
      if (!res.writableFinished) logger.info(line, 'client left')
      else if (res.statusCode >= 400 || !isRead(req.method)) logger.info(line, 'request')
      else logger.debug(line, 'request')
    })
  }

  const refuse = (res: ServerResponse, text: string) => send(res, 401, text, { 'WWW-Authenticate': 'ApiKey' })

  /** True when the request may go on; otherwise it was answered. */
  return (req: IncomingMessage, res: ServerResponse): boolean => {
    setPrefix(req, res)
    const path = pathOf(req.url ?? '')
    const named = withoutSlash(path)
    logWhenDone(req, res, setRequestId(req, res), loggedPath(path))
    res.setHeader('Cache-Control', 'no-store')
    res.setHeader('X-Content-Type-Options', 'nosniff')
    setCors(req, res)

    if (isLeaving()) res.setHeader('Connection', 'close')
    if (isStopping()) {
      res.setHeader('Connection', 'close')
      if (named !== '/health') {
        send(res, 503, SHUTTING_DOWN_TEXT)
        return false
      }
    }
    if (isPreflight(req)) {
      res.writeHead(204).end()
      return false
    }
    if (isRead(req.method) && openPaths.has(named)) return true
    const fault = check(req)
    if (fault) refuse(res, fault === 'missing' ? MISSING_KEY_TEXT : WRONG_KEY_TEXT)
    return fault === null
  }
}
