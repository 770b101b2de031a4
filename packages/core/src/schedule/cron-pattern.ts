import { CronPattern } from 'croner'

// croner reads the expression, and nothing more: when it matches is worked out by cron-calendar.ts on wall clocks and by cron.ts in
// a time zone, so that what a zone does to it is ours, and the way back (the newest due time before) is as exact as the way forward.

/** The values that one field allows, and for each value the nearest allowed one on either side (-1: none) and how many lie below. */
export type Field = { values: number[]; next: Int8Array; previous: Int8Array; below: Int8Array }

export type Cron = {
  seconds: Field
  minutes: Field
  hours: Field
  /** A single second, minute and hour: such a time runs once on every day that has it, whatever the clock does. */
  fixed: boolean
  /** Day-of-month and day-of-week are both restricted and either is enough. */
  either: boolean
  /** Bit n - 1 says whether day n of the month (0 to 11) matches. */
  days: (year: number, month: number) => number
}

const field = (allowed: number[]): Field => {
  const size = allowed.length
  const next = new Int8Array(size + 1).fill(-1)
  const previous = new Int8Array(size + 1).fill(-1)
  const below = new Int8Array(size + 1)
  for (let value = size - 1; value >= 0; value--) next[value] = allowed[value] ? value : next[value + 1]!
  for (let value = 0; value < size; value++) {
    previous[value] = allowed[value] ? value : value > 0 ? previous[value - 1]! : -1
    below[value + 1] = below[value]! + (allowed[value] ? 1 : 0)
  }
  return { values: allowed.flatMap((on, value) => (on ? [value] : [])), next, previous, below }
}

const LAST = 32
const ANY = 63

type DayRule = Pick<
  CronPattern,
  'month' | 'day' | 'dayOfWeek' | 'lastDayOfMonth' | 'lastWeekday' | 'nearestWeekdays' | 'starDOM' | 'starDOW' | 'useAndLogic'
>

/** Which days of a month match: croner's rule, from what croner read. */
const matchDays = (pattern: DayRule, year: number, month: number): number => {
  if (!pattern.month[month]) return 0
  const length = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  const firstWeekday = new Date(Date.UTC(year, month, 1)).getUTCDay()
  const weekday = (day: number) => (firstWeekday + day - 1) % 7

  let byDate = 0
  for (let day = 1; day <= length; day++) if (pattern.day[day - 1]) byDate |= 1 << (day - 1)
  if (pattern.lastDayOfMonth) byDate |= 1 << (length - 1)
  const nearestWeekday = (day: number) => {
    if (weekday(day) === 0) return day === length ? day - 2 : day + 1
    if (weekday(day) === 6) return day === 1 ? day + 2 : day - 1
    return day
  }
  if (pattern.lastWeekday) byDate |= 1 << (length - 1 - (weekday(length) === 0 ? 2 : weekday(length) === 6 ? 1 : 0))
  for (let day = 1; day <= length; day++) if (pattern.nearestWeekdays[day - 1]) byDate |= 1 << (nearestWeekday(day) - 1)
  if (pattern.starDOW) return byDate

  let byWeekday = 0
  for (let day = 1; day <= length; day++) {
    const wanted = pattern.dayOfWeek[weekday(day)]!
    const nth = 1 << Math.floor((day - 1) / 7)
    if (wanted === ANY || wanted & nth || (wanted & LAST && day + 7 > length)) byWeekday |= 1 << (day - 1)
  }
  return pattern.starDOM || pattern.useAndLogic ? byDate & byWeekday : byDate | byWeekday
}

// As many months as a search goes through; a miss only costs a microsecond.
const MAX_MONTHS = 500

export const parsePattern = (expression: string): CronPattern => new CronPattern(expression, undefined, { mode: '5-or-6-parts' })

const MAX_PARSED = 1000
const parsed = new Map<string, Cron>()

/** Throws croner's own error for an expression that it cannot read; cron-problem.ts says it in words. */
export const parseCron = (expression: string): Cron => {
  let cron = parsed.get(expression)
  if (!cron) {
    if (parsed.size >= MAX_PARSED) parsed.clear()
    cron = makeCron(expression)
    parsed.set(expression, cron)
  }
  return cron
}

const makeCron = (expression: string): Cron => {
  const pattern = parsePattern(expression)
  // Not the pattern itself: it holds ten thousand years.
  const { month, day, dayOfWeek, lastDayOfMonth, lastWeekday, nearestWeekdays, starDOM, starDOW, useAndLogic } = pattern
  const rule: DayRule = { month, day, dayOfWeek, lastDayOfMonth, lastWeekday, nearestWeekdays, starDOM, starDOW, useAndLogic }
  const months = new Map<number, number>()
  const days = (year: number, month: number): number => {
    const key = year * 12 + month
    let mask = months.get(key)
    if (mask === undefined) {
      if (months.size >= MAX_MONTHS) months.clear()
      mask = matchDays(rule, year, month)
      months.set(key, mask)
    }
    return mask
  }
  const [seconds, minutes, hours] = [field(pattern.second), field(pattern.minute), field(pattern.hour)]
  return {
    seconds,
    minutes,
    hours,
    fixed: seconds.values.length === 1 && minutes.values.length === 1 && hours.values.length === 1,
    either: !starDOM && !starDOW && !useAndLogic,
    days,
  }
}
