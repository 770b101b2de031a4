import type { ServerResponse } from 'node:http'

/** Aborts the wait of a handler when the client left or the API closes. */
export const makeSignals = () => {
  const waiting = new Set<AbortController>()
  let closed = false
  return {
    signalOf(res: ServerResponse): AbortSignal {
      const controller = new AbortController()
      waiting.add(controller)
      res.once('close', () => {
        waiting.delete(controller)
        controller.abort()
      })
      if (closed || res.destroyed) controller.abort()
      return controller.signal
    },
    /** Ends all waits, now and later. */
    close(): void {
      closed = true
      for (const controller of waiting) controller.abort()
    },
  }
}
