/**
 * Wakes a worker at a given second. A wake-up may come late, twice or never, and the whole store may be lost: the worker asks
 * PostgreSQL what is due, and the reconciler arms missing seconds again.
 */
export type WakeUps = {
  readonly backend: 'mongodb' | 'postgres'
  /**
   * Arms one wake-up for this time, rounded up to a whole second. Call it after the commit.
   * Takes at most a second and never throws: a failure is logged, and the reconciler arms the second.
   */
  wakeAt(at: Date): Promise<void>
  /** Arms many seconds in one statement, within two seconds. Asks the store and not the memory, so lost wake-ups are armed again. */
  wakeAtAll(seconds: Date[]): Promise<void>
  /** The seconds in [from, to) that have a wake-up in the store. Throws within two seconds when the store does not answer. */
  armed(from: Date, to: Date): Promise<Date[]>
  /**
   * Starts to deliver wake-ups, in a worker; an API process only arms them. When the store is down, they begin when it is back.
   * The handler must end within milliseconds. It may be called concurrently and twice for a second, but never before its second.
   */
  listen(onWake: (second: Date) => Promise<void>): Promise<void>
  /** Whether the store answered when it was last asked (once a second). */
  isUp(): boolean
  /** Lets running handlers end, unlocks the jobs that did not start, and closes every connection. */
  stop(): Promise<void>
}
