import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { patience } from './patience.ts'

const RESOLUTION_MS = 10
const IDLE_MS = 500
const TIMES_IDLE = 5
/** The limit is never lower. */
const LEAST_LIMIT_MS = 50
const TRIES = 5

/** The longest time that some work blocked the event loop, in ms. */
const longestDelay = async (work: () => Promise<unknown>): Promise<number> => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  try {
    await work()
    await sleep(2 * RESOLUTION_MS) // the time of the last turn is counted in the next one
  } finally {
    delay.disable()
  }
  return delay.max / 1e6
}

/**
 * Whether some work blocks the event loop for longer than a multiple of its delay when idle, measured just before. On a busy machine a process
 * that computes waits for others, and an idle one does not: so the best of some tries counts, and the limit grows with `SPARK_TEST_PATIENCE`.
 */
export const holdsEventLoop = async (
  work: () => Promise<unknown>,
): Promise<{ holds: boolean; longestMs: number; limitMs: number }> => {
  let result = { holds: true, longestMs: Infinity, limitMs: 0 }
  for (let i = 0; i < TRIES && result.holds; i++) {
    const idleMs = await longestDelay(() => sleep(IDLE_MS))
    const longestMs = await longestDelay(work)
    const limitMs = Math.max(LEAST_LIMIT_MS, TIMES_IDLE * idleMs) * patience()
    if (longestMs < result.longestMs) result = { holds: longestMs > limitMs, longestMs, limitMs }
  }
  return result
}
