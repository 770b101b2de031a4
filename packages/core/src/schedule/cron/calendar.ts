import { DAY, HOUR, MINUTE, SECOND } from '../../clock.ts'
import type { Cron, Field } from './pattern.ts'

// Finds where a cron expression matches on a clock without changes: local times as milliseconds of the same wall clock in UTC. zones.ts makes
// instants of them.

const timeOf = (hour: number, minute: number, second: number) => hour * HOUR + minute * MINUTE + second * SECOND
const first = (field: Field) => field.next[0]!
const last = (field: Field) => field.values.at(-1)!

/** The first matching time of day at or after `time`, -1 when none is left. */
const nextTime = ({ hours, minutes, seconds }: Cron, time: number): number => {
  const [hour, minute, second] = [
    Math.floor(time / HOUR),
    Math.floor((time % HOUR) / MINUTE),
    Math.floor((time % MINUTE) / SECOND),
  ]
  const h = hours.next[hour]!
  if (h === hour) {
    const m = minutes.next[minute]!
    if (m === minute && seconds.next[second] !== -1) return timeOf(h, m, seconds.next[second]!)
    const later = m === minute ? minutes.next[minute + 1]! : m
    if (later !== -1) return timeOf(h, later, first(seconds))
  }
  const later = h === hour ? hours.next[hour + 1]! : h
  return later === -1 ? -1 : timeOf(later, first(minutes), first(seconds))
}

/** The last matching time of day at or before `time`, -1 when there is none. */
const previousTime = ({ hours, minutes, seconds }: Cron, time: number): number => {
  const [hour, minute, second] = [
    Math.floor(time / HOUR),
    Math.floor((time % HOUR) / MINUTE),
    Math.floor((time % MINUTE) / SECOND),
  ]
  const h = hours.previous[hour]!
  if (h === hour) {
    const m = minutes.previous[minute]!
    if (m === minute && seconds.previous[second] !== -1) return timeOf(h, m, seconds.previous[second]!)
    const earlier = m === minute ? (minute > 0 ? minutes.previous[minute - 1]! : -1) : m
    if (earlier !== -1) return timeOf(h, earlier, last(seconds))
  }
  const earlier = h === hour ? (hour > 0 ? hours.previous[hour - 1]! : -1) : h
  return earlier === -1 ? -1 : timeOf(earlier, last(minutes), last(seconds))
}

// 29 February falls on every weekday within 40 years, also across 2100: what has not matched by then never does.
const SEARCH_MONTHS = 41 * 12

const dayStart = (local: number) => Math.floor(local / DAY) * DAY

/** The start of the first matching day at or after the day that starts at `from`. */
const nextDay = (cron: Cron, from: number): number | null => {
  const date = new Date(from)
  let [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  let mask = (cron.days(year, month) >>> (date.getUTCDate() - 1)) << (date.getUTCDate() - 1)
  for (let months = 0; months <= SEARCH_MONTHS; months++) {
    if (mask !== 0) return Date.UTC(year, month, 32 - Math.clz32(mask & -mask))
    if (++month === 12) [year, month] = [year + 1, 0]
    mask = cron.days(year, month)
  }
  return null
}

const previousDay = (cron: Cron, from: number): number | null => {
  const date = new Date(from)
  let [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
  let mask = cron.days(year, month) & (2 ** date.getUTCDate() - 1)
  for (let months = 0; months <= SEARCH_MONTHS; months++) {
    if (mask !== 0) return Date.UTC(year, month, 32 - Math.clz32(mask))
    if (--month === -1) [year, month] = [year - 1, 11]
    mask = cron.days(year, month)
  }
  return null
}

/** The first local time at or after `local` that matches; null when there is none in 41 years. */
export const nextLocal = (cron: Cron, local: number): number | null => {
  const today = dayStart(local)
  const day = nextDay(cron, today)
  if (day === null) return null
  if (day > today) return day + nextTime(cron, 0)
  const time = nextTime(cron, local - today)
  if (time !== -1) return today + time
  const later = nextDay(cron, today + DAY)
  return later === null ? null : later + nextTime(cron, 0)
}

/** The last local time at or before `local` that matches; null when there is none in 41 years. */
export const previousLocal = (cron: Cron, local: number): number | null => {
  const today = dayStart(local)
  const day = previousDay(cron, today)
  if (day === null) return null
  if (day < today) return day + previousTime(cron, DAY - SECOND)
  const time = previousTime(cron, local - today)
  if (time !== -1) return today + time
  const earlier = previousDay(cron, today - DAY)
  return earlier === null ? null : earlier + previousTime(cron, DAY - SECOND)
}

/** How many matching times of day lie before `time`. */
const timesBefore = ({ hours, minutes, seconds }: Cron, time: number): number => {
  const [hour, minute, second] = [
    Math.floor(time / HOUR),
    Math.floor((time % HOUR) / MINUTE),
    Math.floor((time % MINUTE) / SECOND),
  ]
  const inMinute = minutes.below[minute + 1]! > minutes.below[minute]! ? seconds.below[second]! : 0
  const inHour =
    hours.below[hour + 1]! > hours.below[hour]! ? minutes.below[minute]! * seconds.values.length + inMinute : 0
  return hours.below[hour]! * minutes.values.length * seconds.values.length + inHour
}

/** How many local times in [from, to) match. The count may stop anywhere above `cap`. */
export const countLocal = (cron: Cron, from: number, to: number, cap: number): number => {
  const perDay = cron.hours.values.length * cron.minutes.values.length * cron.seconds.values.length
  let count = 0
  for (
    let day = nextDay(cron, dayStart(from));
    day !== null && day < to && count <= cap;
    day = nextDay(cron, day + DAY)
  ) {
    count += to - day < DAY ? timesBefore(cron, to - day) : perDay
    if (day < from) count -= timesBefore(cron, from - day)
  }
  return count
}
