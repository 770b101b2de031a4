import { setTimeout as sleep } from 'node:timers/promises'
import type { SourceError } from '@automagik-spark/core'
import type { ClaimedTask, Sql } from '@automagik-spark/db'
import { healthSince, storableText } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'
import type { HealthChecks } from './health-checks.ts'
import type { InHand } from './in-hand.ts'
import type { Settler } from './settle.ts'

type Deps = {
  sql: Sql
  settler: Pick<Settler, 'release' | 'releaseUnsent'>
  healthChecks: Pick<HealthChecks, 'startQuietly'>
  logger: Logger
}

/** Longer than two checks: the one that is needed, and one before it that is under way. */
const CHECKED_WITHIN_MS = 25_000
const LOOK_EVERY_MS = 150

/**
 * Releases the task of a call that surely was not sent, with its try, and starts a health check of its server. The third time in a row that
 * check decides: a server that is down suspends its tasks, one that is up and takes no call makes them fail.
 * @returns true: the attempt counts as failed, and the caller writes it
 */
export const makeHandleUnsent = ({ sql, settler, healthChecks, logger }: Deps) => {
  const healthFrom = async ({ source_id }: ClaimedTask, since: Date, signal: AbortSignal): Promise<'down' | 'up'> => {
    for (const until = performance.now() + CHECKED_WITHIN_MS; performance.now() < until;) {
      signal.throwIfAborted()
      const found = await healthSince(sql, source_id, since).catch(() => null) // PostgreSQL is away: later
      if (found !== null) return found
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
    return 'up' // no worker could check the server: that is no reason to try for ever
  }

  return async (entry: InHand, error: SourceError): Promise<boolean> => {
    const { task, abort } = entry
    // No call is out any more: a worker that stops now releases the task.
    entry.phase = 'claimed'
    const { id, token, source_id } = task
    const { message, error_code } = error
    const found = await settler.releaseUnsent({ id, token, source_id, error: storableText(message), error_code })
    logger.info({ task_id: id, error_code, becomes: found?.becomes ?? 'not ours any more' }, 'call was not sent')
    void healthChecks.startQuietly()
    if (found?.becomes !== 'last') return false
    if ((await healthFrom(task, found.at, abort.signal)) === 'up') return true
    await settler.release([task], `${message} No flow ran, so the try is given back; the server is down.`)
    return false
  }
}
export type HandleUnsent = ReturnType<typeof makeHandleUnsent>
