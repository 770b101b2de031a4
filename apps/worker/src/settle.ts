import { setTimeout as sleep } from 'node:timers/promises'
import { makeBackoff } from '@automagik-spark/core'
import type { SettledRun, Settlement, Sql, Unsent, UnsentTask } from '@automagik-spark/db'
import { releaseTasks, releaseUnsent, settle, SETTLE_BATCH, settledBy } from '@automagik-spark/db'
import type { Logger } from '@automagik-spark/engine'
import { makeBatcher } from '@automagik-spark/engine'
import type { CircuitBreakers } from './circuit-breakers.ts'
import type { PauseFailing } from './pause-failing.ts'
import type { SecondTimers } from './second-timers.ts'
import type { TaskLog } from './task-log.ts'
import type { Troubles } from './troubles.ts'

type Deps = {
  sql: Sql
  logger: Logger
  troubles: Troubles
  taskLog: Pick<TaskLog, 'lateAnswer'>
  secondTimers: Pick<SecondTimers, 'arm'>
  circuitBreakers: Pick<CircuitBreakers, 'review'>
  pauseFailing: PauseFailing
}

const RETRY = { firstMs: 50, lastMs: 2_000 }
const RELEASE_TRIES = 8
/** Characters of answers in one statement: Node and PostgreSQL limit one text to some 500 million, and hold it several times. */
const SETTLE_CHARS = 32 * 1024 * 1024
const charsOf = ({ output, full_output }: Settlement): number => (output?.length ?? 0) + (full_output?.length ?? 0)

/**
 * Writes how attempts ended. No answer is lost while PostgreSQL is away: it is kept and tried again until it is written, or until its token
 * is no longer its task's.
 */
export const makeSettler = (deps: Deps) => {
  const { sql, logger, troubles, taskLog, secondTimers, circuitBreakers, pauseFailing } = deps
  const armRetries = (rows: readonly { next_retry_at: Date | null }[]) => {
    const retries = rows.flatMap((row) => row.next_retry_at ?? [])
    if (retries.length > 0) secondTimers.arm(retries)
  }
  /** What others have to do about it. When it fails here, the reconciler does it. */
  const followUp = async (rows: SettledRun[]) => {
    armRetries(rows)
    if (rows.some((row) => row.outcomes_changed))
      await circuitBreakers
        .review()
        .catch((error: unknown) =>
          logger.warn({ err: error }, 'sources could not be looked through; the reconciler tries again'),
        )
    if (rows.some((row) => row.status === 'failed'))
      void pauseFailing().catch((error: unknown) =>
        logger.warn({ err: error }, 'schedules could not be paused; the reconciler tries again'),
      )
  }

  /** True: written by this token, now or by an earlier try whose answer was lost. */
  const settleAll = async (settlements: Settlement[]): Promise<boolean[]> => {
    const backoff = makeBackoff(RETRY)
    for (let isInDoubt = false; ;) {
      try {
        const rows = await settle(sql, settlements)
        troubles.worked('settling')
        await followUp(rows)
        const done = new Set(rows.map((row) => row.id))
        const rest = settlements.filter((settlement) => !done.has(settlement.id))
        if (isInDoubt && rest.length > 0) for (const id of await settledBy(sql, rest)) done.add(id)
        return settlements.map((settlement) => done.has(settlement.id))
      } catch (error) {
        if (isRefused(error)) {
          if (settlements.length > 1) return (await Promise.all(settlements.map((one) => settleAll([one])))).flat()
          logger.error({ task_id: settlements[0]!.id, err: error }, 'answer could not be stored')
          return settleAll([unstorable(settlements[0]!)])
        }
        isInDoubt = true
        troubles.failed('settling', error)
        await sleep(backoff.next())
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

  const releaseOneUnsent = makeBatcher<Unsent, UnsentTask | null>({
    max: SETTLE_BATCH,
    async run(unsent) {
      const backoff = makeBackoff(RETRY)
      for (;;) {
        try {
          const rows = new Map((await releaseUnsent(sql, unsent)).map((row) => [row.id, row]))
          troubles.worked('releasing')
          armRetries([...rows.values()])
          return unsent.map(({ id }) => rows.get(id) ?? null)
        } catch (error) {
          troubles.failed('releasing', error)
          await sleep(backoff.next())
        }
      }
    },
  })

  return {
    /** Releases the task of a call that surely was not sent. Null: the token is no longer its task's, or the answer of an earlier commit was lost. */
    releaseUnsent: releaseOneUnsent,

    /** Completes or fails a task. False: the token is no longer its task's, and only the task's log keeps the late answer. */
    async settle(settlement: Settlement, attempt: number): Promise<boolean> {
      const isWritten = await settleOne(settlement)
      if (!isWritten) await taskLog.lateAnswer(settlement, attempt)
      return isWritten
    },

    /** Releases tasks that were never sent. When PostgreSQL stays away their leases run out, and the task is taken over. */
    async release(tasks: { id: string; token: string }[], why: string): Promise<void> {
      if (tasks.length === 0) return
      const backoff = makeBackoff({ ...RETRY, lastMs: 4_000 })
      for (let tries = 1; ; tries++) {
        try {
          await releaseTasks(sql, tasks, why)
          return
        } catch (error) {
          if (tries === RELEASE_TRIES)
            return logger.warn(
              { err: error, tasks: tasks.length },
              'tasks could not be released; their leases will run out',
            )
          await sleep(backoff.next())
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
