import type { ServerResponse } from 'node:http'

/** How long a client may read nothing of an answer that its connection could not take at once. */
const SLOW_READER_MS = 30_000

/** Sends a finished JSON text. `res.json` of Express would look at the text again for an ETag and a charset. */
export const send = (res: ServerResponse, status: number, text: string, headers?: Record<string, string>): void => {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, { ...headers, 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text) })
  res.end(text)
  if (res.writableLength > 0) res.setTimeout(SLOW_READER_MS, () => res.destroy())
}
