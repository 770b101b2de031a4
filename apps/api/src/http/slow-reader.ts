import type { ServerResponse } from 'node:http'

/** How long a client may read nothing of a response that its connection could not take at once, and how long it may take in all. */
export type Patience = { idleMs: number; wholeMs: number; bytesPerSecond: number }
export const PATIENCE: Patience = { idleMs: 30_000, wholeMs: 60_000, bytesPerSecond: 8 * 1024 }

/** Call it after a response was written: it ends the connection of a slow reader, which would keep the response in memory. */
export const limitSlowReader = (res: ServerResponse, { idleMs, wholeMs, bytesPerSecond }: Patience): void => {
  if (res.writableLength === 0) return
  const end = () => void res.destroy()
  res.setTimeout(idleMs, end)
  // A client that reads a byte now and then is never idle.
  const timer = setTimeout(end, wholeMs + (res.writableLength / bytesPerSecond) * 1000).unref()
  res.once('close', () => clearTimeout(timer))
}
