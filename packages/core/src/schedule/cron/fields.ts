// The fields of a cron expression: their names, ranges and the names of their values.

import type { Unit } from '../interval.ts'

export type FieldName = 'second' | 'minute' | 'hour' | 'day of month' | 'month' | 'day of week'

export type FieldRule = {
  name: FieldName
  min: number
  max: number
  /** How many different values there are: 0 and 7 are the same weekday. */
  size: number
  /** Names of its values; `names[0]` stands for the value `first`. */
  names: readonly string[]
  first: number
  /** Examples of what may be written, for an error sentence. */
  like: string
  /** The unit of an interval in which one step of this field lasts; null where steps differ in length. */
  unit: Unit | null
}

export const MONTH_NAMES = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const
export const WEEKDAY_NAMES = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const

/** As cron writes them: `JAN`. */
const short = (names: readonly string[]): readonly string[] => names.map((name) => name.slice(0, 3).toUpperCase())
export const MONTHS = short(MONTH_NAMES)
export const WEEKDAYS = short(WEEKDAY_NAMES)

const none = { names: [], first: 0 }
const sixty = { min: 0, max: 59, size: 60, like: '0, 0,30, 10-20 or */15', ...none }

/** In the order of six fields; five leave the second out. */
export const FIELDS: readonly [FieldRule, FieldRule, FieldRule, FieldRule, FieldRule, FieldRule] = [
  { name: 'second', unit: 's', ...sixty },
  { name: 'minute', unit: 'm', ...sixty },
  { name: 'hour', unit: 'h', min: 0, max: 23, size: 24, like: '8, 8,20, 9-17 or */2', ...none },
  {
    name: 'day of month',
    unit: 'd',
    min: 1,
    max: 31,
    size: 31,
    like: '1, 1,15, 1-7, L (the last day) or 15W (the weekday nearest the 15th)',
    ...none,
  },
  { name: 'month', unit: null, min: 1, max: 12, size: 12, like: '1, JAN, 1,7, 6-8 or */3', names: MONTHS, first: 1 },
  {
    name: 'day of week',
    unit: null,
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
