import type { ServerResponse } from 'node:http'

/** How long a client may read nothing of an answer that its connection could not take at once, and how long it may take for all of it. */
export type Patience = { idleMs: number; wholeMs: number; bytesPerSecond: number }
export const PATIENCE: Patience = { idleMs: 30_000, wholeMs: 60_000, bytesPerSecond: 8 * 1024 }

/** To be called when an answer has been handed over: ends it when its reader is too slow, so that nobody keeps answers in memory. */
export const limitSlowReader = (res: ServerResponse, { idleMs, wholeMs, bytesPerSecond }: Patience): void => {
  if (res.writableLength === 0) return
  const end = () => void res.destroy()
  res.setTimeout(idleMs, end)
  // Whoever reads a byte now and then is never idle.
  const timer = setTimeout(end, wholeMs + (res.writableLength / bytesPerSecond) * 1000).unref()
  res.once('close', () => clearTimeout(timer))
}
