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
  badEnds,
  checkedOccurrences,
  checkedSchedules,
  checkedTasks,
  concurrencyLimits,
  ledgerAndTasks,
  sharedTokens,
  staleLeases,
  tooManyRunning,
  unclaimed,
} from './queries.ts'

type Deps = {
  sql: SqlPool
  /** The seconds in [from, to) that have a wake-up in Agenda's store. Left out, wake-ups are not looked at. */
  armed?: (from: Date, to: Date) => Promise<Date[]>
}

export type CheckOptions = {
  /** Nothing before it is looked at: second by second a year would take minutes. */
  since: Date
  /** What a flow server logged of its runs, and which source it is. `isWhole`: it began before `since`. Read after the database, so that it has what that has. */
  log?: { source_id: string; calls: () => LoggedCall[] | Promise<LoggedCall[]>; isWhole: boolean }
  /** By schedule: when its times last changed, where that was before its last edit. */
  timesSince?: ReadonlyMap<string, Date>
  /** Seconds that a due time, a lease or a ready task may be overdue. */
  overdue?: number
}

/** Nobody can notice a dead worker sooner than its lease and the grace after it are over. */
const OVERDUE_SECONDS = 30
/** A second so near may have had its wake-up taken for it already. */
const AT_HAND_MS = 2 * SECOND

/** Everything of one moment: read apart, two tables would contradict each other by what was committed between. */
const look = (sql: SqlPool, since: Date, overdue: number) =>
  sql.transaction(async (tx: Sql) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    const now = await sqlNow(tx)
    return {
      now,
      schedules: await checkedSchedules(tx),
      occurrences: await checkedOccurrences(tx, since),
      tasks: await checkedTasks(tx, since),
      limits: await concurrencyLimits(tx),
      wanted: await dueSeconds(tx, new Date(now.getTime() + AT_HAND_MS), new Date(now.getTime() + MINUTE)),
      found: [
        ...findings('ledger', 'schedule or task', await ledgerAndTasks(tx, since)),
        ...findings('leases', 'task', [...(await staleLeases(tx, overdue)), ...(await unclaimed(tx, overdue))]),
        ...findings('ends', 'task', await badEnds(tx, since)),
        ...findings('tokens', 'token', await sharedTokens(tx, since)),
        ...findings('calls', 'source or schedule', await tooManyRunning(tx)),
      ],
    }
  })

/**
 * Looks for what must not be, whatever was killed before. It only reads. What it finds may be under way for a moment, such as a wake-up
 * that is armed right after its commit: what a second look finds too is wrong. Each look also holds due times against the one before.
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
    const { now, schedules, occurrences, tasks, limits, wanted, found } = await look(sql, since, overdue)
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
