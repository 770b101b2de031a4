import { toString as cronstrue } from 'cronstrue'
import { parsePattern } from './cron-pattern.ts'

// cronstrue words single fields well. What it makes of a whole expression is not always true, so the parts are put together here:
// a step that doesn't divide its field becomes the list that it is, and day-of-month and day-of-week get the "or" or "and" that they have.

const NICKNAMES: Record<string, string> = {
  '@hourly': '0 * * * *', '@daily': '0 0 * * *', '@midnight': '0 0 * * *', '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *', '@yearly': '0 0 1 1 *', '@annually': '0 0 1 1 *',
}
const NAMES = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const
export type CronFieldName = (typeof NAMES)[number]
const SIZES = [60, 60, 24, 31, 12, 7]
const DAY_OF_MONTH = 3
const MONTH = 4
const DAY_OF_WEEK = 5

/** Second, minute, hour, day of month, month, day of week; `both` when the two days must match together. */
export type CronFields = { fields: string[]; both: boolean }

export const cronFields = (expression: string): CronFields => {
  const given = expression.trim()
  const parts = (NICKNAMES[given.toLowerCase()] ?? given).split(/\s+/).map((part) => part.replace(/\?/g, '*'))
  const fields = parts.length === 5 ? ['0', ...parts] : parts
  const both = fields[DAY_OF_WEEK]!.startsWith('+')
  return { fields: fields.map((part) => part.replace(/^\+/, '')), both }
}

/** A step that starts anew before it is complete: `*\/25` in minutes. */
export const unevenSteps = ({ fields }: CronFields): { name: CronFieldName; text: string; index: number }[] =>
  fields.flatMap((text, index) => {
    const step = Number(/^\*\/(\d+)$/.exec(text)?.[1] ?? 1)
    // Months differ in length, so no step of days is even.
    const uneven = step > 1 && (index === DAY_OF_MONTH || SIZES[index]! % step !== 0)
    return uneven ? [{ name: NAMES[index]!, text, index }] : []
  })

/** The values of a field that is a plain set of numbers, as croner reads it. */
export const fieldValues = ({ fields }: CronFields, index: number): number[] => {
  const pattern = parsePattern(fields.map((text, other) => (other === index ? text : '*')).join(' '))
  const arrays = [pattern.second, pattern.minute, pattern.hour, pattern.day, pattern.month, pattern.dayOfWeek.slice(0, 7)]
  const first = index === DAY_OF_MONTH || index === MONTH ? 1 : 0
  return arrays[index]!.flatMap((on, value) => (on ? [value + first] : []))
}

// Longer lists are not easier to read than the step they stand for.
const MAX_LISTED = 16

/** One part of day of week: `1-3#2` and `FRI#L` day by day, as cronstrue reads only single days, and L without the hash. */
const spellWeekdays = (fields: CronFields, part: string): string[] => {
  const [, days, nth] = /^(.*?)#?(L|#\d)$/i.exec(part) ?? []
  if (!days || !nth) return [part]
  const plain = { ...fields, fields: fields.fields.map((text, index) => (index === DAY_OF_WEEK ? days : text)) }
  return fieldValues(plain, DAY_OF_WEEK).map((day) => `${day}${nth.toUpperCase()}`)
}

/** The field as cronstrue words it rightly: a step that isn't even as the list that it is. */
const spellOut = (fields: CronFields, index: number): string => {
  const text = fields.fields[index]!
  const parts = text.split(',')
  if (text === '*/1') return '*'
  if (index === DAY_OF_WEEK && /[#L]/i.test(text)) return parts.flatMap((part) => spellWeekdays(fields, part)).join(',')
  if (parts.length > 1 && parts.some((part) => part.startsWith('*'))) return listed(fields, index)
  const step = Number(/\/(\d+)$/.exec(text)?.[1] ?? 1)
  if (step === 1 || parts.length > 1) return text
  const isEven = text.startsWith('*') && index < DAY_OF_MONTH && step < SIZES[index]! && SIZES[index]! % step === 0
  return isEven ? text : listed(fields, index)
}

const listed = (fields: CronFields, index: number): string => {
  const values = fieldValues(fields, index)
  if (values.length <= MAX_LISTED) return values.join(',')
  return values.length === SIZES[index] ? (index === DAY_OF_MONTH ? '1-31' : '*') : fields.fields[index]!
}

const words = (expression: string) => cronstrue(expression, { use24HourTimeFormat: true })
const MIDNIGHT = /^At 00:00,? ?/

/** The kinds of day that cronstrue cannot have in one list: with `W`, `#`, `L`, or plain. */
const kinds = (text: string): string[] => {
  const groups = new Map<string, string[]>()
  for (const part of text.split(',')) {
    const kind = /W$/i.test(part) ? part : /#\d$/.test(part) ? '#' : /\dL$/i.test(part) ? 'L' : ''
    groups.set(kind, [...(groups.get(kind) ?? []), part])
  }
  return [...groups.values()].map((parts) => parts.join(','))
}

const dayWords = (text: string, expression: (group: string) => string): string => {
  if (text === '*') return ''
  const parts = kinds(text).map((group) => words(expression(group)).replace(MIDNIGHT, ''))
  return parts.map((part, index) => (index > 0 ? part.replace(/^only /, '') : part)).join(' and ')
}

// As many as the indexes that are asked for.
type SixFields = [string, string, string, string, string, string]

const MAX_SAID = 1000
const said = new Map<string, string>()

/** The expression in words, without its time zone. A list of schedules asks for the same few again and again. */
export const cronWords = (expression: string): string => {
  const known = said.get(expression)
  if (known !== undefined) return known
  if (said.size >= MAX_SAID) said.clear()
  const text = putInWords(expression)
  said.set(expression, text)
  return text
}

/** cronstrue says "at 02:00" of an hour in which several minutes match. */
const hoursInWords = (time: string): string =>
  /(?:every \d+ minutes|minutes past the hour), at /i.test(time)
    ? time.replace(/, at (\d\d):00$/, ', between $1:00 and $1:59').replace(/, at (\d\d:00,? .*)$/, ', in the hours from $1')
    : time

const putInWords = (expression: string): string => {
  const given = cronFields(expression)
  const [second, minute, hour, date, month, weekday] = [0, 1, 2, 3, 4, 5].map((index) => spellOut(given, index)) as SixFields
  const time = hoursInWords(words(`${second} ${minute} ${hour} * * *`))
  const byDate = dayWords(date, (group) => `0 0 ${group} * *`)
  const byWeekday = dayWords(weekday, (group) => `0 0 * * ${group}`)
  const byMonth = month === '*' ? '' : words(`0 0 * ${month} *`).replace(MIDNIGHT, '')
  const days =
    byDate && byWeekday
      ? given.both
        ? `${byDate} if it is also ${byWeekday.replace(/^(?:only )?on /, '')}`
        : `${byDate} or ${byWeekday.replace(/^only /, '')}`
      : byDate || byWeekday || (hour === '*' ? '' : 'every day')
  return [time, days, byMonth].filter((part) => part !== '').join(', ')
}
