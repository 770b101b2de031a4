import type { Health, Ready } from '@automagik-spark/core'
import type { Db } from '@automagik-spark/db'
import type { DbClock } from './clock.ts'
import type { Logger } from './logger.ts'
import { loop } from './loop.ts'
import { cannotStore, isDatabaseAway, isOurBug, kindOf, whyUnavailable } from './unavailable.ts'
import type { WakeUps } from './wake-ups/wake-ups.ts'
import { within } from './within.ts'

type Deps = {
  db: Db
  wakeUps: Pick<WakeUps, 'isUp' | 'backend'>
  clock: DbClock
  logger: Logger
  random: () => number
  version: string
  everyMs?: number
}

/** A store that does not answer within this time is down. */
const ANSWER_MS = 2_000
/** How long the failure of a request is reported. A failure to store is reported until storing works again. */
const REMEMBER_MS = 30_000

/** The health of this process and its stores. Checks once a second, so that `/health` answers from memory. */
export const makeHealth = ({ db, wakeUps, clock, logger, random, version, everyMs = 1_000 }: Deps) => {
  /** Why PostgreSQL does not answer; null while it does. */
  let down: string | null = null
  let workers = 0
  let troubles: string[] = []
  let stopping = false
  /** Reasons why requests failed: when last, and whether PostgreSQL could not store. */
  const failures = new Map<string, { atMs: number; stores: boolean }>()

  const note = (reason: string, error: unknown) =>
    failures.set(reason, { atMs: performance.now(), stores: cannotStore(error) })
  const resetFailures = async () => {
    const nowMs = performance.now()
    for (const [reason, { atMs, stores }] of failures)
      if (!stores && nowMs - atMs > REMEMBER_MS) failures.delete(reason)
    if (![...failures.values()].some(({ stores }) => stores)) return
    try {
      await within(ANSWER_MS, db.workers.tryToStore({ limitMs: ANSWER_MS }))
      for (const [reason, { stores }] of failures) if (stores) failures.delete(reason)
      logger.info({}, 'PostgreSQL can store again')
    } catch (error) {
      const mayNotTry = !cannotStore(error) // no right to make a temporary table, for example
      for (const [reason, { atMs, stores }] of failures)
        if (stores && mayNotTry && nowMs - atMs > REMEMBER_MS) failures.delete(reason)
    }
  }

  const check = async () => {
    try {
      const askedAt = performance.now()
      const seen = await within(ANSWER_MS, db.workers.readLiveness({ limitMs: ANSWER_MS }))
      clock.learn(seen.now, performance.now() - askedAt)
      workers = seen.alive
      troubles = seen.troubles
      if (down !== null) logger.info({}, 'database is back')
      down = null
    } catch (error) {
      const reason =
        whyUnavailable(error) ??
        `PostgreSQL refuses a statement of Spark (${kindOf(error)}): report it, with the log of the API`
      if (down !== reason) logger[isOurBug(error) ? 'error' : 'warn']({ err: error }, 'database does not answer')
      down = reason
      return
    }
    await resetFailures()
  }
  const checking = loop(everyMs, random, check, () => undefined)

  /** Every reason for `degraded`. */
  const reasons = (): string[] => [
    ...(stopping ? ['Spark is shutting down'] : []),
    ...(down === null ? [] : [down]),
    ...failures.keys(),
    ...(workers > 0 ? [] : ['No worker is alive: start one with automagik-spark worker start']),
    ...troubles.map((trouble) => `A worker: ${trouble}`),
    ...(wakeUps.isUp() ? [] : [`The store of wake-ups (${wakeUps.backend}) does not answer`]),
  ]

  return {
    check,
    workersAlive: () => workers,

    report(): Health {
      const why = reasons()
      return {
        status: why.length === 0 ? 'healthy' : 'degraded',
        reasons: why,
        timestamp: clock.now(),
        services: {
          api: { status: stopping ? 'stopping' : 'healthy', version },
          worker: { status: workers > 0 ? 'healthy' : 'down', active_workers: workers },
          database: { status: down === null ? 'healthy' : 'down' },
          scheduler: { status: wakeUps.isUp() ? 'healthy' : 'down', backend: wakeUps.backend },
        },
      }
    },

    /** Whether requests can be served. Without a worker they can: runs wait. */
    ready(): Ready {
      if (stopping) return { status: 'not ready', reason: 'shutting down' }
      if (down !== null) return { status: 'not ready', reason: down }
      return { status: 'ready', reason: null }
    },

    /**
     * Notes the failure of a request for `/health`. Returns why PostgreSQL could not do it, as a sentence for the caller; null: it is a bug.
     */
    noteFailure(error: unknown): string | null {
      const why = whyUnavailable(error)
      if (why !== null && !isDatabaseAway(error)) note(why, error)
      else if (isOurBug(error))
        note(
          `PostgreSQL refuses a statement of Spark (SQLSTATE ${kindOf(error)}): report it, with the log of the API`,
          error,
        )
      return why
    },

    shutDown() {
      stopping = true
    },

    close: checking.stop,
  }
}
