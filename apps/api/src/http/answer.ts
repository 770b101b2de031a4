import type { ServerResponse } from 'node:http'
import { prefixOf } from './prefix.ts'

/** Sends a finished JSON text. Express's `res.json` would read the text again for an ETag and a charset. */
export const send = (res: ServerResponse, status: number, text: string, headers?: Record<string, string>): void => {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, {
    ...headers,
    ...(headers?.Location && { Location: `${prefixOf(res)}${headers.Location}` }),
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  res.end(text)
}
