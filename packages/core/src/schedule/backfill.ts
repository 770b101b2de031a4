import { ceilToSecond, floorToSecond } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { LedgerRow } from './decide.ts'
import { utcText } from './local-time.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween } from './plan.ts'
import { spanRow } from './spans.ts'

/** How many due times one backfill starts. */
const MAX_BACKFILL = 1_000
/** How many it looks at, among which are those that started before. */
const MAX_LOOKED_AT = 10_000

/** Due times of one row of the ledger, or of one that is not written yet. */
export type Extent = Pick<LedgerRow, 'scheduled_for' | 'until' | 'count' | 'count_at_least'>

type Past = {
  plan: Plan
  /** Due times up to here are decided; null: none. */
  decided_until: Date | null
  /** A schedule that is over decides nothing any more, so all of its past may be run. */
  isOver: boolean
}
export type BackfillSpan = {
  /** The decided due times, oldest first; one more than are looked at when there are more. */
  due: Date[]
  /** Those that the schedule has still to decide. */
  undecided: Extent | null
}

const justBefore = (at: Date): Date => new Date(at.getTime() - 1)
const later = (one: Date, other: Date): Date => (one > other ? one : other)

/** What lies in [from, to). */
export const backfillSpan = (
  { plan, decided_until, isOver }: Past,
  given: { from: Date; to: Date; now: Date },
): BackfillSpan => {
  const [from, to, now] = [ceilToSecond(given.from), ceilToSecond(given.to), floorToSecond(given.now)]
  if (to <= from) throw invalid('to', `must be later than from (${utcText(from.getTime())})`)
  if (to > now)
    throw invalid('to', `lies ahead: a backfill is for the past; write ${utcText(now.getTime())} or an earlier time`)
  const [first, last] = [justBefore(from), justBefore(to)]
  if (isOver) return { due: dueTimesBetween(plan, first, last, MAX_LOOKED_AT + 1), undecided: null }
  const decided = decided_until && decided_until < last ? decided_until : last
  const row = spanRow(plan, decided_until ? later(decided_until, first) : first, last, {
    decision: 'missed',
    reason: null,
  })
  return {
    due: decided_until ? dueTimesBetween(plan, first, decided, MAX_LOOKED_AT + 1) : [],
    undecided: row && {
      scheduled_for: row.scheduled_for,
      until: row.until,
      count: row.count,
      count_at_least: row.count_at_least,
    },
  }
}

/** Those to start, of the due times that were found; refused when they are too many. */
export const chooseBackfill = (due: Date[], hasStarted: (due: Date) => boolean): Date[] => {
  const chosen = due.slice(0, MAX_LOOKED_AT).filter((one) => !hasStarted(one))
  const tooMany = chosen[MAX_BACKFILL] ?? due[MAX_LOOKED_AT]
  if (tooMany) {
    const what =
      chosen.length > MAX_BACKFILL
        ? `more than ${MAX_BACKFILL} due times to run`
        : `more than ${MAX_LOOKED_AT} due times`
    throw invalid(
      'to',
      `the span has ${what}: write "${utcText(tooMany.getTime())}" or an earlier time, and go on from there with the next backfill`,
    )
  }
  return chosen
}

/** What is left of a span of the ledger around the due times that are taken out of it, with exact counts by the plan that it was written under. */
export const splitSpan = (
  plan: Plan,
  { scheduled_for, until }: { scheduled_for: Date; until: Date },
  taken: Date[],
): Extent[] => {
  const rest: Extent[] = []
  let after = justBefore(scheduled_for)
  for (const due of [...taken, null]) {
    const row = spanRow(plan, after, due ? justBefore(due) : until, { decision: 'missed', reason: null })
    if (row)
      rest.push({
        scheduled_for: row.scheduled_for,
        until: row.until,
        count: row.count,
        count_at_least: row.count_at_least,
      })
    if (due) after = due
  }
  return rest
}
