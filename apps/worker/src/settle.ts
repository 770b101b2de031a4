import { setTimeout as sleep } from 'node:timers/promises'
import type { Settlement, Sql, Unsent, UnsentTask } from '@automagik-spark/db'
import { addEvent, releaseTasks, releaseUnsent, settle, SETTLE_BATCH, settledBy } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'
import { makeBatcher } from '@automagik-spark/engine'
import type { Troubles } from './troubles.ts'

type Deps = {
  sql: Sql
  logger: Logger
  troubles: Troubles
  /** Tasks wait for their next tries at these times. */
  onRetries: (at: Date[]) => void
  /** A source took a call that had taken none for a while. */
  onOutcomes: () => Promise<void>
  /** Runs failed for good. */
  onFailed: () => void
}

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 2_000
const HAND_BACK_TRIES = 8
/** Characters of answers in one statement: Node and PostgreSQL have limits for what is one text (some 500 million), and hold it several times. */
const SETTLE_CHARS = 32 * 1024 * 1024
const charsOf = ({ output, full_output }: Settlement): number => (output?.length ?? 0) + (full_output?.length ?? 0)

/**
 * Writes how attempts ended. PostgreSQL away is no reason to lose an answer: it is kept and tried again until it is written or
 * until its token holds no longer.
 */
export const makeSettler = ({ sql, logger, troubles, onRetries, onOutcomes, onFailed }: Deps) => {
  /** True: written by this token, now or by a try whose answer was lost. */
  const settleAll = async (settlements: Settlement[]): Promise<boolean[]> => {
    for (let waitMs = FIRST_RETRY_MS, doubtful = false; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        const rows = await settle(sql, settlements)
        troubles.worked('settling')
        const retries = rows.flatMap((row) => row.next_retry_at ?? [])
        if (retries.length > 0) onRetries(retries)
        if (rows.some((row) => row.outcomes_changed)) await onOutcomes()
        if (rows.some((row) => row.status === 'failed')) onFailed()
        const done = new Set(rows.map((row) => row.id))
        const rest = settlements.filter((settlement) => !done.has(settlement.id))
        if (doubtful && rest.length > 0) for (const id of await settledBy(sql, rest)) done.add(id)
        return settlements.map((settlement) => done.has(settlement.id))
      } catch (error) {
        if (isRefused(error)) {
          if (settlements.length > 1) return (await Promise.all(settlements.map((one) => settleAll([one])))).flat()
          logger.error({ task_id: settlements[0]!.id, err: error }, 'answer could not be stored')
          return settleAll([unstorable(settlements[0]!)])
        }
        doubtful = true
        troubles.failed('settling', error)
        await sleep(waitMs)
      }
    }
  }
  const settleOne = makeBatcher<Settlement, boolean>({
    max: SETTLE_BATCH,
    maxWeight: SETTLE_CHARS,
    weightOf: charsOf,
    parallel: 2,
    run: settleAll,
  })

  const giveBackOne = makeBatcher<Unsent, UnsentTask | null>({
    max: SETTLE_BATCH,
    async run(unsent) {
      for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
        try {
          const rows = new Map((await releaseUnsent(sql, unsent)).map((row) => [row.id, row]))
          troubles.worked('giving back')
          const next = [...rows.values()].flatMap((row) => row.next_retry_at ?? [])
          if (next.length > 0) onRetries(next)
          return unsent.map(({ id }) => rows.get(id) ?? null)
        } catch (error) {
          troubles.failed('giving back', error)
          await sleep(waitMs)
        }
      }
    },
  })

  return {
    /** A call that surely was not sent: its task goes back. Null: the token held no longer, or the word of an earlier commit got lost. */
    releaseUnsent: giveBackOne,

    /** False: the token held no longer. The late answer is kept in the task's log, nothing else. */
    async settle(settlement: Settlement, attempt: number): Promise<boolean> {
      const written = await settleOne(settlement)
      if (!written) {
        logger.warn({ task_id: settlement.id, status: settlement.status }, 'late answer kept in the log only')
        await addEvent(sql, {
          task_id: settlement.id,
          type: 'late_answer',
          message: lateMessage(settlement),
          try: attempt,
        }).catch((error: unknown) => logger.warn({ task_id: settlement.id, err: error }, 'late answer lost'))
      }
      return written
    },

    /** Gives back what was never sent. When PostgreSQL stays away, the lease runs out and the sweep decides. */
    async handBack(pairs: { id: string; token: string }[], why: string): Promise<void> {
      if (pairs.length === 0) return
      for (let tries = 1, waitMs = FIRST_RETRY_MS; ; tries++, waitMs *= 2) {
        try {
          await releaseTasks(sql, pairs, why)
          return
        } catch (error) {
          if (tries === HAND_BACK_TRIES)
            return logger.warn({ err: error, tasks: pairs.length }, 'handing back failed; the lease will run out')
          await sleep(waitMs)
        }
      }
    },
  }
}
export type Settler = ReturnType<typeof makeSettler>

/** PostgreSQL refuses this very value, and will again. */
const isRefused = (error: unknown) => error instanceof Error && 'code' in error && /^(22|54)/.test(String(error.code))

const unstorable = (settlement: Settlement): Settlement => ({
  ...settlement,
  status: 'failed',
  output: null,
  full_output: null,
  error: 'The flow ran, but PostgreSQL could not store its answer; the log of the worker says why.',
  error_code: 'bad_answer',
  retry_in_ms: null,
})

const lateMessage = ({ status, error }: Settlement) =>
  `this attempt ended ${status}${error ? `: ${error}` : ''}, after its task had been decided otherwise; nothing was changed`
