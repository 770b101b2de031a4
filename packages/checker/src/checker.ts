import { MINUTE, SECOND } from '@automagik-spark/core'
import type { Sql, SqlPool } from '@automagik-spark/db'
import { dueSeconds, sqlNow } from '@automagik-spark/db'
import type { LoggedCall } from './calls.ts'
import { checkAtOnce, checkCalls, groupBy } from './calls.ts'
import type { Finding } from './finding.ts'
import { findings } from './finding.ts'
import type { Watermarks } from './ledger.ts'
import { checkLedger, checkOrder } from './ledger.ts'
import {
  concurrencyLimits,
  contradictions,
  ledgerMismatches,
  occurrencesSince,
  overdueLeases,
  overLimits,
  schedulesToCheck,
  sharedTokens,
  tasksSince,
  unclaimedTasks,
} from './queries.ts'

type Deps = {
  sql: SqlPool
  /** The seconds in [from, to) that have a wake-up in Agenda's store. Without it, wake-ups are not checked. */
  armed?: (from: Date, to: Date) => Promise<Date[]>
}

export type CheckOptions = {
  /** Nothing before it is checked: going second by second through a year takes minutes. */
  since: Date
  /** The log of a flow server, and its source. `isWhole`: it began before `since`. It is read after the database, so that it has all that the database has. */
  log?: { source_id: string; calls: () => LoggedCall[] | Promise<LoggedCall[]>; isWhole: boolean }
  /** For a schedule whose last edit did not change its times: when they last changed. */
  timesSince?: ReadonlyMap<string, Date>
  /** Seconds that a due time, a lease or a ready task may be overdue. */
  overdue?: number
}

/** A dead worker is noticed at the earliest when its lease, and the grace after it, are over. */
const OVERDUE_SECONDS = 30
/** The wake-up of a second that is so near may have been taken already. */
const AT_HAND_MS = 2 * SECOND

/** Reads everything as of one moment; otherwise a commit in between would make two tables contradict each other. */
const readMoment = (sql: SqlPool, since: Date, overdue: number) =>
  sql.transaction(async (tx: Sql) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    const now = await sqlNow(tx)
    return {
      now,
      schedules: await schedulesToCheck(tx),
      occurrences: await occurrencesSince(tx, since),
      tasks: await tasksSince(tx, since),
      limits: await concurrencyLimits(tx),
      wanted: await dueSeconds(tx, new Date(now.getTime() + AT_HAND_MS), new Date(now.getTime() + MINUTE)),
      found: [
        ...findings('ledger', 'schedule or task', await ledgerMismatches(tx, since)),
        ...findings('leases', 'task', [...(await overdueLeases(tx, overdue)), ...(await unclaimedTasks(tx, overdue))]),
        ...findings('ends', 'task', await contradictions(tx, since)),
        ...findings('tokens', 'token', await sharedTokens(tx, since)),
        ...findings('calls', 'source or schedule', await overLimits(tx)),
      ],
    }
  })

/**
 * Checks all invariants; it only reads. A finding can be a passing state, such as a wake-up that is armed right after its commit: only what a second
 * check finds, too, is an error. Each check also compares the due times with those of the check before.
 */
export const makeChecker = ({ sql, armed }: Deps) => {
  let before: Watermarks = new Map()

  const wakeUps = async (wanted: Date[]): Promise<Finding[]> => {
    const [first, last] = [wanted[0], wanted.at(-1)]
    if (!armed || !first || !last) return []
    const there = new Set((await armed(first, new Date(last.getTime() + 1))).map((second) => second.getTime()))
    return wanted
      .filter((second) => !there.has(second.getTime()))
      .map((second) => ({
        invariant: 'wake_ups',
        id: second.toISOString(),
        message: `nothing wakes Spark at ${second.toISOString()}, when something is due`,
      }))
  }

  return async ({ since, log, timesSince, overdue = OVERDUE_SECONDS }: CheckOptions): Promise<Finding[]> => {
    const { now, schedules, occurrences, tasks, limits, wanted, found } = await readMoment(sql, since, overdue)
    const period = { since, now, overdueMs: overdue * SECOND }
    const ledgers = groupBy(occurrences, (row) => row.schedule_id)
    for (const schedule of schedules) {
      const rows = ledgers.get(schedule.id) ?? []
      found.push(
        ...checkLedger(schedule, rows, period, timesSince?.get(schedule.id)),
        ...checkOrder(schedule, rows, before),
      )
    }
    before = new Map(schedules.map((schedule) => [schedule.id, schedule]))
    if (log) {
      const limit = limits.find(({ id }) => id === log.source_id)?.max_concurrency ?? Infinity
      const calls = await log.calls()
      found.push(
        ...checkCalls(
          tasks.filter((task) => task.source_id === log.source_id),
          calls,
          log,
        ),
        ...checkAtOnce(log.source_id, calls, limit),
      )
    }
    return [...found, ...(await wakeUps(wanted))]
  }
}
export type Checker = ReturnType<typeof makeChecker>
