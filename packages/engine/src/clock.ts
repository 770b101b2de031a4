import type { Clock } from '@automagik-spark/core'

export type DbClock = Clock & {
  /** Sets the time from an answer of PostgreSQL; `tookMs` is how long the query took. */
  learn(serverNow: Date, tookMs: number): void
  /** By how many milliseconds this machine's clock is ahead of PostgreSQL's. */
  skewMs(): number
}

/**
 * PostgreSQL's time as this process knows it. It is measured now and then and carried on by the monotonic clock, so a jump of this
 * machine's own clock changes nothing.
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
