import { DAY, MINUTE, SECOND } from '../clock.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween, lastStartingBefore, nextDue, previousDue, startOf } from './plan.ts'
import { spanRow } from './spans.ts'

/** What becomes of late due times. */
export const MISFIRES = ['last', 'skip', 'all'] as const
export type Misfire = (typeof MISFIRES)[number]
/** What becomes of a due time while an earlier task is not over. */
export const OVERLAPS = ['skip', 'queue_all', 'queue_one', 'cancel_previous', 'allow'] as const
export type OverlapPolicy = (typeof OVERLAPS)[number]

/** A schedule as the decider sees it. */
export type Decidable = {
  /** What moves times: type, expression, timezone, anchor, bounds, jitter. */
  plan: Plan
  overlap: OverlapPolicy
  misfire: Misfire
  /** Seconds; null for the default of the type. */
  catchup_window: number | null
  max_runs: number | null
  /** Started due times so far; skips, backfills and manual runs do not count. */
  run_count: number
  /** The watermark: everything up to here (inclusive, nominal) is decided. Null: nothing yet (a one-time schedule). */
  decided_until: Date | null
}

export type World = {
  now: Date
  /** Tasks of this schedule that are pending, running or waiting to retry (trigger `schedule`, or `manual` from its `/run`). */
  open: { count: number; pending: number }
  /**
   * The source's last hold, when there was one: what should have started inside it is missed for `source_down`.
   * `until` null: it lasts (then nothing is decided at all).
   */
  hold: { from: Date; until: Date | null } | null
  /** At most so many due times are decided at once (the rest in a later call with the new watermark). */
  batch?: number
}

export type LedgerRow = {
  scheduled_for: Date
  /** Last due time of a span, inclusive; null for a single due time. */
  until: Date | null
  count: number
  count_at_least: boolean
  decision: 'started' | 'skipped' | 'missed' | 'superseded'
  reason: 'overlap' | 'misfire' | 'source_down' | 'paused' | 'ended' | 'edited' | 'backfill' | null
}

export type Decision = {
  /** In order of time; each `started` row starts exactly one task. */
  rows: LedgerRow[]
  /** overlap `cancel_previous`: the open tasks made by the schedule itself before this decision are to be cancelled. */
  cancel_open: boolean
  /** overlap `cancel_previous`: `started` due times that a later one of this decision cancels; their tasks are made `cancelled`. */
  cancel_started: Date[]
  decided_until: Date | null
  next_due_at: Date | null
  next_run_at: Date | null
  run_count: number
  status: 'active' | 'completed'
}

/** A due time that starts within this is on time; later it is late, and `misfire` decides. */
const GRACE = MINUTE
/** How many late due times `misfire: all` runs. */
const MAX_CATCHUP = 100
const MAX_BATCH = 10_000

/** Seconds that a late due time may still run after its start, where the schedule does not say. */
export const defaultCatchupWindow = (type: Plan['schedule_type']): number =>
  (type === 'one-time' ? 7 * DAY : DAY) / SECOND

const isAfter = (at: Date | null, other: Date | null): at is Date => at !== null && (other === null || at > other)
const earlier = (one: Date, other: Date): Date => (one < other ? one : other)
const before = (now: Date, ms: number): Date => new Date(now.getTime() - ms)
const justAfter = (at: Date): Date => new Date(at.getTime() + 1)

/** The late due times that still run, oldest first. They are the newest of all that are late, so what is missed lies before them. */
const lateRuns = (schedule: Decidable, now: Date, late: Date, newest: Date): Date[] => {
  const { plan, misfire } = schedule
  const window = schedule.catchup_window ?? defaultCatchupWindow(plan.schedule_type)
  const expired = lastStartingBefore(plan, before(now, window * SECOND))
  const runs = (due: Date | null): due is Date => isAfter(due, schedule.decided_until) && isAfter(due, expired)
  if (misfire === 'skip') return []
  if (misfire === 'last') return late.getTime() === newest.getTime() && runs(newest) ? [newest] : []
  const found: Date[] = []
  for (let due: Date | null = late; runs(due) && found.length < MAX_CATCHUP; due = previousDue(plan, due))
    found.push(due)
  return found.reverse()
}

/** The rows of what is missed in (after, until]: cut where the source's hold begins and ends. */
const missedRows = (plan: Plan, after: Date | null, until: Date, hold: World['hold']): LedgerRow[] => {
  const rows: LedgerRow[] = []
  let from = after
  const cover = (to: Date | null, reason: 'misfire' | 'source_down') => {
    if (!isAfter(to, from)) return
    const row = spanRow(plan, from, earlier(to, until), { decision: 'missed', reason })
    if (row) rows.push(row)
    from = to
  }
  if (hold?.until) {
    cover(lastStartingBefore(plan, hold.from), 'misfire')
    cover(lastStartingBefore(plan, hold.until), 'source_down')
  }
  cover(until, 'misfire')
  return rows
}

const single = (due: Date, decision: 'started' | 'skipped'): LedgerRow => ({
  scheduled_for: due,
  until: null,
  count: 1,
  count_at_least: false,
  decision,
  reason: decision === 'started' ? null : 'overlap',
})

/** Whether a due time may start while `count` tasks are open, `pending` of them not yet running. */
const mayStart = (overlap: OverlapPolicy, count: number, pending: number): boolean => {
  if (overlap === 'skip') return count === 0
  // A task waits behind another when it isn't running and isn't the only one.
  if (overlap === 'queue_one') return !(count > 1 && pending > 0)
  return true
}

const lastOfBatch = (plan: Plan, after: Date | null, newest: Date, batch: number): Date =>
  dueTimesBetween(plan, after, newest, Math.min(Math.max(batch, 1), MAX_BATCH)).at(-1) ?? newest

/** What becomes of each due time after the watermark whose start is not after now. The same answer wherever it is asked. */
export const decide = (schedule: Decidable, world: World): Decision => {
  const { plan, decided_until, overlap, max_runs } = schedule
  const { now } = world
  const rows: LedgerRow[] = []
  const started: Date[] = []

  const conclude = (until: Date | null): Decision => {
    const run_count = schedule.run_count + started.length
    const ended = max_runs !== null && run_count >= max_runs
    const next_due_at = ended ? null : nextDue(plan, until)
    return {
      rows,
      cancel_open: overlap === 'cancel_previous' && started.length > 0 && world.open.count > 0,
      cancel_started: overlap === 'cancel_previous' ? started.slice(0, -1) : [],
      decided_until: until,
      next_due_at,
      next_run_at: next_due_at && startOf(plan, next_due_at),
      run_count,
      status: next_due_at ? 'active' : 'completed',
    }
  }
  // Past the last permitted start everything up to now is one row, however much it is.
  const end = (from: Date | null): Decision => {
    const row = spanRow(plan, from, now, { decision: 'skipped', reason: 'ended' })
    if (row) rows.push(row)
    return conclude(row ? (row.until ?? row.scheduled_for) : from)
  }

  if (world.hold && !world.hold.until) return conclude(decided_until)
  const permitted = max_runs === null ? Infinity : max_runs - schedule.run_count
  if (permitted <= 0) return end(decided_until)

  const first = nextDue(plan, decided_until)
  if (!first || startOf(plan, first) > now) return conclude(decided_until)
  const newest = lastStartingBefore(plan, justAfter(now))
  if (!newest) return conclude(decided_until)
  const bound = world.batch === undefined ? newest : lastOfBatch(plan, decided_until, newest, world.batch)

  const late = startOf(plan, first) < before(now, GRACE) ? lastStartingBefore(plan, before(now, GRACE)) : null
  const catchUp = late ? lateRuns(schedule, now, late, newest) : []
  const missed = catchUp[0] ? previousDue(plan, catchUp[0]) : late
  if (isAfter(missed, decided_until)) rows.push(...missedRows(plan, decided_until, earlier(missed, bound), world.hold))
  const onTime = dueTimesBetween(plan, late ?? decided_until, bound, MAX_BATCH)

  let { count, pending } = world.open
  for (const due of [...catchUp, ...onTime]) {
    if (due > bound) break
    const starts = mayStart(overlap, count, pending)
    rows.push(single(due, starts ? 'started' : 'skipped'))
    if (!starts) continue
    started.push(due)
    count++
    pending++
    if (started.length >= permitted) return end(due)
  }
  return conclude(bound)
}
