import type { Target } from './part.ts'
import { figure, table } from './table.ts'

/** A figure that may be at most so large. What could not be measured is not reached. */
export const atMost = (what: string, measured: number, limit: number, unit = ''): Target => ({
  what,
  target: `≤ ${figure(limit)}${unit}`,
  measured: `${figure(measured)}${unit}`,
  reached: measured <= limit,
})

export const targetsTable = (targets: readonly Target[]): string =>
  table(
    ['target', 'to reach', 'measured', 'reached'],
    targets.map(({ what, target, measured, reached }) => [what, target, measured, reached ? 'yes' : 'no']),
  )
