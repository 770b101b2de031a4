import { setImmediate as turn } from 'node:timers/promises'
import { decide, singleFlight } from '@automagik-spark/core'
import type { LockedSchedule, ScheduleMove, Sql, SqlPool } from '@automagik-spark/db'
import { countOpen, lockDue, lockSchedule, moveSchedules, sqlNow } from '@automagik-spark/db'
import type { Ids, Logger, Outcome, WakeUps } from '@automagik-spark/engine'
import { decidable, outcomeOf, worldOf, writeOutcomes } from '@automagik-spark/engine'

type Deps = {
  /** A connection of its own: a process has one batch under way. */
  sql: SqlPool
  wakeUps: Pick<WakeUps, 'wakeAtAll'>
  ids: Ids
  logger: Logger
  /** Seconds, for schedules without a timeout of their own. */
  default_timeout: number
}

export const BATCH = 500
/** Batches begin small and double: the tasks of the first one run while the next ones are decided. */
const FIRST_BATCH = 32
/** Decisions in one turn of the event loop; between turns calls go out. */
const TURN = 25

/** Decides all schedules that are due, whatever woke the worker, and makes their tasks. */
export const makeFire = ({ sql, wakeUps, ids, logger, default_timeout }: Deps) => {
  const decideBatch = async (tx: Sql, due: LockedSchedule[]): Promise<{ started: number; next: Date[] }> => {
    const now = await sqlNow(tx)
    const open = new Map(
      (
        await countOpen(
          tx,
          due.map((s) => s.id),
        )
      ).map((row) => [row.schedule_id, row]),
    )
    const outcomes: Outcome[] = []
    for (const [i, schedule] of due.entries()) {
      if (i % TURN === TURN - 1) await turn()
      try {
        const decision = decide(decidable(schedule), worldOf(schedule, open.get(schedule.id), now))
        outcomes.push(outcomeOf(schedule, decision, ids))
      } catch (error) {
        logger.error({ schedule_id: schedule.id, err: error }, 'schedule could not be decided and is paused')
        outcomes.push({ entries: [], move: pausedMove(schedule, error), cancelsOpen: false })
      }
    }
    const started = await writeOutcomes(tx, outcomes, now, default_timeout)
    return { started, next: outcomes.flatMap(({ move }) => move.next_run_at ?? []) }
  }

  /** Row by row after a batch failed: the schedule that made it fail is paused, with the reason, and the others go on. */
  const oneByOne = async (): Promise<{ locked: number; started: number; next: Date[] }> => {
    const dueIds = await sql.transaction(async (tx) => (await lockDue(tx, BATCH)).map((schedule) => schedule.id))
    let started = 0
    const next: Date[] = []
    for (const id of dueIds) {
      try {
        const one = await sql.transaction(async (tx) => {
          const schedule = await lockSchedule(tx, id)
          return schedule && isDue(schedule, await sqlNow(tx)) ? decideBatch(tx, [schedule]) : null
        })
        started += one?.started ?? 0
        next.push(...(one?.next ?? []))
      } catch (error) {
        if (!isOfTheRow(error)) throw error
        logger.error({ schedule_id: id, err: error }, 'schedule could not be fired and is paused')
        await sql.transaction(async (tx) => {
          const schedule = await lockSchedule(tx, id)
          const now = await sqlNow(tx)
          // A user who paused or edited it meanwhile wins.
          if (schedule && isDue(schedule, now)) await moveSchedules(tx, [pausedMove(schedule, error)], now)
        })
      }
    }
    return { locked: dueIds.length, started, next }
  }

  const batch = async (size: number): Promise<{ locked: number; started: number; next: Date[] }> => {
    try {
      return await sql.transaction(async (tx) => {
        const due = await lockDue(tx, size)
        return due.length === 0
          ? { locked: 0, started: 0, next: [] }
          : { locked: due.length, ...(await decideBatch(tx, due)) }
      })
    } catch (error) {
      if (!isOfTheRow(error)) throw error
      logger.warn({ err: error }, 'batch failed; firing row by row')
      return oneByOne()
    }
  }

  const all = async (): Promise<number> => {
    let total = 0
    for (let size = FIRST_BATCH; ; size = Math.min(size * 2, BATCH)) {
      const { locked, started, next } = await batch(size)
      total += started
      if (next.length > 0) void wakeUps.wakeAtAll(next)
      if (locked === 0) return total
    }
  }

  /** Returns how many tasks were made. A call during a run brings one run more, for what became due meanwhile. */
  return singleFlight(all, (total, more) => total + more)
}
export type Fire = ReturnType<typeof makeFire>

/** An error of one row that others do not have: PostgreSQL's data errors (22, 23, P0) and our own bugs; not lost connections or timeouts. */
const isOfTheRow = (error: unknown): boolean => {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (/^(22|23|42|P0)/.test(code)) return true
  return code === '' && (error instanceof TypeError || error instanceof RangeError)
}

const isDue = (schedule: LockedSchedule, now: Date): boolean =>
  schedule.status === 'active' && !schedule.suspended && schedule.next_run_at !== null && schedule.next_run_at <= now

const pausedMove = (schedule: LockedSchedule, error: unknown): ScheduleMove => ({
  id: schedule.id,
  decided_until: schedule.decided_until,
  next_due_at: null,
  next_run_at: null,
  run_count: schedule.run_count,
  status: 'paused',
  paused_reason: `Paused by Spark: its due times could not be decided (${error instanceof Error ? error.message : String(error)}). Change its expression or report a bug, then enable it.`,
  started: false,
})
