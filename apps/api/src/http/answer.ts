import type { ServerResponse } from 'node:http'

/** Longest time a client may take to read an answer that the socket could not take at once. */
const SLOW_READER_MS = 60_000

/** Sends a finished JSON text. `res.json` of Express would look at the text again for an ETag and a charset. */
export const send = (res: ServerResponse, status: number, text: string, headers?: Record<string, string>): void => {
  if (res.headersSent || res.destroyed) return
  res.writeHead(status, { ...headers, 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text) })
  res.end(text)
  if (res.writableNeedDrain) res.setTimeout(SLOW_READER_MS, () => res.destroy())
}
