import { CronPattern } from 'croner'
import { makeBoundedMap } from '../../bounded-map.ts'
import { nextLocal } from './calendar.ts'
import { withoutNickname } from './parse.ts'
import type { Cron } from './pattern.ts'
import { byMonth, makeField, monthOf, nearestWeekday, readCron, weekdayOf } from './pattern.ts'

// Reads cron as earlier releases did, by croner; today's reader follows Debian's cron. Only for what was stored then: a schedule that today's
// reader refuses keeps its times until somebody changes it, and a span of the ledger is counted as when it was written.

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

/** The days of a month that matched: either field was enough, unless one of them was just `*`. */
const matchDays = (pattern: DayRule, year: number, number: number): number => {
  if (!pattern.month[number]) return 0
  const month = monthOf(year, number)
  const { length } = month

  let byDate = 0
  for (let day = 1; day <= length; day++) if (pattern.day[day - 1]) byDate |= 1 << (day - 1)
  if (pattern.lastDayOfMonth) byDate |= 1 << (length - 1)
  if (pattern.lastWeekday) byDate |= 1 << (nearestWeekday(month, length) - 1)
  for (let day = 1; day <= length; day++)
    if (pattern.nearestWeekdays[day - 1]) byDate |= 1 << (nearestWeekday(month, day) - 1)
  if (pattern.starDOW) return byDate

  let byWeekday = 0
  for (let day = 1; day <= length; day++) {
    const wanted = pattern.dayOfWeek[weekdayOf(month, day)]!
    const nth = 1 << Math.floor((day - 1) / 7)
    if (wanted === ANY || wanted & nth || (wanted & LAST && day + 7 > length)) byWeekday |= 1 << (day - 1)
  }
  return pattern.starDOM || pattern.useAndLogic ? byDate & byWeekday : byDate | byWeekday
}

const makeOld = (expression: string): Cron => {
  const pattern = new CronPattern(withoutNickname(expression), undefined, { mode: '5-or-6-parts' })
  // The pattern itself is not kept: it holds a table of ten thousand years.
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

const known = makeBoundedMap<string, Cron | null>(1000)

/** Null for what croner refuses, which it does by an exception. */
export const readOldCron = (expression: string): Cron | null =>
  known.getOrMake(expression, () => {
    try {
      return makeOld(expression)
    } catch {
      return null
    }
  })

const firesIn = (cron: Cron): boolean => nextLocal(cron, 0) !== null

/** Whether today's reader refuses an expression (it cannot read it, or no date matches) that the old one accepted. */
export const isReadByOldOnly = (expression: string): boolean => {
  const today = readCron(expression)
  if (today && firesIn(today.cron)) return false
  const old = readOldCron(expression)
  return old !== null && firesIn(old)
}
