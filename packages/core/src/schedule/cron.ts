import { DAY, HOUR, SECOND } from '../clock.ts'
import { countLocal, nextLocal, previousLocal } from './cron-calendar.ts'
import type { Cron } from './cron-pattern.ts'
import { FIRST_TIME, firstInstant, LAST_TIME, localOf, segmentAt } from './local-time.ts'

// From wall clocks to instants. A fixed time is due once for each date, at the first instant that shows it or has passed it;
// anything else is due whenever the clock shows it: not at all in a gap, twice in a repeated hour.

const secondAfter = (at: number) => Math.floor(at / SECOND) * SECOND + SECOND
const secondBefore = (at: number) => Math.ceil(at / SECOND) * SECOND - SECOND

// A zone that jumps over a whole date (Pacific/Apia, 30 December 2011) has no such date, as there is no 30 February.
const firstInstantOf = (zone: string, local: number): number | null => {
  const { at, gap } = firstInstant(zone, local)
  return gap >= DAY ? null : at
}

// How far a clock was ever ahead of what it shows now.
const REPEATED = 26 * HOUR

const nextFixed = (cron: Cron, zone: string, from: number): number | null => {
  for (let local = nextLocal(cron, localOf(zone, from - SECOND) + SECOND); local !== null; local = nextLocal(cron, local + SECOND)) {
    const at = firstInstantOf(zone, local)
    if (at !== null && at >= from) return at
  }
  return null
}

const previousFixed = (cron: Cron, zone: string, to: number): number | null => {
  for (let local = previousLocal(cron, localOf(zone, to) + REPEATED); local !== null; local = previousLocal(cron, local - SECOND)) {
    const at = firstInstantOf(zone, local)
    if (at !== null && at <= to) return at
  }
  return null
}

const nextShown = (cron: Cron, zone: string, from: number): number | null => {
  let segment = segmentAt(zone, from)
  let [at, entered] = [from, false]
  for (;;) {
    const local = nextLocal(cron, at + segment.offset)
    if (local === null) return null
    const found = local - segment.offset
    if (found < segment.end) return found
    // Entered at its start, the segment showed nothing that a later one could repeat: go straight to where the match lies.
    at = entered ? Math.max(segment.end, found - 2 * DAY) : segment.end
    entered = true
    segment = segmentAt(zone, at)
  }
}

const previousShown = (cron: Cron, zone: string, to: number): number | null => {
  let segment = segmentAt(zone, to)
  let [at, entered] = [to, false]
  for (;;) {
    const local = previousLocal(cron, at + segment.offset)
    if (local === null) return null
    const found = local - segment.offset
    if (found >= segment.start) return found
    at = entered ? Math.min(segment.start - SECOND, found + 2 * DAY) : segment.start - SECOND
    entered = true
    segment = segmentAt(zone, at)
  }
}

/** The first due time after `after`. */
export const nextCron = (cron: Cron, zone: string, after: number): number | null => {
  const from = Math.max(secondAfter(after), FIRST_TIME)
  if (from > LAST_TIME) return null
  const at = cron.fixed ? nextFixed(cron, zone, from) : nextShown(cron, zone, from)
  return at === null || at > LAST_TIME ? null : at
}

/** The last due time before `before`. */
export const previousCron = (cron: Cron, zone: string, before: number): number | null => {
  const to = Math.min(secondBefore(before), LAST_TIME)
  if (to < FIRST_TIME) return null
  const at = cron.fixed ? previousFixed(cron, zone, to) : previousShown(cron, zone, to)
  return at === null || at < FIRST_TIME ? null : at
}

/** How many due times lie in (after, until], counted no further than past `cap`. */
export const countCron = (cron: Cron, zone: string, after: number, until: number, cap: number): number => {
  let count = 0
  if (cron.fixed) {
    for (let at = nextCron(cron, zone, after); at !== null && at <= until && count <= cap; at = nextCron(cron, zone, at)) count++
    return count
  }
  const end = secondAfter(Math.min(until, LAST_TIME))
  for (let at = Math.max(secondAfter(after), FIRST_TIME); at < end && count <= cap; ) {
    const segment = segmentAt(zone, at)
    count += countLocal(cron, at + segment.offset, Math.min(segment.end, end) + segment.offset, cap)
    at = segment.end
  }
  return count
}
