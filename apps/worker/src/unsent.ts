import { setTimeout as sleep } from 'node:timers/promises'
import type { SourceError } from '@automagik-spark/core'
import type { ClaimedTask, Sql } from '@automagik-spark/db'
import { healthSince, storableText } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'
import type { Checks } from './health-checks.ts'
import type { Held } from './runner.ts'
import type { Settler } from './settle.ts'

type Deps = { sql: Sql; settler: Settler; checks: Pick<Checks, 'look'>; logger: Logger }

/** Longer than a check may take, and the one before it that is under way. */
const VERDICT_WITHIN_MS = 25_000
const VERDICT_EVERY_MS = 150

/**
 * What becomes of a call that surely was not sent: its task goes back with its try, and its server is checked at once. The third time in a row it
 * depends on that check: a server that is down holds its tasks, one that is up and takes no call has them fail.
 * @returns true: it is an ordinary failed try, to be written by the caller
 */
export const makeUnsent = ({ sql, settler, checks, logger }: Deps) => {
  const verdict = async ({ source_id }: ClaimedTask, since: Date, signal: AbortSignal): Promise<'down' | 'up'> => {
    for (const until = performance.now() + VERDICT_WITHIN_MS; performance.now() < until;) {
      signal.throwIfAborted()
      const found = await healthSince(sql, source_id, since).catch(() => null) // PostgreSQL is away: later
      if (found !== null) return found
      await sleep(VERDICT_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
    return 'up' // nobody could check: no reason to try for ever
  }

  return async (entry: Held, error: SourceError): Promise<boolean> => {
    const { task, abort } = entry
    // Nothing is out any more: a worker that stops gives it back.
    entry.phase = 'claimed'
    const { id, token, source_id } = task
    const found = await settler.releaseUnsent({
      id,
      token,
      source_id,
      error: storableText(error.message),
      error_code: error.error_code,
    })
    logger.info(
      { task_id: id, error_code: error.error_code, becomes: found?.becomes ?? 'not ours any more' },
      'call was not sent',
    )
    void checks
      .look()
      .catch((failure: unknown) =>
        logger.warn({ source_id, err: failure }, 'source could not be checked; the reconciler tries again'),
      )
    if (found?.becomes !== 'last') return false
    if ((await verdict(task, found.at, abort.signal)) === 'up') return true
    await settler.handBack([task], `${error.message} No flow ran, so the try is given back; the server is down.`)
    return false
  }
}
export type HandleUnsent = ReturnType<typeof makeUnsent>
