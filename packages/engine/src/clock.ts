import type { Clock } from '@automagik-spark/core'

export type DbClock = Clock & {
  /** Learns PostgreSQL's time: what it said, and how long the question took. */
  learn(serverNow: Date, tookMs: number): void
  /** By how many milliseconds this machine's clock is ahead of PostgreSQL's. */
  skewMs(): number
}

/**
 * PostgreSQL's time as this process knows it: measured now and then, carried on by the monotonic clock in between, so that a jump
 * of this machine's own clock moves nothing.
 */
export const makeDbClock = (wallNow: () => number): DbClock => {
  let base = wallNow() - performance.now()
  return {
    now: () => new Date(Math.floor(base + performance.now())),
    learn(serverNow, tookMs) {
      base = serverNow.getTime() + tookMs / 2 - performance.now()
    },
    skewMs: () => wallNow() - (base + performance.now()),
  }
}
