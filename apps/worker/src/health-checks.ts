import type { Clock } from '@automagik-spark/core'
import { singleFlight, SourceError } from '@automagik-spark/core'
import type { HealthCheck, Sql } from '@automagik-spark/db'
import { claimHealthChecks, recordDown, recordNotChecked, recordUp } from '@automagik-spark/db'
import type { AnnounceDue, Logger, OpenSource } from '@automagik-spark/engine'
import { VaultError } from '@automagik-spark/engine'
import type { CircuitBreakers } from './circuit-breakers.ts'
import type { SecondTimers } from './second-timers.ts'

type Deps = {
  sql: Sql
  openSource: OpenSource
  clock: Clock
  logger: Logger
  random: () => number
  everyMs: number
  secondTimers: Pick<SecondTimers, 'arm'>
  announceDue: AnnounceDue
  circuitBreakers: Pick<CircuitBreakers, 'failManualRuns'>
}

/** At once, in one process. A server that does not answer may use up the time of a check, and must not delay the checks of the others. */
const MOST = 100
/** A check has several requests; together they may take this long. */
const LONGEST_MS = 10_000

/**
 * Checks the health of servers: each minute while a source has active schedules, and after a call that could not be sent until the server is
 * back. One worker at a time checks a source.
 */
export const makeHealthChecks = (deps: Deps) => {
  const { sql, openSource, clock, logger, random, everyMs, secondTimers, announceDue, circuitBreakers } = deps
  const end = new AbortController()
  const inFlight = new Set<Promise<void>>()

  /** Tasks of a source can be claimed again, so every worker looks. */
  const announceReleased = () => void announceDue(clock.now())

  const isUp = async (check: HealthCheck, version_info: unknown) => {
    const seen = await recordUp(sql, check, version_info)
    if (seen?.resumed) logger.info({ source_id: check.source_id }, 'source is back')
    if (seen?.resumed || seen?.cleared) announceReleased()
  }

  const isDown = async (check: HealthCheck, error: SourceError) => {
    const { source_id } = check
    const isBusy = error.timed_out || error.failure === 'turned_away'
    const seen = await recordDown(sql, check, error.message, isBusy)
    if (seen?.began)
      logger.warn({ source_id, reason: error.message }, 'source is suspended: its server does not answer as it should')
    else logger.info({ source_id, failures: seen?.failures ?? 0, reason: error.message }, 'health check failed')
    if (!seen?.down) return announceReleased() // what could not be sent is tried again
    if (seen.began) secondTimers.arm([seen.next_at])
    await circuitBreakers.failManualRuns()
  }

  const check = async (due: HealthCheck): Promise<void> => {
    const timeout = AbortSignal.timeout(LONGEST_MS)
    let version_info: unknown
    try {
      version_info = await openSource(due).probe(AbortSignal.any([end.signal, timeout]))
    } catch (error) {
      if (end.signal.aborted) return recordNotChecked(sql, due, false)
      if (error instanceof SourceError) return isDown(due, error)
      if (timeout.aborted) return isDown(due, tooSlow(due.url))
      await recordNotChecked(sql, due, true)
      // The server is not at fault, and other workers may have the right key.
      if (error instanceof VaultError)
        return logger.warn({ source_id: due.source_id, err: error }, "source cannot be checked: its key can't be read")
      throw error
    }
    await isUp(due, version_info)
  }

  const startDue = async () => {
    const room = MOST - inFlight.size
    if (room <= 0 || end.signal.aborted) return
    const due = await claimHealthChecks(sql, everyMs, random(), room)
    const next = due.flatMap(({ suspended, check_at }) => (suspended ? check_at : []))
    if (next.length > 0) secondTimers.arm(next)
    for (const one of due) {
      const checking: Promise<void> = check(one)
        .catch((error: unknown) =>
          logger.warn({ source_id: one.source_id, err: error }, 'health check could not be made'),
        )
        .finally(() => inFlight.delete(checking))
      inFlight.add(checking)
    }
  }
  const start = singleFlight(startDue)

  return {
    /** Claims the checks that are due and starts them, without waiting for the servers. */
    start,
    /** The same, and it never throws: the reconciler tries again. */
    startQuietly: (): Promise<void> =>
      start().catch((error: unknown) =>
        logger.warn({ err: error }, 'sources could not be checked; the reconciler tries again'),
      ),
    /** Aborts the checks under way. */
    async stop(): Promise<void> {
      end.abort(new Error('the worker stops'))
      await start().catch(() => undefined)
      await Promise.all(inFlight)
    },
  }
}
export type HealthChecks = ReturnType<typeof makeHealthChecks>

const tooSlow = (url: string) =>
  new SourceError(
    'source_unreachable',
    'unknown',
    `No answer from ${url}: a health check took longer than ${LONGEST_MS / 1000} s.`,
    { timed_out: true },
  )
