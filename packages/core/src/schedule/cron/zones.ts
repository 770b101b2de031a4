import { DAY, SECOND } from '../../clock.ts'
import type { Segment } from '../local-time.ts'
import { FIRST_TIME, LAST_TIME, segmentAt, shownBefore } from '../local-time.ts'
import { countLocal, nextLocal, previousLocal } from './calendar.ts'
import type { Cron } from './pattern.ts'

// The due times of a cron expression in a time zone: makes instants of calendar.ts's local times, one segment of constant offset after the
// other. A fixed expression is due once for each local time, at the first instant that shows it or has jumped over it. Any other is due
// whenever the clock shows it: not at all in a gap, twice in a repeated hour.

const secondAfter = (at: number) => Math.floor(at / SECOND) * SECOND + SECOND
const secondBefore = (at: number) => Math.ceil(at / SECOND) * SECOND - SECOND

/** The part of a segment in which an expression may be due. */
type Reach = {
  /** The first instant that may be due: a fixed expression is not due again in a repeated hour. */
  from: number
  /** Whether the start is due for what the clock has just jumped over. */
  isStartDue: boolean
}

const reachOf = (cron: Cron, zone: string, { start, offset }: Segment): Reach => {
  if (!cron.fixed) return { from: start, isStartDue: false }
  const shown = shownBefore(zone, start)
  const gap = start + offset - shown
  // A date that a zone jumps over (Pacific/Apia, 30 December 2011) does not exist there, like a 30 February, and nothing is due for it.
  const isStartDue = gap > 0 && gap < DAY && (nextLocal(cron, shown) ?? Infinity) < start + offset
  return { from: Math.max(start, shown - offset), isStartDue }
}

/** The first due time after `after`. */
export const nextCron = (cron: Cron, zone: string, after: number): number | null => {
  let at = Math.max(secondAfter(after), FIRST_TIME)
  for (let entered = false; at <= LAST_TIME; entered = true) {
    const segment = segmentAt(zone, at)
    const reach = reachOf(cron, zone, segment)
    if (at === segment.start && reach.isStartDue) return at
    const local = nextLocal(cron, Math.max(at, reach.from) + segment.offset)
    if (local === null) return null
    const found = local - segment.offset
    if (found < segment.end) return found > LAST_TIME ? null : found
    // When a segment was searched from its start, no later one can repeat an earlier match: skip to where the match lies.
    at = entered ? Math.max(segment.end, found - 2 * DAY) : segment.end
  }
  return null
}

/** The last due time before `before`. */
export const previousCron = (cron: Cron, zone: string, before: number): number | null => {
  let at = Math.min(secondBefore(before), LAST_TIME)
  for (let entered = false; at >= FIRST_TIME; entered = true) {
    const segment = segmentAt(zone, at)
    const reach = reachOf(cron, zone, segment)
    const local = previousLocal(cron, at + segment.offset)
    if (local === null) return null
    const found = local - segment.offset
    if (found >= reach.from) return found < FIRST_TIME ? null : found
    if (reach.isStartDue) return segment.start < FIRST_TIME ? null : segment.start
    at = entered ? Math.min(segment.start - SECOND, found + 2 * DAY) : segment.start - SECOND
  }
  return null
}

/** How many due times lie in (after, until]. The count may stop anywhere above `cap`. */
export const countCron = (cron: Cron, zone: string, after: number, until: number, cap: number): number => {
  let count = 0
  const end = secondAfter(Math.min(until, LAST_TIME))
  for (let at = Math.max(secondAfter(after), FIRST_TIME); at < end && count <= cap;) {
    const segment = segmentAt(zone, at)
    const reach = reachOf(cron, zone, segment)
    const from = Math.max(at, reach.from) + segment.offset
    const isDueAtStart = at === segment.start && reach.isStartDue
    // When the start is due anyway, both are one run.
    if (isDueAtStart && nextLocal(cron, at + segment.offset) !== at + segment.offset) count++
    const to = Math.min(segment.end, end) + segment.offset
    if (from < to) count += countLocal(cron, from, to, cap)
    at = segment.end
  }
  return count
}
