import { floorToSecond } from '../clock.ts'
import { describe } from './describe.ts'
import { localWithOffset } from './local-time.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween } from './plan.ts'
import type { PlanInput } from './validate.ts'
import { validatePlan } from './validate.ts'

export type PreviewInput = Pick<PlanInput, 'schedule_type' | 'schedule_expr' | 'timezone'> & {
  /** How many due times. */
  count: number
  /** The first second that may be due. Left out: the second after `now`, as for a schedule that is made now. */
  from?: Date | undefined
  now: Date
}
export type Preview = {
  description: string
  warnings: string[]
  next_runs: { at: Date; local: string }[]
}

const FAR = new Date(8.64e15)

/** What a schedule would do if it were made at `from`. Throws what creating it would throw; but one that never fires gets a warning instead. */
export const preview = ({ count, from, now, ...given }: PreviewInput): Preview => {
  const madeAt = floorToSecond(from ?? now)
  // A one-time schedule may lie between `from` and now; one before both lies in the past.
  const validatedAt = madeAt < now ? madeAt : now
  const { moves: _, ...valid } = validatePlan({
    ...given,
    start_at: null,
    end_at: null,
    now: validatedAt,
    mayNeverFire: true,
  })
  const plan: Plan = { ...valid, anchor: madeAt, seed: '', read: 'today' }
  const isOnce = plan.schedule_type === 'one-time'
  const after = from || isOnce ? new Date((from ?? madeAt).getTime() - 1) : madeAt
  const due = dueTimesBetween(plan, after, FAR, count)
  return {
    ...describe(plan, madeAt),
    next_runs: due.map((at) => ({ at, local: localWithOffset(plan.timezone, at.getTime()) })),
  }
}
