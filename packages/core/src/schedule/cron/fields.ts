// The fields of a cron expression: their names, ranges and the names of their values. The one list of nicknames is here too.

export type FieldName = 'second' | 'minute' | 'hour' | 'day of month' | 'month' | 'day of week'

export type FieldRule = {
  name: FieldName
  min: number
  max: number
  /** How many different values there are: 0 and 7 are the same weekday. */
  size: number
  /** Names of its values, the first of which is `first`. */
  names: readonly string[]
  first: number
  /** What may be written, for a sentence. */
  like: string
}

export const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'] as const
export const WEEKDAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const

const none = { names: [], first: 0 }
const sixty = { min: 0, max: 59, size: 60, like: '0, 0,30, 10-20 or */15', ...none }

/** In the order of six fields; five leave the second out. */
export const FIELDS: readonly [FieldRule, FieldRule, FieldRule, FieldRule, FieldRule, FieldRule] = [
  { name: 'second', ...sixty },
  { name: 'minute', ...sixty },
  { name: 'hour', min: 0, max: 23, size: 24, like: '8, 8,20, 9-17 or */2', ...none },
  {
    name: 'day of month',
    min: 1,
    max: 31,
    size: 31,
    like: '1, 1,15, 1-7, L (the last day) or 15W (the weekday nearest the 15th)',
    ...none,
  },
  { name: 'month', min: 1, max: 12, size: 12, like: '1, JAN, 1,7, 6-8 or */3', names: MONTHS, first: 1 },
  {
    name: 'day of week',
    min: 0,
    max: 7,
    size: 7,
    like: 'MON, 1-5, MON,THU, MON#2 (the second Monday) or 5L (the last Friday)',
    names: WEEKDAYS,
    first: 0,
  },
]

export const DAY_OF_MONTH = 3
export const DAY_OF_WEEK = 5

export const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
])
