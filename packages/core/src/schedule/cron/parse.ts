import type { FieldRule } from './fields.ts'
import { DAY_OF_MONTH, DAY_OF_WEEK, FIELDS } from './fields.ts'
import { NICKNAMES } from './nicknames.ts'

// Reads a cron expression into its parts. Times, words and warnings are all made from this one result, so they cannot contradict each other.

/** From one value to another in steps. A single value has from = to. */
export type Range = { kind: 'range'; from: number; to: number; step: number; form: 'star' | 'value' | 'range' | 'open' }
export type DatePart =
  Range | { kind: 'last day' } | { kind: 'last weekday' } | { kind: 'nearest weekday'; day: number }
/** `MON#2`, `1-5#1`, `FRI#L`; `nth` is 0 for the last. */
export type WeekdayPart = Range | { kind: 'nth'; from: number; to: number; nth: number }
export type Part = DatePart | WeekdayPart

export type ParsedField<P extends Part = Range> = { text: string; parts: P[] }

export type ParsedCron = {
  second: ParsedField
  minute: ParsedField
  hour: ParsedField
  dates: ParsedField<DatePart>
  month: ParsedField
  weekdays: ParsedField<WeekdayPart>
  /** Whether day of month and day of week must both match; otherwise either is enough. */
  both: boolean
  /** Whether second, minute and hour do not begin with `*`. */
  fixed: boolean
}

/** Why a text is not a cron expression. `index` is that of the field among six. */
export type ParseProblem =
  | { problem: 'count'; count: number }
  | { problem: 'field'; index: number; text: string }
  | { problem: 'question mark'; index: number }
  | { problem: 'two question marks' }
  | { problem: 'weekday numbers'; text: string }

/** The fields that a nickname stands for, in any case; another expression as it is. */
export const withoutNickname = (expression: string): string => {
  const given = expression.trim()
  return NICKNAMES.get(given.toLowerCase()) ?? given
}

/** The six texts of an expression of five or six fields; any other number of texts is returned as it is. */
export const fieldsOf = (expression: string): string[] => {
  const texts = withoutNickname(expression).split(/\s+/)
  return texts.length === 5 ? ['0', ...texts] : texts
}

const valueOf = (rule: FieldRule, text: string): number | null => {
  if (!/^\d{1,4}$/.test(text)) {
    const named = rule.names.indexOf(text.toUpperCase())
    return named < 0 ? null : named + rule.first
  }
  const value = Number(text)
  return value >= rule.min && value <= rule.max ? value : null
}

const stepOf = (rule: FieldRule, text: string | undefined): number | null => {
  if (text === undefined) return 1
  const step = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return step >= 1 && step <= rule.size ? step : null
}

/** `*`, `5`, `1-5`, each also with a step; `3/5` goes from 3 to the end. */
const parseRange = (rule: FieldRule, text: string): Range | null => {
  const [range = '', stepText, ...more] = text.split('/')
  const step = stepOf(rule, stepText)
  if (step === null || more.length > 0) return null
  // By size, not by max: weekday 7 is Sunday again.
  if (range === '*') return { kind: 'range', from: rule.min, to: rule.min + rule.size - 1, step, form: 'star' }
  const [first = '', last, ...others] = range.split('-')
  const from = valueOf(rule, first)
  if (from === null || others.length > 0) return null
  if (last === undefined)
    return {
      kind: 'range',
      from,
      to: stepText === undefined ? from : rule.max,
      step,
      form: stepText === undefined ? 'value' : 'open',
    }
  // In `SAT-SUN` Sunday ends the week, so it counts as 7.
  const to = from > 0 && rule.max === 7 && /^sun$/i.test(last) ? 7 : valueOf(rule, last)
  return to === null || to < from ? null : { kind: 'range', from, to, step, form: 'range' }
}

const parseDate = (rule: FieldRule, text: string): DatePart | null => {
  if (/^L$/i.test(text)) return { kind: 'last day' }
  if (/^LW$/i.test(text)) return { kind: 'last weekday' }
  const nearest = /^(\d{1,2})W$/i.exec(text)
  if (!nearest) return parseRange(rule, text)
  const day = valueOf(rule, nearest[1]!)
  return day === null ? null : { kind: 'nearest weekday', day }
}

const parseWeekday = (rule: FieldRule, text: string): WeekdayPart | null => {
  const [, days, last, nth] = /^(.+?)(?:#?(L)|#([1-5]))$/i.exec(text) ?? []
  if (days === undefined) return parseRange(rule, text)
  const range = parseRange(rule, days)
  if (!range || (range.form !== 'value' && range.form !== 'range') || range.step !== 1) return null
  return { kind: 'nth', from: range.from, to: range.to, nth: last ? 0 : Number(nth) }
}

const begins = (text: string) => text.startsWith('*')

/** The parts of an expression, or why it cannot be read. */
export const parseExpression = (expression: string): ParsedCron | ParseProblem => {
  const texts = fieldsOf(expression)
  if (texts.length !== 6) return { problem: 'count', count: expression.trim() === '' ? 0 : texts.length }
  const marked = texts.flatMap((text, index) => (text.includes('?') ? [index] : []))
  const misplaced = marked.find((index) => texts[index] !== '?' || (index !== DAY_OF_MONTH && index !== DAY_OF_WEEK))
  if (misplaced !== undefined) return { problem: 'question mark', index: misplaced }
  if (marked.length > 1) return { problem: 'two question marks' }

  let broken = -1
  const read = <P extends Part>(
    index: number,
    parsePart: (rule: FieldRule, text: string) => P | null,
  ): ParsedField<P> => {
    const text = texts[index]!.replace('?', '*').replace(index === DAY_OF_WEEK ? /^\+/ : '', '')
    const parts = text.split(',').flatMap((one) => parsePart(FIELDS[index]!, one) ?? [])
    if (parts.length < text.split(',').length && broken < 0) broken = index
    return { text, parts }
  }
  const [second, minute, hour] = [read(0, parseRange), read(1, parseRange), read(2, parseRange)]
  const [dates, month, weekdays] = [read(DAY_OF_MONTH, parseDate), read(4, parseRange), read(DAY_OF_WEEK, parseWeekday)]
  if (broken >= 0) return { problem: 'field', index: broken, text: texts[broken]! }
  // Quartz and AWS, which have `?`, count weekdays from Sunday = 1: a number would mean another day there.
  if (texts[DAY_OF_MONTH] === '?' && /\d/.test(weekdays.text.replace(/[/#]\d+/g, '')))
    return { problem: 'weekday numbers', text: texts[DAY_OF_WEEK]! }
  return {
    second,
    minute,
    hour,
    dates,
    month,
    weekdays,
    both: texts[DAY_OF_WEEK]!.startsWith('+') || begins(dates.text) || begins(weekdays.text),
    fixed: !begins(second.text) && !begins(minute.text) && !begins(hour.text),
  }
}
