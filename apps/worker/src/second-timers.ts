import type { Clock } from '@automagik-spark/core'

type Deps = { clock: Clock; look: () => void }

/** How long after an armed second the guard looks: Agenda was there first, or it forgot. */
const AFTER_MS = 20
/** Timers this far ahead are set when their time comes nearer. */
const HORIZON_MS = 120_000

/**
 * Looks 20 ms after each second that is known to be due. Agenda's timer sometimes fires up to 3 ms early, puts its job back and
 * forgets it until its next scan, seconds later; a worker that is killed takes its wake-ups with it.
 */
export const makeGuard = ({ clock, look }: Deps) => {
  const timers = new Map<number, ReturnType<typeof setTimeout>>()

  return {
    /** Remembers seconds that are due soon. */
    watch(seconds: Date[]) {
      for (const second of seconds) {
        const at = second.getTime()
        const inMs = at - clock.now().getTime() + AFTER_MS
        if (timers.has(at) || inMs > HORIZON_MS || inMs < -HORIZON_MS) continue
        timers.set(
          at,
          setTimeout(
            () => {
              timers.delete(at)
              look()
            },
            Math.max(inMs, 0),
          ),
        )
      }
    },
    stop() {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
