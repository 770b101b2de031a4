import { floorToSecond } from '../clock.ts'
import type { PlanInput } from './check.ts'
import { checkPlan } from './check.ts'
import { describe } from './describe.ts'
import { localWithOffset } from './local-time.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween } from './plan.ts'

export type PreviewInput = Pick<PlanInput, 'schedule_type' | 'schedule_expr' | 'timezone'> & {
  /** How many due times. */
  count: number
  /** The first second that may be due; left out, the second after `now`, as for a schedule that is made now. */
  from?: Date | undefined
  now: Date
}
export type Preview = {
  description: string
  warnings: string[]
  next_runs: { at: Date; local: string }[]
}

const FAR = new Date(8.64e15)

/** What a schedule would do, as if it were made at `from`. What cannot be one is refused as when it is made, but one that never fires is told so. */
export const preview = ({ count, from, now, ...given }: PreviewInput): Preview => {
  const madeAt = floorToSecond(from ?? now)
  // A time between `from` and now has passed and may still be looked at; one before both may not.
  const checkedAt = madeAt < now ? madeAt : now
  const { moves: _, ...checked } = checkPlan({
    ...given,
    start_at: null,
    end_at: null,
    now: checkedAt,
    mayNeverFire: true,
  })
  const plan: Plan = { ...checked, anchor: madeAt, seed: '', read: 'today' }
  const isOnce = plan.schedule_type === 'one-time'
  const after = from || isOnce ? new Date((from ?? madeAt).getTime() - 1) : madeAt
  const due = dueTimesBetween(plan, after, FAR, count)
  return {
    ...describe(plan, madeAt),
    next_runs: due.map((at) => ({ at, local: localWithOffset(plan.timezone, at.getTime()) })),
  }
}
