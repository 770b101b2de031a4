import { CronPattern } from 'croner'
import { makeMemo } from '../memo.ts'
import { nextLocal } from './calendar.ts'
import type { Cron } from './pattern.ts'
import { byMonth, makeField, readCron } from './pattern.ts'

// Cron as it was read before it was read as Debian's: by croner. Only for what was stored then: a schedule that today's reader refuses
// keeps these times until somebody changes them, and a span of the ledger is counted as when it was written.

const LAST = 32
const ANY = 63

type DayRule = Pick<
  CronPattern,
  | 'month'
  | 'day'
  | 'dayOfWeek'
  | 'lastDayOfMonth'
  | 'lastWeekday'
  | 'nearestWeekdays'
  | 'starDOM'
  | 'starDOW'
  | 'useAndLogic'
>

/** Which days of a month matched: either day was enough, unless one of them was nothing but `*`. */
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

const makeOld = (expression: string): Cron => {
  const pattern = new CronPattern(expression, undefined, { mode: '5-or-6-parts' })
  // Not the pattern itself: it holds ten thousand years.
  const { month, day, dayOfWeek, lastDayOfMonth, lastWeekday, nearestWeekdays, starDOM, starDOW, useAndLogic } = pattern
  const rule: DayRule = {
    month,
    day,
    dayOfWeek,
    lastDayOfMonth,
    lastWeekday,
    nearestWeekdays,
    starDOM,
    starDOW,
    useAndLogic,
  }
  const field = (allowed: number[]) =>
    makeField(
      allowed.flatMap((on, value) => (on ? [value] : [])),
      allowed.length,
    )
  const [seconds, minutes, hours] = [field(pattern.second), field(pattern.minute), field(pattern.hour)]
  const fixed = seconds.values.length === 1 && minutes.values.length === 1 && hours.values.length === 1
  return { seconds, minutes, hours, fixed, days: byMonth((year, number) => matchDays(rule, year, number)) }
}

const known = makeMemo<Cron | null>(1000)

/** Null for what it could not read either: croner says so by an exception. */
export const readOldCron = (expression: string): Cron | null =>
  known(expression, () => {
    try {
      return makeOld(expression)
    } catch {
      return null
    }
  })

const firesIn = (cron: Cron): boolean => nextLocal(cron, 0) !== null

/** Whether today's reader refuses it, since it cannot read it or finds no date for it, and the old one did not. */
export const isReadByOldOnly = (expression: string): boolean => {
  const today = readCron(expression)
  if (today && firesIn(today.cron)) return false
  const old = readOldCron(expression)
  return old !== null && firesIn(old)
}
