import { DAY, HOUR, MINUTE, SECOND } from '../clock.ts'

const UNITS = { s: SECOND, m: MINUTE, h: HOUR, d: DAY }
export type Unit = keyof typeof UNITS
export type Interval = { count: number; unit: Unit; ms: number }

/** A century: longer than any schedule waits, and far below where numbers lose whole seconds. */
export const MAX_INTERVAL_DAYS = 36_500

/** Reads `15m` and the like; null for anything else. The caller checks for zero and for too long. */
export const parseInterval = (expression: string): Interval | null => {
  const found = /^(\d+)([smhd])$/i.exec(expression.trim())
  if (!found) return null
  const unit = found[2]!.toLowerCase() as Unit // the pattern allows only these four letters
  const count = Number(found[1])
  return { count, unit, ms: count * UNITS[unit] }
}

/** The first origin + n·step after `after`, n ≥ `least`. */
export const nextInterval = (origin: number, step: number, least: number, after: number): number =>
  origin + Math.max(least, Math.floor((after - origin) / step) + 1) * step

/** The last origin + n·step before `before`, n ≥ `least`. */
export const previousInterval = (origin: number, step: number, least: number, before: number): number | null => {
  const n = Math.ceil((before - origin) / step) - 1
  return n < least ? null : origin + n * step
}

/** How many origin + n·step lie in (after, until], n ≥ `least`. */
export const countInterval = (origin: number, step: number, least: number, after: number, until: number): number => {
  const from = Math.max(least, Math.floor((after - origin) / step) + 1)
  return Math.max(0, Math.floor((until - origin) / step) - from + 1)
}

const WORDS: readonly [RegExp, number][] = [
  [/^(?:ms|msecs?|milliseconds?)$/i, 1],
  [/^(?:s|secs?|seconds?)$/i, SECOND],
  [/^(?:m|mins?|minutes?)$/i, MINUTE],
  [/^(?:h|hrs?|hours?)$/i, HOUR],
  [/^(?:d|days?)$/i, DAY],
  [/^(?:w|weeks?)$/i, 7 * DAY],
]

/** The milliseconds of a duration as people and other programs write it (`1h30m`, `5 minutes`, `PT15M`, `week`); null for anything else. */
const lengthOf = (text: string): number | null => {
  const given = text.trim().replace(/^P(?=[\dT])(?:(\d+[DW]))?T?/i, '$1')
  const parts = [...given.matchAll(/(?:(\d{1,12}(?:\.\d{1,9})?)\s*)?([a-z]+)[\s,]*(?:and\s+)?/gi)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== given) return null
  let sum = 0
  for (const [, count, unit] of parts) {
    const size = WORDS.find(([word]) => word.test(unit!))?.[1]
    if (size === undefined || (count === undefined && (parts.length > 1 || unit!.length < 3))) return null
    sum += Number(count ?? 1) * size
  }
  return sum
}

/** A duration of other programs as an interval of ours, rounded up to whole seconds; null when the text is not a duration. */
export const shortestInterval = (text: string): string | null => {
  const ms = lengthOf(text)
  if (ms === null || ms <= 0 || ms > MAX_INTERVAL_DAYS * DAY) return null
  const seconds = Math.max(1, Math.ceil(ms / SECOND)) * SECOND
  const unit = (['d', 'h', 'm'] as const).find((one) => seconds % UNITS[one] === 0) ?? 's'
  return `${seconds / UNITS[unit]}${unit}`
}
