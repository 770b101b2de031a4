import type { Wrong } from './queries.ts'

/**
 * What must hold at any moment, whatever was killed before:
 * `ledger`: every due time is in the ledger once, and has at most one task. `leases`: nothing runs or waits that nobody looks after.
 * `ends`: what is over has an end, and one attempt that won. `calls`: no flow was called more often, or more at once, than allowed.
 * `tokens`: none serves two claims. `order`: due times never move back, but by an edit. `wake_ups`: each second ahead has its wake-up.
 */
export type Invariant = 'ledger' | 'leases' | 'ends' | 'calls' | 'tokens' | 'order' | 'wake_ups'

/** Something that must not be. */
export type Finding = {
  invariant: Invariant
  /** What it is about: a schedule, a task, a token, a source. */
  id: string
  message: string
}

export const findings = (invariant: Invariant, kind: string, wrongs: Wrong[]): Finding[] =>
  wrongs.map(({ id, what }) => ({ invariant, id, message: `${kind} ${id} ${what}` }))
