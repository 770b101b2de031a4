import { SourceError } from '@automagik-spark/core'
import type { HealthCheck, Sql } from '@automagik-spark/db'
import { claimHealthChecks, recordDown, recordNotChecked, recordUp } from '@automagik-spark/db'
import type { Logger, OpenSource } from '@automagik-spark/engine'
import { VaultError } from '@automagik-spark/engine'

type Deps = {
  sql: Sql
  openSource: OpenSource
  logger: Logger
  random: () => number
  everyMs: number
  /** Sources that are held are asked again at these times. */
  arm: (at: Date[]) => void
  /** Calls go out again: a hold is over, or it was none. */
  onReleased: () => void
  /** A server is down: whoever waited for this check is told. */
  onDown: () => Promise<unknown>
}

/** At once, in one process. Servers that are gone may keep a check for as long as one may take, and must not keep the others waiting. */
const MOST = 100
/** A check has several requests; together they may take so long. */
const LONGEST_MS = 10_000

/** Asks the servers how they are: each minute while a source has active schedules, and when a call could not be sent until it is back. Each by one worker at a time. */
export const makeChecks = ({ sql, openSource, logger, random, everyMs, arm, onReleased, onDown }: Deps) => {
  const end = new AbortController()
  const inFlight = new Set<Promise<void>>()
  let looking: Promise<void> | null = null
  let again = false

  const up = async (check: HealthCheck, version_info: unknown) => {
    const seen = await recordUp(sql, check, version_info)
    if (seen?.resumed) logger.info({ source_id: check.source_id }, 'source is back')
    if (seen?.resumed || seen?.cleared) onReleased()
  }
  const down = async (check: HealthCheck, error: SourceError) => {
    const busy = error.timed_out || error.failure === 'turned_away'
    const seen = await recordDown(sql, check, error.message, busy)
    if (seen?.began)
      logger.warn(
        { source_id: check.source_id, reason: error.message },
        'source is held: its server does not answer as it should',
      )
    else
      logger.info(
        { source_id: check.source_id, failures: seen?.failures ?? 0, reason: error.message },
        'health check failed',
      )
    if (!seen?.down) return onReleased() // what could not be sent is tried again
    if (seen.began) arm([seen.next_at])
    await onDown()
  }

  const ask = async (check: HealthCheck) => {
    const tooLong = AbortSignal.timeout(LONGEST_MS)
    let version_info: unknown
    try {
      version_info = await openSource(check).probe(AbortSignal.any([end.signal, tooLong]))
    } catch (error) {
      if (end.signal.aborted) return recordNotChecked(sql, check, false)
      if (error instanceof SourceError) return down(check, error)
      if (tooLong.aborted)
        return down(
          check,
          new SourceError(
            'source_unreachable',
            'unknown',
            `No answer from ${check.url}: a health check took longer than ${LONGEST_MS / 1000} s.`,
            { timed_out: true },
          ),
        )
      await recordNotChecked(sql, check, true)
      // Not the server's fault, and other workers may have the right key.
      if (error instanceof VaultError)
        return logger.warn({ source_id: check.source_id, err: error }, "source cannot be asked: its key can't be read")
      throw error
    }
    await up(check, version_info)
  }

  const lookOnce = async () => {
    const room = MOST - inFlight.size
    if (room <= 0 || end.signal.aborted) return
    const checks = await claimHealthChecks(sql, everyMs, random(), room)
    const next = checks.flatMap(({ suspended, check_at }) => (suspended ? check_at : []))
    if (next.length > 0) arm(next)
    for (const check of checks) {
      const asking: Promise<void> = ask(check)
        .catch((error: unknown) =>
          logger.warn({ source_id: check.source_id, err: error }, 'health check could not be made'),
        )
        .finally(() => inFlight.delete(asking))
      inFlight.add(asking)
    }
  }

  return {
    /** Takes what is due and asks, without waiting for the answers. Called while it looks, it looks once more. */
    look(): Promise<void> {
      again = true
      looking ??= (async () => {
        try {
          while (again) {
            again = false
            await lookOnce()
          }
        } finally {
          looking = null
        }
      })()
      return looking
    },
    /** Leaves off asking. */
    async stop(): Promise<void> {
      end.abort(new Error('the worker stops'))
      await looking?.catch(() => undefined)
      await Promise.all(inFlight)
    },
  }
}
export type Checks = ReturnType<typeof makeChecks>
