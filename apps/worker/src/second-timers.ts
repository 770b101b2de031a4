import type { Clock } from '@automagik-spark/core'
import { ceilToSecond } from '@automagik-spark/core'
import type { WakeUps } from '@automagik-spark/engine'

type Deps = {
  clock: Clock
  wakeUps: Pick<WakeUps, 'wakeAtAll'>
  /** False only in tests that prove that Agenda alone wakes everything: no timer is set. */
  isOn: boolean
}

/** How long after its second a timer ends: by then Agenda was first, or it forgot the job. */
const AFTER_MS = 20
/** A second further ahead gets no timer: the reconciler brings it again when it is nearer. */
const HORIZON_MS = 120_000

/**
 * Timers of this process for seconds at which something is due, each 20 ms after its second. Agenda's timer sometimes ends up to 3 ms
 * early, puts its job back and forgets it until its next scan, seconds later; a worker that is killed takes its wake-ups with it.
 */
export const makeSecondTimers = ({ clock, wakeUps, isOn }: Deps) => {
  const timers = new Map<number, ReturnType<typeof setTimeout>>()
  let onSecond = (): void => undefined

  const watch = (seconds: Date[]): void => {
    if (!isOn) return
    for (const second of seconds) {
      const at = second.getTime()
      const inMs = at - clock.now().getTime() + AFTER_MS
      if (timers.has(at) || inMs > HORIZON_MS || inMs < -HORIZON_MS) continue
      const end = () => {
        timers.delete(at)
        onSecond()
      }
      timers.set(at, setTimeout(end, Math.max(inMs, 0)))
    }
  }

  return {
    /** Sets timers for seconds that have a wake-up in Agenda's store already. */
    watch,
    /** Sets timers for retries and health checks, and a wake-up for whichever worker is alive then. A lost one is armed by the reconciler. */
    arm(at: Date[]): void {
      watch(at)
      void wakeUps.wakeAtAll(at.map(ceilToSecond)) // Agenda knows whole seconds
    },
    listen(listener: () => void): void {
      onSecond = listener
    },
    stop(): void {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
export type SecondTimers = ReturnType<typeof makeSecondTimers>
