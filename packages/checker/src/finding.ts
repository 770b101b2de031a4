import type { Violation } from './queries.ts'

/**
 * What must be true at any moment, whatever was killed before:
 * `ledger`: every due time is in the ledger once, and has at most one task. `leases`: no lease and no ready task is overdue.
 * `ends`: the status of a task and its other columns agree. `calls`: no flow was called more often, or more at once, than allowed.
 * `tokens`: no two claims have one token. `order`: due times never move back, except by an edit. `wake_ups`: each due second has its wake-up.
 */
export type Invariant = 'ledger' | 'leases' | 'ends' | 'calls' | 'tokens' | 'order' | 'wake_ups'

/** An invariant that does not hold. */
export type Finding = {
  invariant: Invariant
  /** Of a schedule, task, token or source. */
  id: string
  message: string
}

export const findings = (invariant: Invariant, kind: string, violations: Violation[]): Finding[] =>
  violations.map(({ id, what }) => ({ invariant, id, message: `${kind} ${id} ${what}` }))
