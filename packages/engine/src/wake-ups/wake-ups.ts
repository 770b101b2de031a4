/**
 * Says when to look; never what is true. Wake-ups may come late, twice or never, and the whole store may be emptied at any time:
 * whoever is woken asks PostgreSQL what is due, and the reconciler arms what is missing.
 */
export type WakeUps = {
  readonly backend: 'mongodb' | 'postgres'
  /**
   * Arms one wake-up for this second (rounded up to a whole one). To be called after the commit.
   * It takes at most a second and never throws: a failure is logged and the reconciler makes it good.
   */
  wakeAt(at: Date): Promise<void>
  /** The same for many seconds in one statement, within two seconds. It asks the store, not the memory: what was lost there is armed again. */
  wakeAtAll(seconds: Date[]): Promise<void>
  /** Which seconds in [from, to) have a wake-up in the store now. Throws within two seconds when the store doesn't answer. */
  armed(from: Date, to: Date): Promise<Date[]>
  /**
   * Starts to process wake-ups: a worker calls this, an API process does not. When the store is down they begin once it is back.
   * The handler ends within milliseconds and may be called several times at once, twice for a second, and never before its second.
   */
  listen(onWake: (second: Date) => Promise<void>): Promise<void>
  /** Whether the store answered when it was last asked (once a second). */
  isUp(): boolean
  /** Lets running handlers end, unlocks what wasn't started, and closes every connection. */
  stop(): Promise<void>
}
