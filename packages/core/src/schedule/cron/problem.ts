import { nextLocal } from './calendar.ts'
import type { FieldRule } from './fields.ts'
import { DAY_OF_MONTH, DAY_OF_WEEK, FIELDS, MONTHS, WEEKDAYS } from './fields.ts'
import { foreignForm, namedWeekdays } from './foreign.ts'
import type { ParseProblem } from './parse.ts'
import { fieldsOf, parseExpression } from './parse.ts'
import { readCron } from './pattern.ts'

/** A range that goes over the end of its field, as two ranges: `22-2` is `22-23,0-2`. */
const splitRange = ({ min, max, names }: FieldRule, text: string): string | null => {
  const found = /^(\w+)-(\w+)$/.exec(text)
  if (!found) return null
  const last = names === WEEKDAYS ? 6 : max
  const first = names === MONTHS ? 1 : 0
  const valueOf = (part: string) => (/^\d+$/.test(part) ? Number(part) : names.indexOf(part.toUpperCase()) + first)
  const textOf = (value: number) => (/^\d/.test(text) ? String(value) : names[value - first]!)
  const [from, to] = [valueOf(found[1]!), valueOf(found[2]!)]
  if (!(from >= min && from <= last && to >= min && to <= last && from > to)) return null
  const range = (one: number, other: number) => (one === other ? textOf(one) : `${textOf(one)}-${textOf(other)}`)
  return `${range(from, last)},${range(min, to)}`
}

/** `january` and `Tues` as the three letters that cron reads. */
const shortName = ({ names }: FieldRule, text: string): string =>
  text.replace(/[a-z]{4,}/gi, (word) =>
    names.includes(word.slice(0, 3).toUpperCase()) ? word.slice(0, 3).toUpperCase() : word,
  )

/** For an expression that is nothing but a step longer than its field, such as `*\/90`: it is meant as an interval. */
const stepProblem = (fields: string[], index: number): string | null => {
  const step = /^[*0]\/(\d+)$/.exec(fields[index]!)?.[1]
  const { name, max, unit } = FIELDS[index]!
  const isAlone = fields.every((text, other) => other === index || (other < index ? /^[0*]$/.test(text) : text === '*'))
  if (!step || !unit || !isAlone || Number(step) === 0) return null
  return `the ${name} "${fields[index]}" steps over its end (${max}): set schedule_type to "interval" and write "${Number(step)}${unit}"`
}

const ORDINAL_DAYS = ['1-7', '8-14', '15-21', '22-28', '29-31']

/** For `*\/100,1-7` beside a weekday, which selects the first such weekday in Debian's cron. */
const trickProblem = (fields: string[]): string | null => {
  const days = /^\*\/\d{2,},(\d+-\d+)$/.exec(fields[DAY_OF_MONTH]!)?.[1]
  const nth = days === undefined ? 0 : ORDINAL_DAYS.indexOf(days) + 1
  const weekday = fields[DAY_OF_WEEK]!
  if (nth === 0 || !/^\w+(?:-\w+)?$/.test(weekday)) return null
  const named = namedWeekdays(weekday, 0) ?? weekday
  const write = fields
    .map((text, index) => (index === DAY_OF_MONTH ? '*' : index === DAY_OF_WEEK ? `${named}#${nth}` : text))
    .slice(fields[0] === '0' ? 1 : 0)
  return `the day of month "${fields[DAY_OF_MONTH]}" cannot be read: write the ${['first', 'second', 'third', 'fourth', 'fifth'][nth - 1]} such weekday as "${write.join(' ')}"`
}

const fieldProblem = (fields: string[], index: number, text: string): string => {
  const rule = FIELDS[index]!
  const fix = text
    .split(',')
    .map((part) => shortName(rule, splitRange(rule, part) ?? part))
    .join(',')
  const alone = FIELDS.map((_, other) => (other === index ? fix : '*')).join(' ')
  const works = fix !== text && !('problem' in parseExpression(alone))
  const numbers = rule.names.length > 0 ? `${rule.min}-${rule.max} or names` : `${rule.min}-${rule.max}`
  const isLastWeekday = index === DAY_OF_WEEK && /^L$/i.test(text)
  const write = isLastWeekday
    ? 'write "SAT", or "FRI#L" for the last Friday of the month'
    : works
      ? `write "${fix}"`
      : `it takes ${numbers}, such as ${rule.like}`
  return stepProblem(fields, index) ?? trickProblem(fields) ?? `the ${rule.name} "${text}" cannot be read: ${write}`
}

const FORM =
  'a cron expression has five fields (minute, hour, day of month, month, day of week), or six with the second first, such as "0 8 * * 1-5"'

/** For a weekday number beside `?`: names it in both counts. */
const weekdayProblem = (given: string, text: string): string => {
  const whole = (weekday: string) => given.trim().split(/\s+/).slice(0, -1).concat(weekday).join(' ')
  const [asCron, asQuartz] = [namedWeekdays(text, 0), namedWeekdays(text, 1)]
  const readings = [
    ...(asCron ? [`"${whole(asCron)}" (${text} as cron counts, from Sunday = 0)`] : []),
    ...(asQuartz && asQuartz !== asCron
      ? [`"${whole(asQuartz)}" (${text} as Quartz and AWS count, from Sunday = 1)`]
      : []),
  ]
  return `the day of week "${text}" means different days to different readers beside "?": write ${readings.join(' or ') || 'names, such as "MON-FRI"'}`
}

const problemOf = (given: string, found: ParseProblem): string => {
  const fields = fieldsOf(given)
  switch (found.problem) {
    case 'count':
      return `"${given}" has ${found.count === 1 ? 'one field' : `${found.count} fields`}: ${FORM}`
    case 'field':
      return fieldProblem(fields, found.index, found.text)
    case 'question mark': {
      const text = fields[found.index]!
      const isDay = found.index === DAY_OF_MONTH || found.index === DAY_OF_WEEK
      return `the ${FIELDS[found.index]!.name} "${text}" cannot be read: ${isDay ? '"?" stands alone; write a value or "*"' : '"?" stands for the day of month or the day of week only; write "*"'}`
    }
    case 'two question marks':
      return `"${given}" has "?" in both day fields: it stands for one of them; write "*" in the other`
    case 'weekday numbers':
      return weekdayProblem(given, found.text)
  }
}

/**
 * What is wrong with a cron expression and what to write instead, as the end of a sentence; null when it can be read and has a due time
 * after `local`. With `local` null it need not have one.
 */
export const cronProblem = (expression: string, local: number | null): string | null => {
  const given = expression.trim()
  const read = readCron(given)
  if (!read) {
    const parsed = parseExpression(given)
    if (!('problem' in parsed)) throw new Error(`"${given}" is read and is not`)
    return foreignForm(given, parsed) ?? problemOf(given, parsed)
  }
  if (local === null || nextLocal(read.cron, local) !== null) return null
  return `"${given}" never fires: no year has such a date; change the day of month, the month or the day of week`
}
