import { ceilToSecond, floorToSecond } from '../clock.ts'
import { invalid } from '../errors.ts'
import type { LedgerRow } from './ledger.ts'
import { utcText } from './local-time.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween } from './plan.ts'
import { spanRow } from './spans.ts'

/** How many due times one backfill may start. */
export const MAX_BACKFILL = 1_000
/** How many due times it may look at, including those that started before. */
const MAX_LOOKED_AT = 10_000

/** The due times of one row of the ledger, also of a row that is not written yet. */
export type Extent = Pick<LedgerRow, 'scheduled_for' | 'until' | 'count' | 'count_at_least'>

const extentOf = ({ scheduled_for, until, count, count_at_least }: LedgerRow): Extent => ({
  scheduled_for,
  until,
  count,
  count_at_least,
})

type Past = {
  plan: Plan
  /** Due times up to here are decided; null: none are. */
  decided_until: Date | null
  /** A schedule that is over decides nothing any more, so a backfill may run all of its past. */
  isOver: boolean
}
export type BackfillSpan = {
  /** The decided due times, oldest first: at most one more than a backfill may look at. */
  due: Date[]
  /** The due times that the schedule itself has still to decide. */
  undecided: Extent | null
}

const justBefore = (at: Date): Date => new Date(at.getTime() - 1)
const later = (one: Date, other: Date): Date => (one > other ? one : other)

/** The due times in [from, to). */
export const backfillSpan = (
  { plan, decided_until, isOver }: Past,
  given: { from: Date; to: Date; now: Date },
): BackfillSpan => {
  const [from, to, now] = [ceilToSecond(given.from), ceilToSecond(given.to), floorToSecond(given.now)]
  if (to <= from) throw invalid('to', `must be later than from (${utcText(from.getTime())})`)
  if (to > now)
    throw invalid(
      'to',
      `lies in the future: a backfill is for the past; write ${utcText(now.getTime())} or an earlier time`,
    )
  const [first, last] = [justBefore(from), justBefore(to)]
  if (isOver) return { due: dueTimesBetween(plan, first, last, MAX_LOOKED_AT + 1), undecided: null }
  const decided = decided_until && decided_until < last ? decided_until : last
  const row = spanRow(plan, decided_until ? later(decided_until, first) : first, last, {
    decision: 'missed',
    reason: null,
  })
  return {
    due: decided_until ? dueTimesBetween(plan, first, decided, MAX_LOOKED_AT + 1) : [],
    undecided: row && extentOf(row),
  }
}

/** Chooses the due times to start from those that were found; throws when there are too many. */
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

/** What is left of a span of the ledger when some due times are taken out of it. Counts are exact, by the plan under which it was written. */
export const splitSpan = (
  plan: Plan,
  { scheduled_for, until }: { scheduled_for: Date; until: Date },
  taken: Date[],
): Extent[] => {
  const rest: Extent[] = []
  let after = justBefore(scheduled_for)
  for (const due of [...taken, null]) {
    const row = spanRow(plan, after, due ? justBefore(due) : until, { decision: 'missed', reason: null })
    if (row) rest.push(extentOf(row))
    if (due) after = due
  }
  return rest
}
