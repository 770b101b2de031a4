import { DAY, SECOND } from '../clock.ts'
import { isReadByOldOnly, readOldCron } from './cron/old-reader.ts'
import type { Cron } from './cron/pattern.ts'
import { readCron } from './cron/pattern.ts'
import { cronProblem } from './cron/problem.ts'
import { nextCron } from './cron/zones.ts'
import { firstInstant, localOf, transitionsBetween, utcText } from './local-time.ts'
import type { Plan } from './plan.ts'
import { nextDue } from './plan.ts'

// Cron is now read as Debian's cron reads it. At the first start after that change every stored cron schedule goes through here once.

/** How far ahead the two readers are compared. */
const AHEAD = 400 * DAY

/** `was`: it was a due time and is none now; otherwise it is one now and was none. */
export type Difference = { at: Date; was: boolean }

type Span = { from: number; to: number }

const sameValues = (one: Cron, other: Cron): boolean =>
  (['seconds', 'minutes', 'hours'] as const).every((name) => one[name].values.join() === other[name].values.join())

/** Local days that only one of two readings allows. */
const differentDays = (one: Cron, other: Cron, { from, to }: Span): Span[] => {
  const found: Span[] = []
  for (
    let date = new Date(from);
    date.getTime() < to;
    date = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1))
  ) {
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
    const bits = one.days(year, month) ^ other.days(year, month)
    for (let day = 1; day <= 31; day++)
      if ((bits >>> (day - 1)) & 1) found.push({ from: Date.UTC(year, month, day), to: Date.UTC(year, month, day + 1) })
  }
  return found
}

/** The spans in which two readings may differ: around changes of the clock when only one is fixed, and on days that only one allows. */
const suspects = (one: Cron, other: Cron, zone: string, whole: Span): Span[] => {
  if (!sameValues(one, other)) return [whole]
  const changes = one.fixed === other.fixed ? [] : transitionsBetween(zone, whole.from, whole.to)
  const days = differentDays(one, other, { from: localOf(zone, whole.from) - DAY, to: localOf(zone, whole.to) + DAY })
  return [
    ...changes.map(({ at, before, after }) => ({ from: at, to: at + Math.abs(after - before) + SECOND })),
    ...days.map(({ from, to }) => ({ from: firstInstant(zone, from).at, to: firstInstant(zone, to).at })),
  ]
    .map(({ from, to }) => ({ from: Math.max(from, whole.from), to: Math.min(to, whole.to) }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from)
}

// More due times than a day has seconds: two readings that agree on so many differ nowhere in the span.
const MAX_STEPS = 100_000

const differenceIn = (old: Cron, now: Cron, zone: string, { from, to }: Span): Difference | null => {
  let after = from - 1
  for (let step = 0; step < MAX_STEPS; step++) {
    const [was, is] = [nextCron(old, zone, after) ?? Infinity, nextCron(now, zone, after) ?? Infinity]
    const first = Math.min(was, is)
    if (first >= to) return null
    if (was !== is) return { at: new Date(first), was: was < is }
    after = first
  }
  return null
}

/** The first due time of the next 400 days, within the bounds of the plan, that only one of the two readings has. */
export const firstDifference = (plan: Plan, now: Date): Difference | null => {
  const [old, today] = [readOldCron(plan.schedule_expr), readCron(plan.schedule_expr)]
  if (!old || !today) return null
  const from = Math.max(now.getTime(), plan.start_at?.getTime() ?? 0)
  const to = Math.min(now.getTime() + AHEAD, plan.end_at?.getTime() ?? Infinity)
  for (const span of suspects(old, today.cron, plan.timezone, { from, to })) {
    const found = differenceIn(old, today.cron, plan.timezone, span)
    if (found) return found
  }
  return null
}

export type Reread = {
  /** For the schedule, until somebody saves it again. */
  warnings: string[]
  /** Its first due time after its watermark. */
  next_due_at: Date | null
}

const differs = ({ at, was }: Difference): string =>
  `Cron is now read as Debian's cron reads it, and this schedule has other due times: the first is ${utcText(at.getTime())}, ${was ? 'which was a due time before and is not now' : 'which is a due time now and was not before'}. Look at its next runs, and save it again.`

/** Compares the due times of a stored cron schedule by today's reader with those by the reader under which it was stored. */
export const rereadCron = (plan: Plan, decided_until: Date | null, now: Date): Reread => {
  const next_due_at = nextDue(plan, decided_until)
  if (isReadByOldOnly(plan.schedule_expr)) {
    const problem = cronProblem(plan.schedule_expr, localOf(plan.timezone, now.getTime())) ?? ''
    return {
      warnings: [
        `A new schedule of this kind is refused (${problem}). This one keeps the due times that it had; change its expression.`,
      ],
      next_due_at,
    }
  }
  const found = firstDifference(plan, now)
  return { warnings: found ? [differs(found)] : [], next_due_at }
}
