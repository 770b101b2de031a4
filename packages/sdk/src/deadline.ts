/** Above this, setTimeout fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

type Deadline = { signal: AbortSignal; orAborted: <T>(work: Promise<T>) => Promise<T>; end: () => void }

/** Aborts a call on its caller's signal or when its time is up. Does without `AbortSignal.any`, which edge runtimes lack. */
export const makeDeadline = (caller: AbortSignal | undefined, limitMs: number): Deadline => {
  const controller = new AbortController()
  const { signal } = controller
  const abort = () => controller.abort(caller?.reason)
  if (caller?.aborted) abort()
  else caller?.addEventListener('abort', abort, { once: true })
  const timer = Number.isFinite(limitMs)
    ? setTimeout(() => controller.abort(), Math.min(limitMs, MAX_TIMER_MS))
    : undefined

  return {
    signal,
    /** Without `AbortSignal.any`, ky does not notice an abort while it waits before a retry; this rejects at once. */
    orAborted: (work) => {
      work.catch(() => undefined) // handled below, unless the abort came first
      return new Promise((resolve, reject) => {
        const stop = () => reject(signal.reason as Error)
        signal.addEventListener('abort', stop, { once: true })
        work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
        if (signal.aborted) stop()
      })
    },
    end: () => {
      clearTimeout(timer)
      caller?.removeEventListener('abort', abort)
    },
  }
}
