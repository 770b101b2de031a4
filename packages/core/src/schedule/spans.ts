import { floorToSecond } from '../clock.ts'
import type { LedgerRow } from './ledger.ts'
import type { Plan } from './plan.ts'
import { countDue, nextDue, previousDue } from './plan.ts'

/** Due times of a span are counted up to here; above it the row says that there are at least so many. */
const MAX_COUNT = 10_000

type Verdict = Pick<LedgerRow, 'decision' | 'reason'>

/** One row for all due times in (after, until]; null when there are none. */
export const spanRow = (plan: Plan, after: Date | null, until: Date, verdict: Verdict): LedgerRow | null => {
  const first = nextDue(plan, after)
  if (!first || first > until) return null
  const count = countDue(plan, after, until, MAX_COUNT)
  return {
    scheduled_for: first,
    until: count === 1 ? null : previousDue(plan, new Date(until.getTime() + 1)),
    count: Math.min(count, MAX_COUNT),
    count_at_least: count > MAX_COUNT,
    ...verdict,
  }
}

/**
 * The row for what passed while a schedule was paused: from its watermark through the second in which it is enabled, which becomes the new
 * watermark. Also used, with the old plan, for an edit that moves the times of a paused schedule.
 */
export const pausedSpan = (plan: Plan, decided_until: Date | null, enabledAt: Date): LedgerRow | null =>
  spanRow(plan, decided_until, floorToSecond(enabledAt), { decision: 'skipped', reason: 'paused' })

/**
 * The row for what an edit that moves times leaves of the old plan, up to the second of the edit, which becomes the new watermark. While
 * the source is suspended this is the whole undecided span. Otherwise what was due is decided first, and only a due time is left whose
 * jittered start lay ahead.
 */
export const supersededSpan = (plan: Plan, decided_until: Date | null, at: Date): LedgerRow | null =>
  spanRow(plan, decided_until, floorToSecond(at), { decision: 'superseded', reason: 'edited' })

type Limited = { plan: Plan; max_runs: number | null; run_count: number }

/** Why the schedule has no due time after this second, as the end of a sentence; null when it has one. */
export const whyOver = ({ plan, max_runs, run_count }: Limited, now: Date): string | null => {
  if (max_runs !== null && run_count >= max_runs) return `all ${max_runs} of its max_runs have started; raise max_runs`
  if (nextDue(plan, floorToSecond(now))) return null
  if (plan.schedule_type === 'one-time') return 'its time has passed; give it a later one'
  return plan.end_at ? 'no due time is left before its end_at; move end_at' : 'no due time is left'
}

/** Whether a schedule is over, so that it cannot be enabled. */
export const isOver = (schedule: Limited, now: Date): boolean => whyOver(schedule, now) !== null
