import type { BoundedMap } from '../bounded-map.ts'
import { makeBoundedMap } from '../bounded-map.ts'
import { DAY, HOUR, SECOND } from '../clock.ts'

// Converts between instants and the clock of a time zone. A *local time* is kept as the milliseconds of the same wall clock in UTC: 09:00 in
// Lisbon is Date.UTC(…, 9).

/** The clock of a zone changes at `at`, from an offset of `before` to one of `after` (ms east of UTC). */
export type Transition = { at: number; before: number; after: number }
/** A span of instants with one offset; `end` is exclusive. Cut at the end of each UTC year, so two neighbours may have the same offset. */
export type Segment = { start: number; end: number; offset: number }

type Zone = { format: Intl.DateTimeFormat; years: BoundedMap<number, Segment[]> }

/** There are no due times before 1970 and after the year 9999. */
export const FIRST_TIME = 0
export const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59)

// Shorter than a week, the least distance of two changes since 1970 (America/Boa_Vista, October 2000).
const SAMPLE = 5 * DAY
// Users may name any zone and year, so memory is bounded; what is dropped is computed again.
const MAX_ZONES = 1000
const MAX_YEARS = 200

const zones = makeBoundedMap<string, Zone>(MAX_ZONES)

const zoneOf = (name: string): Zone =>
  zones.getOrMake(name, () => ({
    format: new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' }),
    years: makeBoundedMap(MAX_YEARS),
  }))

const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/

const askOffset = (format: Intl.DateTimeFormat, at: number): number => {
  const found = OFFSET.exec(format.format(at))
  if (!found) throw new Error(`No offset in "${format.format(at)}"`)
  const [, sign, hours, minutes, seconds] = found
  if (!sign) return 0
  const size = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds ?? 0)) * SECOND
  return sign === '-' ? -size : size
}

/** The first second after `from`, up to `to`, with another offset than `from` has. */
const findChange = (format: Intl.DateTimeFormat, from: number, to: number, offset: number): number => {
  let low = from
  let high = to
  while (high - low > SECOND) {
    const middle = low + Math.floor((high - low) / 2 / SECOND) * SECOND
    if (askOffset(format, middle) === offset) low = middle
    else high = middle
  }
  return high
}

const makeYear = (format: Intl.DateTimeFormat, year: number): Segment[] => {
  const end = Date.UTC(year + 1, 0, 1)
  const segments: Segment[] = []
  let start = Date.UTC(year, 0, 1)
  let offset = askOffset(format, start)
  for (let from = start; from < end; from += SAMPLE) {
    const to = Math.min(from + SAMPLE, end)
    const next = askOffset(format, to)
    if (next === offset) continue
    const change = findChange(format, from, to, offset)
    if (change === end) break
    segments.push({ start, end: change, offset })
    start = change
    offset = next
  }
  segments.push({ start, end, offset })
  return segments
}

const yearOf = ({ format, years }: Zone, year: number): Segment[] => years.getOrMake(year, () => makeYear(format, year))

export const segmentAt = (name: string, at: number): Segment => {
  const segments = yearOf(zoneOf(name), new Date(at).getUTCFullYear())
  for (const segment of segments) if (at < segment.end) return segment
  throw new Error(`No segment of ${name} at ${at}`)
}

export const localOf = (name: string, at: number): number => at + segmentAt(name, at).offset

/** The changes of the clock in (from, to]. */
export const transitionsBetween = (name: string, from: number, to: number): Transition[] => {
  const found: Transition[] = []
  let segment = segmentAt(name, from)
  while (segment.end <= to) {
    const next = segmentAt(name, segment.end)
    if (next.offset !== segment.offset) found.push({ at: segment.end, before: segment.offset, after: next.offset })
    segment = next
  }
  return found
}

// Since 1970 no clock was set back by more than two hours; a whole day would still be seen.
const SET_BACK = 26 * HOUR

/** The local time (exclusive) up to which the clock had shown, or jumped over, everything before the segment that starts at `start`. */
export const shownBefore = (name: string, start: number): number => {
  let shown = -Infinity
  for (let end = start; end > start - SET_BACK;) {
    const segment = segmentAt(name, end - SECOND)
    shown = Math.max(shown, segment.end + segment.offset)
    end = segment.start
  }
  return shown
}

// No zone is further than this from UTC, so every instant that shows a local time lies within this distance of it.
const REACH = 16 * HOUR

/**
 * The first instant at which the clock shows `local` or has jumped over it. `gap` is how far it jumped, 0 if it did not.
 * A fixed time runs then: in a gap at the first valid instant, in a repeated hour at its first occurrence.
 */
export const firstInstant = (name: string, local: number): { at: number; gap: number } => {
  let segment = segmentAt(name, local - REACH)
  let before = segment.offset
  while (local >= segment.end + segment.offset) {
    before = segment.offset
    segment = segmentAt(name, segment.end)
  }
  return local < segment.start + segment.offset
    ? { at: segment.start, gap: Math.max(0, segment.offset - before) }
    : { at: local - segment.offset, gap: 0 }
}

/** Every instant at which the clock shows `local`: none, one or two. */
export const instantsOf = (name: string, local: number): number[] => {
  const found: number[] = []
  for (
    let segment = segmentAt(name, local - REACH);
    segment.start <= local + REACH;
    segment = segmentAt(name, segment.end)
  ) {
    const at = local - segment.offset
    if (at >= segment.start && at < segment.end) found.push(at)
  }
  return found
}

/** `2026-03-29T02:30:00`, without a zone. */
export const localText = (local: number): string => new Date(local).toISOString().slice(0, 19)

/** An instant on the clock of a zone, with its offset: `2026-03-29T02:30:00+01:00`. Historic offsets may have seconds. */
export const localWithOffset = (name: string, at: number): string => {
  const { offset } = segmentAt(name, at)
  const [, hours, minutes, seconds] = /T(\d\d):(\d\d):(\d\d)/.exec(localText(Math.abs(offset)))!
  return `${localText(at + offset)}${offset < 0 ? '-' : '+'}${hours}:${minutes}${seconds === '00' ? '' : `:${seconds}`}`
}

/** `2026-03-29T01:30:00Z`: whole seconds, UTC. */
export const utcText = (at: number): string => `${localText(at)}Z`
