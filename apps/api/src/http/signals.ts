import type { ServerResponse } from 'node:http'

/** Tells a handler that waits long when waiting has become pointless: the client left, or the API closes. */
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
    /** From now on no handler waits. */
    close(): void {
      closed = true
      for (const controller of waiting) controller.abort()
    },
  }
}
