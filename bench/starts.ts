import type { Spread } from './statistics.ts'
import { spreadOf } from './statistics.ts'

/** How the due jobs started, as the flow server saw it. */
export type Starts = {
  due: number
  started: number
  missed: number
  /** Started more than once. */
  twice: number
  /** Started before its time. */
  early: number
  /** From the due time to the arrival of the call. */
  lateness: Spread
  first_start_ms: number
  last_start_ms: number
}

/** @param due when each job was due, by its session; calls of other sessions are not counted */
export const startsOf = (
  calls: readonly { at: number; session_id: string | null }[],
  due: ReadonlyMap<string, number>,
): Starts => {
  const times = new Map<string, number[]>()
  for (const { at, session_id } of calls) {
    const dueAt = session_id === null ? undefined : due.get(session_id)
    if (session_id === null || dueAt === undefined) continue
    times.set(session_id, [...(times.get(session_id) ?? []), at - dueAt])
  }
  const started = [...times.values()]
  const lateness = started.map((late) => Math.min(...late)).sort((a, b) => a - b)
  return {
    due: due.size,
    started: started.length,
    missed: due.size - started.length,
    twice: started.filter(({ length }) => length > 1).length,
    early: lateness.filter((late) => late < 0).length,
    lateness: spreadOf(lateness),
    first_start_ms: lateness[0] ?? Number.NaN,
    last_start_ms: lateness.at(-1) ?? Number.NaN,
  }
}
