import { setTimeout as sleep } from 'node:timers/promises'

/** Repeats `work` until it is stopped, `everyMs` apart: up to a tenth earlier or later, so that workers do not run in step. */
export const loop = (
  everyMs: number,
  random: () => number,
  work: () => Promise<void>,
  onError: (error: unknown) => void,
) => {
  const end = new AbortController()
  const done = (async () => {
    while (!end.signal.aborted) {
      try {
        await work()
      } catch (error) {
        onError(error)
      }
      await sleep(everyMs * (0.9 + 0.2 * random()), undefined, { signal: end.signal }).catch(() => undefined)
    }
  })()
  return {
    async stop() {
      end.abort()
      await done
    },
  }
}
