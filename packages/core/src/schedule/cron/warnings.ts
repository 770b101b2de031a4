import { DAY, HOUR } from '../../clock.ts'
import type { Transition } from '../local-time.ts'
import { localOf, localText, transitionsBetween } from '../local-time.ts'
import { nextLocal } from './calendar.ts'
import type { FieldName } from './fields.ts'
import { DAY_OF_MONTH, FIELDS } from './fields.ts'
import type { ParsedCron, Part, Range } from './parse.ts'
import type { Cron, ReadCron } from './pattern.ts'
import { isRange, valuesOf } from './pattern.ts'
import { coversDates, coversWeekdays } from './words.ts'

const spoken = (text: string) => text.replace('T', ' at ')

/** One change of the clock as a sentence; null when it does not affect the due times. */
const clockWarning = (cron: Cron, zone: string, { at, before, after }: Transition): string | null => {
  const { fixed } = cron
  // A change by whole hours does not disturb what runs in every hour.
  if (!fixed && cron.hours.values.length === 24 && (after - before) % HOUR === 0) return null
  const [low, high] = [at + Math.min(before, after), at + Math.max(before, after)]
  const touched = nextLocal(cron, low)
  if (touched === null || touched >= high) return null
  const [from, to] = [localText(at + before), localText(at + after)]
  const shown = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : spoken(to)
  if (after < before)
    return `The clock of ${zone} goes back from ${spoken(from)} to ${shown}: ${fixed ? 'times that come twice run once, the first time' : 'times that come twice run twice'}.`
  const runsAfterwards = fixed && high - low < DAY
  return `The clock of ${zone} goes from ${spoken(from)} to ${shown}: ${runsAfterwards ? `times in between run once, at ${to.slice(11)}` : 'times in between do not run that day'}.`
}

/** The changes of the clock within a year that affect the schedule. */
const clockWarnings = (cron: Cron, zone: string, now: Date): string[] =>
  transitionsBetween(zone, now.getTime(), now.getTime() + 366 * DAY).flatMap(
    (change) => clockWarning(cron, zone, change) ?? [],
  )

const WHOLE: Record<FieldName, string> = {
  second: 'minute',
  minute: 'hour',
  hour: 'day',
  'day of month': 'month',
  month: 'year',
  'day of week': 'week',
}

/** Whether the last step of a field is shorter than the others: `*\/25` in minutes. Months differ in length, so no step of days is even. */
const isUneven = (part: Part, index: number): part is Range =>
  isRange(part) &&
  (part.form === 'star' || part.form === 'open') &&
  part.step > 1 &&
  part.from + part.step <= part.to &&
  (index === DAY_OF_MONTH || FIELDS[index]!.size % part.step !== 0)

const stepWarnings = ({ second, minute, hour, dates, month, weekdays }: ParsedCron): string[] => {
  const fields = [second, minute, hour, dates, month, weekdays]
  return fields.flatMap((field, index) => {
    const [part, more] = field.parts
    if (!part || more || !isUneven(part, index)) return []
    const { name, unit } = FIELDS[index]!
    const values = valuesOf([part])
    const listed = values.length > 6 ? `${values.slice(0, 3).join(', ')}, … ${values.at(-1)}` : values.join(', ')
    const isAlone = fields.every(({ text }, other) => other === index || (other < index ? text === '0' : text === '*'))
    const even = unit && isAlone ? ` For an even distance use the interval "${part.step}${unit}".` : ''
    return [
      `"${field.text}" is not an even step: it means ${name} ${listed}, and starts again with every ${WHOLE[name]}.${even}`,
    ]
  })
}

const EITHER =
  'Day of month and day of week are both given: it runs when either matches. Write + before the day of week for both, as in "0 8 1 * +MON".'

const dayWarnings = (parsed: ParsedCron): string[] => {
  const { dates, weekdays, both } = parsed
  const [allDates, allWeekdays] = [coversDates(parsed), coversWeekdays(parsed)]
  // `1 * 0-6` runs every day: all weekdays are named, and either field is enough.
  if (!both) return allDates && allWeekdays ? [] : [EITHER]
  if (allDates || allWeekdays) return []
  const star = [dates, weekdays].find((field) => field.text.startsWith('*'))
  return star
    ? [`Day of month and day of week must both match, since "${star.text}" begins with *, as in Debian's cron.`]
    : []
}

const lengthOf = (month: number) => (month === 2 ? 28 : [4, 6, 9, 11].includes(month) ? 30 : 31)

/** For an expression whose days are missing in some of its months. */
const shortWarnings = ({ dates, month, both }: ParsedCron): string[] => {
  const days = valuesOf(dates.parts.filter(isRange))
  const [first] = days
  if (!both || first === undefined || !dates.parts.every(isRange)) return []
  return valuesOf(month.parts).some((one) => lengthOf(one) < first)
    ? [`It skips the months that have no day ${first}.`]
    : []
}

/** `0 9 * * 1-5 *`: elsewhere these are five fields and a year; here it runs at minute 9 of every hour. */
const yearWarnings = ({ hour, month, weekdays }: ParsedCron, expression: string): string[] => {
  const fields = expression.trim().split(/\s+/)
  if (fields.length !== 6 || hour.text !== '*' || month.text === '*' || weekdays.text !== '*') return []
  return [
    `Six fields have the second first. If the last "*" is meant as a year, write "${fields.slice(0, 5).join(' ')}".`,
  ]
}

/** What may surprise a user about an expression from `now` on, each a sentence. */
export const cronWarnings = (expression: string, { parsed, cron }: ReadCron, zone: string, now: Date): string[] => {
  if (nextLocal(cron, localOf(zone, now.getTime())) === null) return ['It never fires: no year has such a date.']
  return [
    ...yearWarnings(parsed, expression),
    ...stepWarnings(parsed),
    ...dayWarnings(parsed),
    ...shortWarnings(parsed),
    ...clockWarnings(cron, zone, now),
  ]
}
