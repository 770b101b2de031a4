import { listWords } from '../../list-words.ts'
import { MONTH_NAMES, WEEKDAY_NAMES } from './fields.ts'
import type { DatePart, ParsedCron, WeekdayPart } from './parse.ts'
import { isRange, plainWeekdays, valuesOf, weekdaysOf } from './pattern.ts'

// A cron expression in words; describe.ts adds zone and bounds to describe a whole schedule. Made from the values that the expression allows,
// so it says only what the times show. packages/core/test/description.test.ts reads the sentences back.

const NTH = ['last', 'first', 'second', 'third', 'fourth', 'fifth']

const two = (value: number) => String(value).padStart(2, '0')

/** Neighbouring values as one run, with its first and last: 1 to 5 and 9 are `[[1, 5], [9, 9]]`. */
const runsOf = (values: readonly number[]): [number, number][] => {
  const runs: [number, number][] = []
  for (const value of values) {
    const run = runs.at(-1)
    if (run && run[1] === value - 1) run[1] = value
    else runs.push([value, value])
  }
  return runs
}

/** `0, 15 and 20 to 30`. */
const numbers = (values: readonly number[]): string =>
  listWords(
    runsOf(values).flatMap(([from, to]) =>
      to - from > 1 ? [`${from} to ${to}`] : from === to ? [String(from)] : [String(from), String(to)],
    ),
  )

/** The step of values that go evenly from 0 to the end of their field; null for others. */
const evenStep = (values: readonly number[], size: number): number | null => {
  const step = size / values.length
  return values.length > 1 && Number.isInteger(step) && values.every((value, index) => value === index * step)
    ? step
    : null
}

/** "Every second", "Every 5 minutes"; null when the values are not even. */
const every = (values: readonly number[], unit: string): string | null => {
  const step = evenStep(values, 60)
  return step === null ? null : step === 1 ? `Every ${unit}` : `Every ${step} ${unit}s`
}

const past = (values: readonly number[], unit: string, whole: string): string =>
  `At ${numbers(values)} ${values.length === 1 && values[0] === 1 ? unit : `${unit}s`} past the ${whole}`

const hourWords = (hours: readonly number[]): string => {
  if (hours.length === 24) return ''
  const runs = runsOf(hours)
  if (runs.length > 3)
    return `in the hours ${listWords(runs.map(([from, to]) => (from === to ? two(from) : `${two(from)} to ${two(to)}`)))}`
  return listWords(runs.map(([from, to]) => `between ${two(from)}:00 and ${two(to)}:59`))
}

// More times than these, and more than these within an hour, are easier to read as a rule.
const MAX_LISTED = 8
const MAX_WITHIN = 3

const timeWords = (seconds: readonly number[], minutes: readonly number[], hours: readonly number[]): string => {
  const onTheMinute = seconds.length === 1 && seconds[0] === 0
  const within = seconds.length * minutes.length
  if (within <= MAX_WITHIN && within * hours.length <= MAX_LISTED) {
    const times = hours.flatMap((hour) =>
      minutes.flatMap((minute) =>
        seconds.map((second) => `${two(hour)}:${two(minute)}${onTheMinute ? '' : `:${two(second)}`}`),
      ),
    )
    return `At ${listWords(times)}`
  }
  const inHours = hourWords(hours)
  const join = (...texts: string[]) => texts.filter((text) => text !== '').join(', ')
  if (onTheMinute) {
    const onTheHour = minutes.length === 1 && minutes[0] === 0
    const step = onTheHour ? evenStep(hours, 24) : null
    if (step !== null && step > 1) return `Every ${step} hours from 00:00`
    return join(onTheHour ? 'Every hour' : (every(minutes, 'minute') ?? past(minutes, 'minute', 'hour')), inHours)
  }
  const ofMinute = every(seconds, 'second') ?? past(seconds, 'second', 'minute')
  return join(
    ofMinute,
    minutes.length === 60 ? '' : `in ${minutes.length === 1 ? 'minute' : 'minutes'} ${numbers(minutes)} of the hour`,
    inHours,
  )
}

const dateWords = (parts: readonly DatePart[]): string => {
  const days = valuesOf(parts.filter(isRange))
  const special = parts.flatMap((part) => {
    if (part.kind === 'last day') return ['on the last day of the month']
    if (part.kind === 'last weekday') return ['on the last weekday of the month']
    return part.kind === 'nearest weekday' ? [`on the weekday nearest day ${part.day} of the month`] : []
  })
  const plain = days.length === 0 ? [] : [`on ${days.length === 1 ? 'day' : 'days'} ${numbers(days)} of the month`]
  return listWords([...plain, ...new Set(special)])
}

/** First and last of days that follow each other, also over the end of the week (Friday to Sunday); null for others. */
const weekRun = (days: readonly number[]): [number, number] | null => {
  const starts = days.filter((day) => !days.includes((day + 6) % 7))
  return starts.length === 1 && days.length > 2 ? [starts[0]!, (starts[0]! + days.length - 1) % 7] : null
}

const dayNames = (days: readonly number[], and: 'and' | 'or'): string => {
  const run = weekRun(days)
  // Readers expect a week to begin with Monday.
  const inOrder = [...days].sort((one, other) => ((one + 6) % 7) - ((other + 6) % 7))
  return run
    ? `${WEEKDAY_NAMES[run[0]]} through ${WEEKDAY_NAMES[run[1]]}`
    : listWords(
        inOrder.map((day) => WEEKDAY_NAMES[day]!),
        and,
      )
}

const weekdayWords = (parts: readonly WeekdayPart[], and: 'and' | 'or'): string => {
  const plain = plainWeekdays(parts)
  const nths = parts.flatMap((part) =>
    part.kind === 'nth'
      ? [
          `on the ${NTH[part.nth]} ${listWords(
            weekdaysOf(part).map((day) => WEEKDAY_NAMES[day]!),
            and,
          )} of the month`,
        ]
      : [],
  )
  const plainText = plain.length === 0 ? [] : [weekRun(plain) ? dayNames(plain, and) : `on ${dayNames(plain, and)}`]
  return listWords([...new Set(nths), ...plainText], and)
}

/** Whether the field allows every day. */
export const coversDates = ({ dates }: ParsedCron): boolean => valuesOf(dates.parts.filter(isRange)).length === 31
export const coversWeekdays = ({ weekdays }: ParsedCron): boolean => plainWeekdays(weekdays.parts).length === 7

/** Null: every day. */
const dayWords = (parsed: ParsedCron): string | null => {
  const [allDates, allWeekdays] = [coversDates(parsed), coversWeekdays(parsed)]
  if (allDates && allWeekdays) return null
  const isBoth = parsed.both && !allDates && !allWeekdays
  const [byDate, byWeekday] = [
    dateWords(parsed.dates.parts),
    weekdayWords(parsed.weekdays.parts, isBoth ? 'or' : 'and'),
  ]
  if (!parsed.both) return allDates || allWeekdays ? null : `${byDate} or ${byWeekday}`
  if (allDates) return byWeekday.startsWith('on ') && !byWeekday.startsWith('on the ') ? `only ${byWeekday}` : byWeekday
  return allWeekdays ? byDate : `${byDate} if it is also ${byWeekday.replace(/(^|, | or )on /g, '$1')}`
}

const monthWords = (months: readonly number[]): string => {
  if (months.length === 12) return ''
  const texts = runsOf(months).flatMap(([from, to]) => {
    const names = MONTH_NAMES.slice(from - 1, to)
    return names.length > 2 ? [`${names[0]} through ${names.at(-1)}`] : names
  })
  return `only in ${listWords(texts)}`
}

export const cronWords = (parsed: ParsedCron): string => {
  const hours = valuesOf(parsed.hour.parts)
  const time = timeWords(valuesOf(parsed.second.parts), valuesOf(parsed.minute.parts), hours)
  const months = monthWords(valuesOf(parsed.month.parts))
  const days = dayWords(parsed) ?? (hours.length < 24 ? 'every day' : '')
  return [time, days, months].filter((text) => text !== '').join(', ')
}
