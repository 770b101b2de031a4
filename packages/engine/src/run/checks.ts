import { SourceError } from '@automagik-spark/core'
import { checkedDown, checkedUp, claimChecks } from '@automagik-spark/db'
import type { Check, Sql } from '@automagik-spark/db'
import type { Logger } from '../logger.ts'
import type { OpenSource } from '../remote.ts'
import { VaultError } from '../vault.ts'

type Deps = {
  sql: Sql
  openSource: OpenSource
  logger: Logger
  random: () => number
  everyMs: number
  /** Sources that are held are asked again at these seconds. */
  arm: (seconds: Date[]) => void
  onReleased: () => void
}

/** At once, in one process. */
const MOST = 20

/** Asks the servers how they are: each minute while a source has active schedules or is held, each by one worker. */
export const makeChecks = ({ sql, openSource, logger, random, everyMs, arm, onReleased }: Deps) => {
  const end = new AbortController()
  const inFlight = new Set<Promise<void>>()
  let looking: Promise<void> | null = null

  const down = async (check: Check, error: SourceError) => {
    const busy = error.timed_out || error.failure === 'turned_away'
    const seen = await checkedDown(sql, check, error.message, busy)
    if (seen?.began) logger.warn({ source_id: check.source_id, reason: error.message }, 'source is held: its health checks failed')
    else logger.info({ source_id: check.source_id, failures: seen?.failures ?? 0, reason: error.message }, 'health check failed')
  }
  const ask = async (check: Check) => {
    try {
      const seen = await checkedUp(sql, check, await openSource(check).probe(end.signal))
      if (!seen?.released) return
      logger.info({ source_id: check.source_id }, 'source is back')
      onReleased()
    } catch (error) {
      if (end.signal.aborted) return
      if (error instanceof SourceError) return await down(check, error)
      // Not the server's fault, and other workers may have the right key.
      if (error instanceof VaultError) return logger.warn({ source_id: check.source_id, err: error }, "source cannot be asked: its key can't be read")
      throw error
    }
  }

  const lookOnce = async () => {
    const room = MOST - inFlight.size
    if (room <= 0 || end.signal.aborted) return
    const checks = await claimChecks(sql, everyMs, random(), room)
    const again = checks.flatMap(({ held, check_at }) => (held ? check_at : []))
    if (again.length > 0) arm(again)
    for (const check of checks) {
      const asking: Promise<void> = ask(check)
        .catch((error: unknown) => logger.warn({ source_id: check.source_id, err: error }, 'health check could not be made'))
        .finally(() => inFlight.delete(asking))
      inFlight.add(asking)
    }
  }

  return {
    /** Takes what is due and asks, without waiting for the answers. */
    look(): Promise<void> {
      looking ??= lookOnce().finally(() => {
        looking = null
      })
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
