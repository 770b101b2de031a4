import type { IncomingMessage, ServerResponse } from 'node:http'

const EXPOSED = 'X-Request-Id, X-Spark-Unreachable, Location, ETag, Retry-After, Preference-Applied, Allow'
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const HEADERS = 'X-API-Key, Content-Type, X-Request-Id, Prefer, If-Match'
const MAX_AGE_SECONDS = '600'

/** Sets the headers that a browser needs. `origins` is `*`, then without credentials, or a list that is compared exactly. */
export const makeCors = (origins: '*' | readonly string[]) => {
  const allowed = origins === '*' ? null : new Set(origins)
  return (req: IncomingMessage, res: ServerResponse): void => {
    const { origin } = req.headers
    if (allowed) res.setHeader('Vary', 'Origin')
    if (origin === undefined || (allowed && !allowed.has(origin))) return
    res.setHeader('Access-Control-Allow-Origin', allowed ? origin : '*')
    if (allowed) res.setHeader('Access-Control-Allow-Credentials', 'true')
    if (!isPreflight(req)) {
      res.setHeader('Access-Control-Expose-Headers', EXPOSED)
      return
    }
    res.setHeader('Access-Control-Allow-Methods', METHODS)
    res.setHeader('Access-Control-Allow-Headers', HEADERS)
    res.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS)
  }
}

/** Answers a browser's preflight request, which cannot carry a key. */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined
