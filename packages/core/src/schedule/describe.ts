// Describes whole schedules of every type. cron/words.ts makes the part of it that says a cron expression in words.

import { makeBoundedMap } from '../bounded-map.ts'
import { DAY } from '../clock.ts'
import { isReadByOldOnly } from './cron/old-reader.ts'
import type { ReadCron } from './cron/pattern.ts'
import { readCron } from './cron/pattern.ts'
import { cronWarnings } from './cron/warnings.ts'
import { cronWords } from './cron/words.ts'
import type { Interval } from './interval.ts'
import { parseInterval } from './interval.ts'
import { localOf, localText, utcText } from './local-time.ts'
import type { Plan } from './plan.ts'
import { oneTimeInstant, parseTime } from './written-time.ts'

export type Described = Pick<Plan, 'schedule_type' | 'schedule_expr' | 'timezone' | 'read'> &
  Partial<Pick<Plan, 'start_at' | 'end_at' | 'jitter'>>
export type Description = {
  /** The schedule in words. */
  description: string
  /** What may surprise a user, each a sentence. */
  warnings: string[]
}

const UNITS = { s: 'second', m: 'minute', h: 'hour', d: 'day' } as const

const intervalWords = ({ count, unit }: Interval): string => {
  const every = count === 1 ? `Every ${UNITS[unit]}` : `Every ${count} ${UNITS[unit]}s`
  // A day of an interval is elapsed time: its local time moves when daylight saving begins or ends.
  return unit === 'd' ? `${every} (${count * 24} hours)` : every
}

const spoken = (text: string) => text.replace('T', ' at ')

/** Null for what only the old reader accepts: the warning stored with the schedule explains it. */
const readToday = ({ schedule_expr, read }: Described): ReadCron | null =>
  read !== 'today' && isReadByOldOnly(schedule_expr) ? null : readCron(schedule_expr)

const mainWords = (plan: Described): string => {
  const { schedule_type, schedule_expr, timezone } = plan
  if (schedule_type === 'interval') {
    const interval = parseInterval(schedule_expr)
    return interval ? intervalWords(interval) : `Every ${schedule_expr}`
  }
  if (schedule_type === 'one-time') {
    const written = parseTime(schedule_expr)
    if (!written) return `Once: ${schedule_expr}`
    return `Once, on ${spoken(localText(localOf(timezone, oneTimeInstant(written, timezone))))} (${timezone})`
  }
  const read = readToday(plan)
  return read
    ? `${wordsOf(schedule_expr, read)} (${timezone})`
    : `Cron "${schedule_expr}", read as in an earlier release (${timezone})`
}

/** A list of schedules repeats the same few expressions. */
const words = makeBoundedMap<string, string>(1000)
const wordsOf = (expression: string, read: ReadCron): string =>
  words.getOrMake(expression, () => cronWords(read.parsed))

const boundWords = ({ schedule_type, start_at, end_at, jitter }: Described): string => {
  if (schedule_type === 'one-time') return jitter ? `, up to ${jitter} s later` : ''
  return [
    start_at ? `, from ${spoken(utcText(start_at.getTime()))}` : '',
    end_at ? `, until ${spoken(utcText(end_at.getTime()))}` : '',
    jitter ? `, each up to ${jitter} s later` : '',
  ].join('')
}

/** The schedule in words; the plan must be valid. */
export const descriptionOf = (plan: Described): string => `${mainWords(plan)}${boundWords(plan)}`

/** For intervals of days, which are elapsed time. */
export const DAY_NOTE =
  'where the clock is set for daylight saving, it moves by an hour; a cron such as "0 8 * * *" stays at its local time'

const intervalWarnings = (expression: string): string[] => {
  const interval = parseInterval(expression)
  return interval && interval.ms % DAY === 0 ? [`"${expression}" is elapsed time: ${DAY_NOTE}.`] : []
}

/** Keyed by day: the changes of the clock that lie ahead are the same all day. */
const ofTheDay = makeBoundedMap<string, string[]>(1000)

/** What may surprise a user about a schedule from `now` on. */
export const warningsOf = (plan: Described, now: Date): string[] => {
  const { schedule_type, schedule_expr, timezone } = plan
  if (schedule_type === 'interval') return intervalWarnings(schedule_expr)
  const read = schedule_type === 'cron' ? readToday(plan) : null
  return read
    ? ofTheDay.getOrMake(`${schedule_expr}|${timezone}|${Math.floor(now.getTime() / DAY)}`, () =>
        cronWarnings(schedule_expr, read, timezone, now),
      )
    : []
}

/** Description and warnings; also for a schedule that never fires. */
export const describe = (plan: Described, now: Date): Description => ({
  description: descriptionOf(plan),
  warnings: warningsOf(plan, now),
})
