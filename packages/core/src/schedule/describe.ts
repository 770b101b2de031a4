import { DAY } from '../clock.ts'
import { cronFields, cronWords, fieldValues, unevenSteps } from './cron-words.ts'
import type { CronFieldName } from './cron-words.ts'
import { nextLocal } from './cron-calendar.ts'
import { parseCron } from './cron-pattern.ts'
import type { Cron } from './cron-pattern.ts'
import { parseInterval } from './interval.ts'
import type { Interval } from './interval.ts'
import { localOf, localText, transitionsBetween, utcText } from './local-time.ts'
import { parseTime, oneTimeInstant } from './one-time.ts'
import type { Plan } from './plan.ts'

export type Described = Pick<Plan, 'schedule_type' | 'schedule_expr' | 'timezone'> & Partial<Pick<Plan, 'start_at' | 'end_at' | 'jitter'>>
export type Description = {
  /** The schedule in words. */
  description: string
  /** What a user might not expect of it, each a sentence. */
  warnings: string[]
}

const UNITS = { s: 'second', m: 'minute', h: 'hour', d: 'day' } as const

const intervalWords = ({ count, unit }: Interval): string => {
  const every = count === 1 ? `Every ${UNITS[unit]}` : `Every ${count} ${UNITS[unit]}s`
  // A day of an interval is elapsed time: it moves against the clock when that is set.
  return unit === 'd' ? `${every} (${count * 24} hours)` : every
}

const spoken = (text: string) => text.replace('T', ' at ')

const mainWords = ({ schedule_type, schedule_expr, timezone }: Described): string => {
  if (schedule_type === 'interval') {
    const interval = parseInterval(schedule_expr)
    return interval ? intervalWords(interval) : `Every ${schedule_expr}`
  }
  if (schedule_type === 'one-time') {
    const written = parseTime(schedule_expr)
    if (!written) return `Once: ${schedule_expr}`
    return `Once, on ${spoken(localText(localOf(timezone, oneTimeInstant(written, timezone))))} (${timezone})`
  }
  try {
    return `${cronWords(schedule_expr)} (${timezone})`
  } catch {
    return `Cron ${schedule_expr} (${timezone})` // cronstrue knows less than croner; the expression itself was checked
  }
}

const boundWords = ({ schedule_type, start_at, end_at, jitter }: Described): string => {
  if (schedule_type === 'one-time') return jitter ? `, up to ${jitter} s later` : ''
  return [
    start_at ? `, from ${spoken(utcText(start_at.getTime()))}` : '',
    end_at ? `, until ${spoken(utcText(end_at.getTime()))}` : '',
    jitter ? `, each up to ${jitter} s later` : '',
  ].join('')
}

const inGap = (cron: Cron, zone: string, from: string, to: string): string =>
  cron.fixed
    ? `The clock of ${zone} goes from ${spoken(from)} to ${to.slice(11)}: the time in between runs at ${to.slice(11)}.`
    : `The clock of ${zone} goes from ${spoken(from)} to ${to.slice(11)}: times in between do not run that day.`
const inRepeat = (cron: Cron, zone: string, from: string, to: string): string =>
  cron.fixed
    ? `The clock of ${zone} goes back from ${spoken(from)} to ${to.slice(11)}: a time that comes twice runs at its first.`
    : `The clock of ${zone} goes back from ${spoken(from)} to ${to.slice(11)}: times that come twice run twice.`

/** The changes of the clock within a year that touch the schedule. One that runs in every hour goes on through them evenly. */
const clockWarnings = (cron: Cron, zone: string, now: Date): string[] => {
  if (cron.hours.values.length === 24) return []
  return transitionsBetween(zone, now.getTime(), now.getTime() + 366 * DAY).flatMap(({ at, before, after }) => {
    const [low, high] = [at + Math.min(before, after), at + Math.max(before, after)]
    const touched = nextLocal(cron, low)
    if (touched === null || touched >= high) return []
    const [from, to] = [localText(at + before), localText(at + after)]
    return [after > before ? inGap(cron, zone, from, to) : inRepeat(cron, zone, from, to)]
  })
}

const EITHER =
  'Day of month and day of week are both given: it runs when either matches. Write + before the day of week for both, as in "0 8 1 * +MON".'
const WHOLE: Record<CronFieldName, string> = { second: 'minute', minute: 'hour', hour: 'day', 'day of month': 'month', month: 'year', 'day of week': 'week' }

const cronWarnings = (expression: string, zone: string, now: Date): string[] => {
  const fields = cronFields(expression)
  const cron = parseCron(expression)
  const local = localOf(zone, now.getTime())
  if (nextLocal(cron, local) === null) return ['It never fires: no year has such a date.']

  const steps = unevenSteps(fields).map(({ name, text, index }) => {
    const values = fieldValues(fields, index)
    const list = values.length > 6 ? `${values.slice(0, 3).join(', ')}, … ${values.at(-1)}` : values.join(', ')
    return `"${text}" is not an even step: it means ${name} ${list}, and starts again with every ${WHOLE[name]}.`
  })
  const either = cron.either ? [EITHER] : []
  const dates = fields.fields[3] === '*' || /[LW]/i.test(fields.fields[3]!) || cron.either ? [] : fieldValues(fields, 3)
  const short = dates.length > 0 && dates.every((date) => date > 28) ? [`It skips the months that have no day ${dates[0]}.`] : []
  return [...steps, ...either, ...short, ...clockWarnings(cron, zone, now)]
}

/** The schedule in words. For a plan that has been checked. */
export const descriptionOf = (plan: Described): string => `${mainWords(plan)}${boundWords(plan)}`

/** The schedule in words, and what to know about it from `now` on; one that never fires is described too. */
export const describe = (plan: Described, now: Date): Description => ({
  description: descriptionOf(plan),
  warnings: plan.schedule_type === 'cron' ? cronWarnings(plan.schedule_expr, plan.timezone, now) : [],
})
