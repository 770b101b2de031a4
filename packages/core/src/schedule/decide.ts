import { DAY, MINUTE, SECOND } from '../clock.ts'
import type { LedgerRow } from './ledger.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween, lastStartingBefore, nextDue, previousDue, startOf } from './plan.ts'
import { spanRow } from './spans.ts'

/** Which late due times still run. */
export const MISFIRES = ['last', 'skip', 'all'] as const
export type Misfire = (typeof MISFIRES)[number]
/** What happens to a due time while an earlier task is not over. */
export const OVERLAPS = ['skip', 'queue_all', 'queue_one', 'cancel_previous', 'allow'] as const
export type Overlap = (typeof OVERLAPS)[number]

/** What `decide` needs to know of a schedule. */
export type Decidable = {
  /** What moves times: type, expression, timezone, anchor, bounds, jitter. */
  plan: Plan
  overlap: Overlap
  misfire: Misfire
  /** Seconds; null for the default of the type. */
  catchup_window: number | null
  max_runs: number | null
  /** Started due times so far; skips, backfills and manual runs do not count. */
  run_count: number
  /** The watermark: every due time up to here (inclusive, without jitter) is decided. Null: none yet (a one-time schedule). */
  decided_until: Date | null
}

export type World = {
  now: Date
  /** Tasks of this schedule that are pending, running or waiting to retry (trigger `schedule`, or `manual` from its `/run`). */
  open: { count: number; pending: number }
  /**
   * When the source was last suspended (its circuit was open), if ever: what should have started then is missed with reason `source_down`.
   * `until` null: it still is, and nothing is decided.
   */
  suspension: { from: Date; until: Date | null } | null
  /** At most so many due times are decided in this call; the next call goes on from the new watermark. */
  batch?: number
}

export type Decision = {
  /** Oldest first; each `started` row starts exactly one task. */
  rows: LedgerRow[]
  /** With overlap `cancel_previous`: cancel the open tasks that the schedule itself made before this decision. */
  cancel_open: boolean
  /** With overlap `cancel_previous`: `started` due times that a later one of this decision cancels; their tasks are created as `cancelled`. */
  cancel_started: Date[]
  decided_until: Date | null
  next_due_at: Date | null
  next_run_at: Date | null
  run_count: number
  status: 'active' | 'completed'
}

/** A due time that is decided within this time of its start is on time; after that it is late, and `misfire` decides. */
export const GRACE_MS = MINUTE
/** How many late due times `misfire: all` runs. */
export const MAX_CATCHUP = 100
const MAX_BATCH = 10_000

/** For how many seconds after its start a late due time may still run, when the schedule does not say. */
export const defaultCatchupWindow = (type: Plan['schedule_type']): number =>
  (type === 'one-time' ? 7 * DAY : DAY) / SECOND

const isAfter = (at: Date | null, other: Date | null): at is Date => at !== null && (other === null || at > other)
const earlier = (one: Date, other: Date): Date => (one < other ? one : other)
const before = (now: Date, ms: number): Date => new Date(now.getTime() - ms)
const justAfter = (at: Date): Date => new Date(at.getTime() + 1)

/** The late due times that still run, oldest first. They are the newest late ones, so those that are missed lie before them. */
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

/** The rows for what is missed in (after, until], cut where the source's suspension begins and ends. */
const missedRows = (plan: Plan, after: Date | null, until: Date, suspension: World['suspension']): LedgerRow[] => {
  const rows: LedgerRow[] = []
  let from = after
  const cover = (to: Date | null, reason: 'misfire' | 'source_down') => {
    if (!isAfter(to, from)) return
    const row = spanRow(plan, from, earlier(to, until), { decision: 'missed', reason })
    if (row) rows.push(row)
    from = to
  }
  if (suspension?.until) {
    cover(lastStartingBefore(plan, suspension.from), 'misfire')
    cover(lastStartingBefore(plan, suspension.until), 'source_down')
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
const mayStart = (overlap: Overlap, count: number, pending: number): boolean => {
  if (overlap === 'skip') return count === 0
  // More than one open task and one of them pending: one waits already.
  if (overlap === 'queue_one') return !(count > 1 && pending > 0)
  return true
}

const lastOfBatch = (plan: Plan, after: Date | null, newest: Date, batch: number): Date =>
  dueTimesBetween(plan, after, newest, Math.min(Math.max(batch, 1), MAX_BATCH)).at(-1) ?? newest

/** Decides every due time after the watermark whose start is not after now. Pure: the same input gives the same decision on every worker. */
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
  // After the last permitted start all due times up to now become one row.
  const end = (from: Date | null): Decision => {
    const row = spanRow(plan, from, now, { decision: 'skipped', reason: 'ended' })
    if (row) rows.push(row)
    return conclude(row ? (row.until ?? row.scheduled_for) : from)
  }

  if (world.suspension && !world.suspension.until) return conclude(decided_until)
  const permitted = max_runs === null ? Infinity : max_runs - schedule.run_count
  if (permitted <= 0) return end(decided_until)

  const first = nextDue(plan, decided_until)
  if (!first || startOf(plan, first) > now) return conclude(decided_until)
  const newest = lastStartingBefore(plan, justAfter(now))
  if (!newest) return conclude(decided_until)
  const bound = world.batch === undefined ? newest : lastOfBatch(plan, decided_until, newest, world.batch)

  const late = startOf(plan, first) < before(now, GRACE_MS) ? lastStartingBefore(plan, before(now, GRACE_MS)) : null
  const catchUp = late ? lateRuns(schedule, now, late, newest) : []
  const missed = catchUp[0] ? previousDue(plan, catchUp[0]) : late
  if (isAfter(missed, decided_until))
    rows.push(...missedRows(plan, decided_until, earlier(missed, bound), world.suspension))
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
