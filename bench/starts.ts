import { spreadOf } from './statistics.ts'
import type { Spread } from './statistics.ts'

/** How jobs that were due at one time began, as the flow server saw it. */
export type Starts = {
  due: number
  started: number
  missed: number
  /** Started more than once. */
  twice: number
  /** From the due time to the arrival of the call. */
  lateness: Spread
  first_start_ms: number
  last_start_ms: number
}

/** @param expected the session of each job; calls of other sessions are not counted */
export const startsOf = (calls: readonly { at: number; session_id: string | null }[], due: number, expected: readonly string[]): Starts => {
  const counts = new Map(expected.map((session) => [session, 0]))
  const lateness: number[] = []
  for (const { at, session_id } of [...calls].sort((a, b) => a.at - b.at)) {
    const count = session_id === null ? undefined : counts.get(session_id)
    if (session_id === null || count === undefined) continue
    counts.set(session_id, count + 1)
    if (count === 0) lateness.push(at - due)
  }
  const often = [...counts.values()]
  return {
    due: expected.length,
    started: lateness.length,
    missed: often.filter((count) => count === 0).length,
    twice: often.filter((count) => count > 1).length,
    lateness: spreadOf(lateness),
    first_start_ms: lateness[0] ?? Number.NaN,
    last_start_ms: lateness.at(-1) ?? Number.NaN,
  }
}
