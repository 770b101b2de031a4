import { floorToSecond, isReadByOldOnly, SECOND } from '@automagik-spark/core'
import type { Finding } from './finding.ts'
import { dueTimesByClock } from './oracle.ts'
import type { CheckedOccurrence, CheckedSchedule } from './queries.ts'

export type Period = {
  /** Nothing before it is checked. */
  since: Date
  now: Date
  /** A due time that is not decided so long after its time is a finding. */
  overdueMs: number
}

const iso = (at: Date) => at.toISOString()
const after = (at: Date) => new Date(at.getTime() + 1)
const latest = (...times: Date[]) => times.reduce((one, other) => (one > other ? one : other))
/** The next due time is searched so far ahead, second by second. */
const LOOK_AHEAD_MS = 2 * 3600 * SECOND
const SHOWN = 5

const listed = (times: Date[]): string =>
  times.slice(0, SHOWN).map(iso).join(', ') + (times.length > SHOWN ? ` and ${times.length - SHOWN} more` : '')

/** How many ledger rows cover each due time. */
const coverage = (due: Date[], rows: CheckedOccurrence[]): Map<number, number> => {
  const covered = new Map(due.map((at) => [at.getTime(), 0]))
  for (const { scheduled_for, until } of rows) {
    if (!until) {
      const at = scheduled_for.getTime()
      if (covered.has(at)) covered.set(at, covered.get(at)! + 1)
      continue
    }
    for (const at of due)
      if (at >= scheduled_for && at <= until) covered.set(at.getTime(), covered.get(at.getTime())! + 1)
  }
  return covered
}

const rowProblems = (row: CheckedOccurrence, due: Date[], from: Date): string[] => {
  const { scheduled_for, until, count, count_at_least } = row
  if (!until)
    return due.some((at) => at.getTime() === scheduled_for.getTime())
      ? []
      : [`has ${iso(scheduled_for)} in its ledger (${row.decision}), which was never due`]
  if (scheduled_for <= from) return [] // the span begins before the period
  const within = due.filter((at) => at >= scheduled_for && at <= until).length
  const isRight = count_at_least ? within >= count : within === count
  return isRight
    ? []
    : [
        `says ${count_at_least ? 'at least ' : ''}${count} due times from ${iso(scheduled_for)} to ${iso(until)}, but there are ${within}`,
      ]
}

/**
 * Compares the ledger of a schedule with its due times by the clock alone. Only the present version of a schedule is known, so due times before its
 * last edit are left out. `timesSince`: when its times last changed, if the caller knows that they changed before that edit.
 */
export const checkLedger = (
  schedule: CheckedSchedule,
  rows: CheckedOccurrence[],
  period: Period,
  timesSince: Date | undefined,
): Finding[] => {
  // This cron is read by the rules of earlier releases, which the oracle does not know.
  if (schedule.schedule_type === 'cron' && isReadByOldOnly(schedule.schedule_expr)) return []
  const problems: string[] = []
  const changed = timesSince ?? latest(schedule.created_at, schedule.updated_at)
  const { decided_until } = schedule
  // The second of the change itself belongs to the version before. A one-time schedule has only one time, which may be that second.
  const from = latest(
    period.since,
    schedule.schedule_type === 'one-time' ? new Date(floorToSecond(changed).getTime() - 1) : floorToSecond(changed),
  )
  const ours = rows.filter((row) => (row.until ?? row.scheduled_for) > from)

  if (decided_until && decided_until > from) {
    const due = dueTimesByClock(schedule, after(from), after(decided_until))
    const covered = coverage(due, ours)
    const lost = due.filter((at) => covered.get(at.getTime()) === 0)
    const twice = due.filter((at) => covered.get(at.getTime())! > 1)
    if (lost.length > 0) problems.push(`lost ${lost.length} due times, decided but not in its ledger: ${listed(lost)}`)
    if (twice.length > 0) problems.push(`has ${twice.length} due times more than once in its ledger: ${listed(twice)}`)
    problems.push(...ours.flatMap((row) => rowProblems(row, due, from)))
  }
  if (schedule.status === 'active')
    problems.push(...nextProblems(schedule, latest(from, decided_until ?? from), period))
  return problems.map((problem) => ({
    invariant: 'ledger',
    id: schedule.id,
    message: `schedule ${schedule.id} ${problem}`,
  }))
}

const nextProblems = (schedule: CheckedSchedule, decided: Date, { now, overdueMs }: Period): string[] => {
  const { next_due_at, next_run_at, is_served } = schedule
  if (!next_due_at || !next_run_at) return ['is active and has no next due time']
  // Jitter delays a start, so the start is what can be overdue.
  if (is_served && next_run_at.getTime() < now.getTime() - overdueMs)
    return [`should have started at ${iso(next_run_at)}, and nothing is decided`]
  if (next_due_at.getTime() - decided.getTime() > LOOK_AHEAD_MS) return []
  const [first] = dueTimesByClock(schedule, after(decided), after(next_due_at))
  return first?.getTime() === next_due_at.getTime()
    ? []
    : [`says that ${iso(next_due_at)} is next, but by the clock it is ${first ? iso(first) : 'not due then'}`]
}

/** How far schedules were decided, for the next check to compare with. */
export type Watermarks = ReadonlyMap<
  string,
  Pick<CheckedSchedule, 'decided_until' | 'next_due_at' | 'updated_at' | 'status'>
>

/** Due times that moved back: in the ledger itself, and since the last check. */
export const checkOrder = (schedule: CheckedSchedule, rows: CheckedOccurrence[], before: Watermarks): Finding[] => {
  const problems: string[] = []
  const { decided_until } = schedule
  for (const [i, row] of rows.entries()) {
    const earlier = rows[i - 1]
    if (earlier && earlier.reason !== 'backfill' && row.reason !== 'backfill' && row.decided_at < earlier.decided_at) {
      problems.push(
        `decided ${iso(earlier.scheduled_for)} at ${iso(earlier.decided_at)}, after the later ${iso(row.scheduled_for)}`,
      )
    }
    if (decided_until && (row.until ?? row.scheduled_for) > decided_until)
      problems.push(`is decided until ${iso(decided_until)}, but has ${iso(row.scheduled_for)} in its ledger`)
  }
  const was = before.get(schedule.id)
  if (was && was.updated_at.getTime() === schedule.updated_at.getTime()) {
    for (const column of ['decided_until', 'next_due_at'] as const) {
      const [then, now] = [was[column], schedule[column]]
      if (then && now && now < then)
        problems.push(`moved its ${column} back from ${iso(then)} to ${iso(now)} without an edit`)
    }
  }
  return problems.map((problem) => ({
    invariant: 'order',
    id: schedule.id,
    message: `schedule ${schedule.id} ${problem}`,
  }))
}
