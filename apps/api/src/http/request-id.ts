import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

const HEADER = 'X-Request-Id'
const SENSIBLE = /^[A-Za-z0-9._-]{1,128}$/

/** Uses the client's id when it can stand in a log; otherwise makes one. */
export const setRequestId = (req: IncomingMessage, res: ServerResponse): string => {
  const given = req.headers['x-request-id']
  const id = typeof given === 'string' && SENSIBLE.test(given) ? given : randomUUID()
  res.setHeader(HEADER, id)
  return id
}

export const requestIdOf = (res: ServerResponse): string => String(res.getHeader(HEADER))
