import { makeBoundedMap } from '../bounded-map.ts'
import { SECOND } from '../clock.ts'
import { isReadByOldOnly, readOldCron } from './cron/old-reader.ts'
import type { Cron } from './cron/pattern.ts'
import { readCron } from './cron/pattern.ts'
import { countCron, nextCron, previousCron } from './cron/zones.ts'
import { countInterval, nextInterval, parseInterval, previousInterval } from './interval.ts'
import { LAST_TIME } from './local-time.ts'
import { oneTimeInstant, parseTime } from './written-time.ts'

export const SCHEDULE_TYPES = ['cron', 'interval', 'one-time'] as const
export type ScheduleType = (typeof SCHEDULE_TYPES)[number]

/** Exactly the fields that decide the times of a schedule. */
export type Plan = {
  schedule_type: ScheduleType
  schedule_expr: string
  timezone: string
  /** Where an interval counts from: `start_at`, else the second in which type or expression last changed. */
  anchor: Date
  /** No due time before it (inclusive). */
  start_at: Date | null
  /** No due time at or after it. */
  end_at: Date | null
  /** Seconds. */
  jitter: number
  /** The schedule's id. It seeds the jitter, so that a due time has the same jitter on every worker and at any time. */
  seed: string
  /** Which reader reads a cron: that of earlier releases, or only today's. Left out: today's, or the old one for what today's refuses. */
  read?: 'old' | 'today'
}

/** Due times without bounds, in milliseconds. All are whole seconds. */
export type Times = {
  next: (after: number) => number | null
  previous: (before: number) => number | null
  /** How many lie in (after, until]. The count may stop anywhere above `cap`. */
  count: (after: number, until: number, cap: number) => number
}

/** An expression that today's reader refuses was stored by an earlier release and keeps its times by the old reader. */
const cronOf = (expression: string, read: Plan['read']): Cron | null => {
  const isOld = read === 'old' || (read !== 'today' && isReadByOldOnly(expression))
  return (isOld ? readOldCron(expression) : null) ?? readCron(expression)?.cron ?? null
}

const cronTimes = (expression: string, zone: string, read: Plan['read']): Times => {
  const cron = cronOf(expression, read)
  if (!cron) throw new Error(`"${expression}" is not a cron expression`)
  return {
    next: (after) => nextCron(cron, zone, after),
    previous: (before) => previousCron(cron, zone, before),
    count: (after, until, cap) => countCron(cron, zone, after, until, cap),
  }
}

const oneTime = (expression: string, zone: string): Times => {
  const written = parseTime(expression)
  if (!written) throw new Error(`"${expression}" is not a time`)
  const at = oneTimeInstant(written, zone)
  return {
    next: (after) => (at > after ? at : null),
    previous: (before) => (at < before ? at : null),
    count: (after, until) => (at > after && at <= until ? 1 : 0),
  }
}

const compiled = makeBoundedMap<string, Times>(1000)

/** The due times of an expression in a zone, made once for all schedules that share both. */
const compile = (type: 'cron' | 'one-time', { schedule_expr, timezone, read }: Plan): Times =>
  compiled.getOrMake(`${type}|${schedule_expr}|${timezone}|${read ?? ''}`, () =>
    type === 'cron' ? cronTimes(schedule_expr, timezone, read) : oneTime(schedule_expr, timezone),
  )

const intervalTimes = (plan: Plan): Times => {
  const interval = parseInterval(plan.schedule_expr)
  if (!interval || interval.ms <= 0) throw new Error(`"${plan.schedule_expr}" is not an interval`)
  // The origin itself is due only when it is `start_at`.
  const least = plan.start_at ? 0 : 1
  const origin = plan.start_at ? ceil(plan.start_at) : Math.floor(plan.anchor.getTime() / SECOND) * SECOND
  return {
    next: (after) => nextInterval(origin, interval.ms, least, after),
    previous: (before) => previousInterval(origin, interval.ms, least, before),
    count: (after, until) => countInterval(origin, interval.ms, least, after, until),
  }
}

const ceil = (at: Date) => Math.ceil(at.getTime() / SECOND) * SECOND

type Bounded = Times & { from: number; to: number }

/** The due times of a plan within its bounds: [from, to). */
const boundedTimes = (plan: Plan): Bounded => {
  const times = plan.schedule_type === 'interval' ? intervalTimes(plan) : compile(plan.schedule_type, plan)
  const from = plan.start_at ? ceil(plan.start_at) : -Infinity
  const to = Math.min(plan.end_at ? ceil(plan.end_at) : Infinity, LAST_TIME + 1)
  return {
    from,
    to,
    next: (after) => {
      const at = times.next(Math.max(after, from - 1))
      if (at !== null && at <= after)
        throw new Error(`The due time ${at} of "${plan.schedule_expr}" is not after ${after}`)
      return at !== null && at < to ? at : null
    },
    previous: (before) => {
      const at = times.previous(Math.min(before, to))
      return at !== null && at >= from ? at : null
    },
    count: (after, until, cap) => times.count(Math.max(after, from - 1), Math.min(until, to - 1), cap),
  }
}

const dateOrNull = (at: number | null): Date | null => (at === null ? null : new Date(at))

/** The first due time after `after`; from the very first one when `after` is null. */
export const nextDue = (plan: Plan, after: Date | null): Date | null =>
  dateOrNull(boundedTimes(plan).next(after?.getTime() ?? -Infinity))

/** The last due time before `before`. */
export const previousDue = (plan: Plan, before: Date): Date | null =>
  dateOrNull(boundedTimes(plan).previous(before.getTime()))

/** The due times in (after, until], oldest first, no more than `limit`. */
export const dueTimesBetween = (plan: Plan, after: Date | null, until: Date, limit: number): Date[] => {
  const times = boundedTimes(plan)
  const found: Date[] = []
  let at = times.next(after?.getTime() ?? -Infinity)
  while (at !== null && at <= until.getTime() && found.length < limit) {
    found.push(new Date(at))
    at = times.next(at)
  }
  return found
}

/** How many due times lie in (after, until]; any number above `cap` means more than `cap`. */
export const countDue = (plan: Plan, after: Date | null, until: Date, cap: number): number =>
  boundedTimes(plan).count(after?.getTime() ?? -Infinity, until.getTime(), cap)

// FNV-1a, then murmur3's final mixing step, so that neighbouring due times get unrelated offsets.
const hash = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** When a due time starts: after its jitter, which is cut before the next due time, so starts keep the order of due times. */
export const startOf = (plan: Plan, due: Date): Date => {
  if (plan.jitter <= 0) return due
  const start = due.getTime() + (hash(`${plan.seed}:${due.getTime() / SECOND}`) % (plan.jitter + 1)) * SECOND
  const next = nextDue(plan, due)
  return new Date(next ? Math.min(start, next.getTime() - SECOND) : start)
}

/** The last due time whose start lies before `before`. */
export const lastStartingBefore = (plan: Plan, before: Date): Date | null => {
  const due = previousDue(plan, before)
  // Only the newest may start later: the one before it starts before this one is due.
  return due && startOf(plan, due) >= before ? previousDue(plan, due) : due
}
