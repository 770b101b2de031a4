import { nextLocal } from './cron-calendar.ts'
import { parseCron } from './cron-pattern.ts'
import type { Cron } from './cron-pattern.ts'

type FieldRule = { name: string; min: number; max: number; like: string; names: string[] }
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const SECOND: FieldRule = { name: 'second', min: 0, max: 59, like: '0, 0,30, 10-20 or */15', names: [] }
const FIELDS: FieldRule[] = [
  { name: 'minute', min: 0, max: 59, like: '0, 0,30, 10-20 or */15', names: [] },
  { name: 'hour', min: 0, max: 23, like: '8, 8,20, 9-17 or */2', names: [] },
  { name: 'day of month', min: 1, max: 31, like: '1, 1,15, 1-7, L (the last day) or 15W (the weekday nearest the 15th)', names: [] },
  { name: 'month', min: 1, max: 12, like: '1, JAN, 1,7, 6-8 or */3', names: MONTHS },
  { name: 'day of week', min: 0, max: 7, like: 'MON, 1-5, MON,THU, MON#2 (the second Monday) or 5L (the last Friday)', names: WEEKDAYS },
]

const NICKNAMES = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually']

const tryParse = (expression: string): Cron | null => {
  try {
    return parseCron(expression)
  } catch {
    return null
  }
}
const reads = (expression: string): boolean => tryParse(expression) !== null

/** `22-2` runs over the end of its field: the same as two ranges. */
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

const fieldProblem = (rule: FieldRule, text: string): string => {
  const fix = text
    .split(',')
    .map((part) => {
      const step = /^(\d+)\/(\d+)$/.exec(part)
      return step ? `${step[1]}-${rule.names === WEEKDAYS ? 6 : rule.max}/${step[2]}` : (splitRange(rule, part) ?? part)
    })
    .join(',')
  const position = FIELDS.indexOf(rule)
  const alone = ['0', '*', '*', '*', '*', '*'].map((star, index) => (index === position + 1 ? fix : star)).join(' ')
  const works = fix !== text && reads(alone)
  const numbers = rule.names.length > 0 ? `${rule.min}-${rule.max} or names` : `${rule.min}-${rule.max}`
  const write = works ? `write "${fix}"` : `it takes ${numbers}, such as ${rule.like}`
  return `the ${rule.name} "${text}" cannot be read: ${write}`
}

/**
 * What is wrong with a cron expression and what to write instead, as the end of a sentence; null when it can be read and fires some day
 * after `local` (null: it need not).
 */
export const cronProblem = (expression: string, local: number | null): string | null => {
  const given = expression.trim()
  if (given.startsWith('@')) {
    if (NICKNAMES.includes(given.toLowerCase())) return null
    const isEvery = /^@every\b/i.test(given)
    return `"${given}" is ${isEvery ? 'an interval: set schedule_type to "interval" and write it like "15m"' : `not one of ${NICKNAMES.join(', ')}`}`
  }
  const fields = given.split(/\s+/)
  const wanted = 'a cron expression has five fields (minute, hour, day of month, month, day of week), or six with the second first, such as "0 8 * * 1-5"'
  if (fields.length === 7) return `"${given}" has seven fields: leave the year out and bound the schedule with start_at and end_at`
  if (fields.length < 5 || fields.length > 6) return `"${given}" has ${fields.length === 1 ? 'one field' : `${fields.length} fields`}: ${wanted}`

  const cron = tryParse(given)
  if (!cron) {
    const rules = fields.length === 6 ? [SECOND, ...FIELDS] : FIELDS
    const readsAlone = (index: number) => reads(rules.map((_, other) => (other === index ? fields[index] : '*')).join(' '))
    const broken = rules.findIndex((_, index) => !readsAlone(index))
    return broken < 0 ? `"${given}" cannot be read: ${wanted}` : fieldProblem(rules[broken]!, fields[broken]!)
  }
  if (local === null || nextLocal(cron, local) !== null) return null
  return `"${given}" never fires: no year has such a date; change the day of month, the month or the day of week`
}
