import type { Target } from './part.ts'
import { figure, table } from './table.ts'

/** A target with an upper limit. A figure that could not be measured does not reach it. */
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
