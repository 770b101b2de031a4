import { floorToSecond } from '../clock.ts'
import type { Decidable, LedgerRow } from './decide.ts'
import type { Plan } from './plan.ts'
import { countDue, nextDue, previousDue } from './plan.ts'

/** A span says how many due times it stands for up to here, and above it that there are at least so many. */
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
 * What passed while a schedule was paused: from its watermark through the second in which it is enabled, which is then the new
 * watermark. Also for an edit that moves the times of a paused schedule, with the old plan.
 */
export const pausedSpan = (plan: Plan, decided_until: Date | null, enabledAt: Date): LedgerRow | null =>
  spanRow(plan, decided_until, floorToSecond(enabledAt), { decision: 'skipped', reason: 'paused' })

/**
 * What an edit that moves times leaves of the old plan, up to the second of the edit, which is then the new watermark: the whole
 * undecided span of a schedule whose source is held; else, after what was due has been decided, a due time whose jittered start lay ahead.
 */
export const supersededSpan = (plan: Plan, decided_until: Date | null, at: Date): LedgerRow | null =>
  spanRow(plan, decided_until, floorToSecond(at), { decision: 'superseded', reason: 'edited' })

type Extent = Pick<Decidable, 'plan' | 'max_runs' | 'run_count'>

/** Why nothing can be due after this second, as the end of a sentence; null when something can. */
export const whyOver = ({ plan, max_runs, run_count }: Extent, now: Date): string | null => {
  if (max_runs !== null && run_count >= max_runs) return `all ${max_runs} of its max_runs have started; raise max_runs`
  if (nextDue(plan, floorToSecond(now))) return null
  if (plan.schedule_type === 'one-time') return 'its time has passed; give it a later one'
  return plan.end_at ? 'no due time is left before its end_at; move end_at' : 'no due time is left'
}

/** Enabling such a schedule is refused. */
export const isOver = (schedule: Extent, now: Date): boolean => whyOver(schedule, now) !== null
