import { CronPattern } from 'croner'
import { DAY, HOUR, MINUTE, SECOND } from '../clock.ts'

// croner reads the expression; when it matches is worked out here, on wall clocks, so that what a time zone does to it is ours
// and the way back (the newest due time before) is as exact as the way forward.

/** The values that one field allows, and for each value the nearest allowed one on either side (-1: none) and how many lie below. */
type Field = { values: number[]; next: Int8Array; previous: Int8Array; below: Int8Array }

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

/** Which days of a month match: croner's rule, from what croner read. */
const dayMatcher = (pattern: CronPattern) => (year: number, month: number): number => {
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

// Enough for the months of two leap-day cycles; a miss only costs a microsecond.
const MAX_MONTHS = 1000

export const parsePattern = (expression: string): CronPattern => new CronPattern(expression, undefined, { mode: '5-or-6-parts' })

/** Throws croner's own error for an expression that it cannot read; cron-problem.ts says it in words. */
export const parseCron = (expression: string): Cron => {
  const pattern = parsePattern(expression)
  const match = dayMatcher(pattern)
  const months = new Map<number, number>()
  const days = (year: number, month: number): number => {
    const key = year * 12 + month
    let mask = months.get(key)
    if (mask === undefined) {
      if (months.size >= MAX_MONTHS) months.clear()
      mask = match(year, month)
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
    either: !pattern.starDOM && !pattern.starDOW && !pattern.useAndLogic,
    days,
  }
}

const timeOf = (hour: number, minute: number, second: number) => hour * HOUR + minute * MINUTE + second * SECOND
const first = (field: Field) => field.next[0]!
const last = (field: Field) => field.values.at(-1)!

/** The first matching time of day at or after `time`, -1 when none is left. */
const nextTime = ({ hours, minutes, seconds }: Cron, time: number): number => {
  const [hour, minute, second] = [Math.floor(time / HOUR), Math.floor((time % HOUR) / MINUTE), Math.floor((time % MINUTE) / SECOND)]
  const h = hours.next[hour]!
  if (h === hour) {
    const m = minutes.next[minute]!
    if (m === minute && seconds.next[second] !== -1) return timeOf(h, m, seconds.next[second]!)
    const later = m === minute ? minutes.next[minute + 1]! : m
    if (later !== -1) return timeOf(h, later, first(seconds))
  }
  const later = h === hour ? hours.next[hour + 1]! : h
  return later === -1 ? -1 : timeOf(later, first(minutes), first(seconds))
}

/** The last matching time of day at or before `time`, -1 when there is none. */
const previousTime = ({ hours, minutes, seconds }: Cron, time: number): number => {
  const [hour, minute, second] = [Math.floor(time / HOUR), Math.floor((time % HOUR) / MINUTE), Math.floor((time % MINUTE) / SECOND)]
  const h = hours.previous[hour]!
  if (h === hour) {
    const m = minutes.previous[minute]!
    if (m === minute && seconds.previous[second] !== -1) return timeOf(h, m, seconds.previous[second]!)
    const earlier = m === minute ? (minute > 0 ? minutes.previous[minute - 1]! : -1) : m
    if (earlier !== -1) return timeOf(h, earlier, last(seconds))
  }
  const earlier = h === hour ? (hour > 0 ? hours.previous[hour - 1]! : -1) : h
  return earlier === -1 ? -1 : timeOf(earlier, last(minutes), last(seconds))
}

// 29 February falls on a given weekday at least once in 40 years, also across 2100: what hasn't matched by then never does.
const SEARCH_MONTHS = 41 * 12

const dayStart = (local: number) => Math.floor(local / DAY) * DAY

/** The start of the first matching day at or after the day that starts at `from`. */
const nextDay = (cron: Cron, from: number): number | null => {
  const date = new Date(from)
  let [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  let mask = (cron.days(year, month) >>> (date.getUTCDate() - 1)) << (date.getUTCDate() - 1)
  for (let months = 0; months <= SEARCH_MONTHS; months++) {
    if (mask !== 0) return Date.UTC(year, month, 32 - Math.clz32(mask & -mask))
    if (++month === 12) [year, month] = [year + 1, 0]
    mask = cron.days(year, month)
  }
  return null
}

const previousDay = (cron: Cron, from: number): number | null => {
  const date = new Date(from)
  let [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  let mask = cron.days(year, month) & (2 ** date.getUTCDate() - 1)
  for (let months = 0; months <= SEARCH_MONTHS; months++) {
    if (mask !== 0) return Date.UTC(year, month, 32 - Math.clz32(mask))
    if (--month === -1) [year, month] = [year - 1, 11]
    mask = cron.days(year, month)
  }
  return null
}

/** The first local time at or after `local` that matches; null when there is none in 41 years. */
export const nextLocal = (cron: Cron, local: number): number | null => {
  const today = dayStart(local)
  const day = nextDay(cron, today)
  if (day === null) return null
  if (day > today) return day + nextTime(cron, 0)
  const time = nextTime(cron, local - today)
  if (time !== -1) return today + time
  const later = nextDay(cron, today + DAY)
  return later === null ? null : later + nextTime(cron, 0)
}

/** The last local time at or before `local` that matches; null when there is none in 41 years. */
export const previousLocal = (cron: Cron, local: number): number | null => {
  const today = dayStart(local)
  const day = previousDay(cron, today)
  if (day === null) return null
  if (day < today) return day + previousTime(cron, DAY - SECOND)
  const time = previousTime(cron, local - today)
  if (time !== -1) return today + time
  const earlier = previousDay(cron, today - DAY)
  return earlier === null ? null : earlier + previousTime(cron, DAY - SECOND)
}

/** How many matching times of day lie before `time`. */
const timesBefore = ({ hours, minutes, seconds }: Cron, time: number): number => {
  const [hour, minute, second] = [Math.floor(time / HOUR), Math.floor((time % HOUR) / MINUTE), Math.floor((time % MINUTE) / SECOND)]
  const inMinute = minutes.below[minute + 1]! > minutes.below[minute]! ? seconds.below[second]! : 0
  const inHour = hours.below[hour + 1]! > hours.below[hour]! ? minutes.below[minute]! * seconds.values.length + inMinute : 0
  return hours.below[hour]! * minutes.values.length * seconds.values.length + inHour
}

/** How many local times in [from, to) match, counted no further than past `cap`. */
export const countLocal = (cron: Cron, from: number, to: number, cap: number): number => {
  const perDay = cron.hours.values.length * cron.minutes.values.length * cron.seconds.values.length
  let count = 0
  for (let day = nextDay(cron, dayStart(from)); day !== null && day < to && count <= cap; day = nextDay(cron, day + DAY)) {
    count += to - day < DAY ? timesBefore(cron, to - day) : perDay
    if (day < from) count -= timesBefore(cron, from - day)
  }
  return count
}
