import { makeBoundedMap } from '../../bounded-map.ts'
import type { DatePart, ParsedCron, Part, Range, WeekdayPart } from './parse.ts'
import { parseExpression } from './parse.ts'

// Turns the parts of an expression into tables of what matches; calendar.ts searches in them.

/** The values that one field allows. For each value: the nearest allowed one at or after and at or before it (-1: none), and how many lie below. */
export type Field = { values: number[]; next: Int8Array; previous: Int8Array; below: Int8Array }

export type Cron = {
  seconds: Field
  minutes: Field
  hours: Field
  /** True: a time that the clock skips runs once after the gap, a time that it shows twice runs once. False: runs whenever the clock shows it. */
  fixed: boolean
  /** Bit n - 1 says whether day n of the month (0 to 11) matches. */
  days: (year: number, month: number) => number
}

export const valuesOf = (parts: readonly Range[]): number[] => {
  const values = new Set<number>()
  for (const { from, to, step } of parts) for (let value = from; value <= to; value += step) values.add(value)
  return [...values].sort((one, other) => one - other)
}

export const isRange = (part: Part): part is Range => part.kind === 'range'

const asWeekdays = (values: number[]): number[] =>
  [...new Set(values.map((day) => day % 7))].sort((one, other) => one - other)

/** Weekdays that match in every week; Sunday is 0. */
export const plainWeekdays = (parts: readonly WeekdayPart[]): number[] => asWeekdays(valuesOf(parts.filter(isRange)))

/** The weekdays of `1-5#1`. */
export const weekdaysOf = ({ from, to }: { from: number; to: number }): number[] =>
  asWeekdays(Array.from({ length: to - from + 1 }, (_, index) => from + index))

export const makeField = (values: number[], size: number): Field => {
  const next = new Int8Array(size + 1).fill(-1)
  const previous = new Int8Array(size + 1).fill(-1)
  const below = new Int8Array(size + 1)
  const allowed = new Set(values)
  for (let value = size - 1; value >= 0; value--) next[value] = allowed.has(value) ? value : next[value + 1]!
  for (let value = 0; value < size; value++) {
    previous[value] = allowed.has(value) ? value : value > 0 ? previous[value - 1]! : -1
    below[value + 1] = below[value]! + (allowed.has(value) ? 1 : 0)
  }
  return { values, next, previous, below }
}

/** `first` is the weekday of the 1st; Sunday is 0. */
type Month = { length: number; first: number }
/** `number` from 0 to 11. */
export const monthOf = (year: number, number: number): Month => ({
  length: new Date(Date.UTC(year, number + 1, 0)).getUTCDate(),
  first: new Date(Date.UTC(year, number, 1)).getUTCDay(),
})
const bit = (day: number) => 1 << (day - 1)
export const weekdayOf = ({ first }: Month, day: number) => (first + day - 1) % 7

/** The weekday nearest to a day, within its month. */
export const nearestWeekday = (month: Month, day: number): number => {
  if (weekdayOf(month, day) === 0) return day === month.length ? day - 2 : day + 1
  if (weekdayOf(month, day) === 6) return day === 1 ? day + 2 : day - 1
  return day
}

type Bits = (month: Month) => number

const dateBits = (parts: DatePart[]): Bits => {
  const plain = valuesOf(parts.filter(isRange)).reduce((bits, day) => bits | bit(day), 0)
  const special = parts.filter((part) => !isRange(part))
  return (month) =>
    special.reduce((bits, part) => {
      if (part.kind === 'last day') return bits | bit(month.length)
      const day = part.kind === 'nearest weekday' ? part.day : month.length
      return day > month.length ? bits : bits | bit(nearestWeekday(month, day))
    }, plain)
}

/** The days that fall on one of these weekdays in a month that begins on `first`, as bits. */
const onWeekdays = (weekdays: readonly number[], first: number): number => {
  let bits = 0
  for (let day = 1; day <= 31; day++) if (weekdays.includes((first + day - 1) % 7)) bits |= bit(day)
  return bits
}

const weekdayBits = (parts: WeekdayPart[]): Bits => {
  const byFirst = (weekdays: readonly number[]) => [0, 1, 2, 3, 4, 5, 6].map((first) => onWeekdays(weekdays, first))
  const plain = byFirst(plainWeekdays(parts))
  const nths = parts.flatMap((part) =>
    part.kind === 'nth' ? [{ nth: part.nth, days: byFirst(weekdaysOf(part)) }] : [],
  )
  return ({ first, length }) =>
    nths.reduce(
      (bits, { nth, days }) => bits | (days[first]! & (nth === 0 ? 0x7f << (length - 7) : 0x7f << (7 * (nth - 1)))),
      plain[first]!,
    )
}

const monthBits = ({ dates, weekdays, both }: ParsedCron): Cron['days'] => {
  const [byDate, byWeekday] = [dateBits(dates.parts), weekdayBits(weekdays.parts)]
  return (year, number) => {
    const month = monthOf(year, number)
    const bits = both ? byDate(month) & byWeekday(month) : byDate(month) | byWeekday(month)
    return bits & (2 ** month.length - 1)
  }
}

// As many months as one search visits. To compute a month again takes some microseconds.
const MAX_MONTHS = 500

/** Remembers the bits of a month. */
export const byMonth = (bitsOf: (year: number, month: number) => number): Cron['days'] => {
  const months = makeBoundedMap<number, number>(MAX_MONTHS)
  return (year, month) => months.getOrMake(year * 12 + month, () => bitsOf(year, month))
}

const makeCron = (parsed: ParsedCron): Cron => {
  const months = new Set(valuesOf(parsed.month.parts))
  const bits = monthBits(parsed)
  return {
    seconds: makeField(valuesOf(parsed.second.parts), 60),
    minutes: makeField(valuesOf(parsed.minute.parts), 60),
    hours: makeField(valuesOf(parsed.hour.parts), 24),
    fixed: parsed.fixed,
    days: byMonth((year, month) => (months.has(month + 1) ? bits(year, month) : 0)),
  }
}

export type ReadCron = { parsed: ParsedCron; cron: Cron }

const known = makeBoundedMap<string, ReadCron | null>(1000)

/** Reads an expression once for all schedules that share it; null when it cannot be read (problem.ts says why). */
export const readCron = (expression: string): ReadCron | null =>
  known.getOrMake(expression, () => {
    const parsed = parseExpression(expression)
    return 'problem' in parsed ? null : { parsed, cron: makeCron(parsed) }
  })
