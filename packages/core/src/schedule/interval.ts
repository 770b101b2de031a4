import { DAY, HOUR, MINUTE, SECOND } from '../clock.ts'

const UNITS = { s: SECOND, m: MINUTE, h: HOUR, d: DAY }
export type Unit = keyof typeof UNITS
export type Interval = { count: number; unit: Unit; ms: number }

/** A century: nothing that a schedule would wait for, and far from where numbers lose their seconds. */
export const MAX_INTERVAL_DAYS = 36_500

/** `15m` and the like; null for anything else. Whether it is too long or zero is for the caller to say. */
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
