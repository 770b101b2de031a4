import { type Clock, SECOND } from '@automagik-spark/core'

const MANY = 10_000

export type ArmedSeconds = {
  /** Arms the second unless it is armed or being armed; concurrent calls share one answer. */
  once(second: Date, arm: () => Promise<boolean>): Promise<void>
  add(seconds: Date[]): void
  /** Replaces what is remembered of [from, to) by the store's answer. */
  replace(from: Date, to: Date, seconds: Date[]): void
}

/** Remembers which seconds have a wake-up, to save queries. It may forget seconds, and may be wrong until `replace`. */
export const makeArmedSeconds = (clock: Clock): ArmedSeconds => {
  const known = new Map<number, Promise<boolean>>()

  const prune = () => {
    if (known.size < MANY) return
    const now = clock.now().getTime()
    for (const second of known.keys()) if (second < now) known.delete(second)
    if (known.size >= MANY) known.clear()
  }
  const add = (seconds: Date[]) => {
    prune()
    for (const second of seconds) known.set(second.getTime(), Promise.resolve(true))
  }

  return {
    async once(second, arm) {
      const key = second.getTime()
      // A wake-up for a second that is near may be running already, and may have looked before the caller's commit.
      const isNear = key - clock.now().getTime() < SECOND
      const before = isNear ? undefined : known.get(key)
      if (before) return void (await before)
      prune()
      const arming = arm()
      known.set(key, arming)
      if (!(await arming) && known.get(key) === arming) known.delete(key)
    },
    add,
    replace(from, to, seconds) {
      for (const second of known.keys()) if (second >= from.getTime() && second < to.getTime()) known.delete(second)
      add(seconds)
    },
  }
}
