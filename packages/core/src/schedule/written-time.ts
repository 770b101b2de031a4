import { HOUR, MINUTE, SECOND } from '../clock.ts'
import { firstInstant, LAST_TIME, utcText } from './local-time.ts'

// Reads every time that a client gives: one-time expressions and all time fields of the API.

/** A time as written, rounded up to the millisecond: an instant when it has an offset, otherwise a local time of a zone that is given elsewhere. */
export type WrittenTime = { kind: 'instant'; at: number } | { kind: 'local'; local: number }

const DATE = /^([+-]?\d{4,6})-(\d\d?)-(\d\d?)/
const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt]| )(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?: ?([Zz])| ?([+\-\u2212])(\d\d)(?::?(\d\d))?)?$/

const like = (text: string) => `write a date and a time in ISO 8601, such as "${text}"`
const LIKE = like('2030-01-31T08:00:00Z')

const daysIn = (year: number, month: number) => new Date(Date.UTC(year, month, 0)).getUTCDate()
const pad = (value: number) => String(value).padStart(2, '0')

type Parts = { year: number; month: number; day: number; hour: number; minute: number; second: number }

/** What is wrong with the numbers of a well-formed time; null when nothing is. */
const partsProblem = (text: string, { year, month, day, hour, minute, second }: Parts): string | null => {
  if (month < 1 || month > 12) return `has month ${month}: a year has 12`
  if (day < 1 || day > daysIn(year, month))
    return `has day ${day}: ${year}-${pad(month)} has ${daysIn(year, month)} days`
  if (hour === 24 && minute === 0 && second === 0) {
    const next = new Date(Date.UTC(year, month - 1, day + 1)).toISOString().slice(0, 10)
    return `has the hour 24: write "${next}${text.slice(10, 11)}00${text.slice(13)}"`
  }
  if (hour > 23) return `has hour ${hour}: a day has the hours 0 to 23`
  if (minute > 59) return `has minute ${minute}: an hour has the minutes 0 to 59`
  return second > 59 ? `has second ${second}: a minute has the seconds 0 to 59, and leap seconds are not counted` : null
}

/** Why a text does not have the form of a time, as exactly as can be told. */
const formProblem = (text: string): string => {
  if (/^\d{9,13}$/.test(text))
    return `is a number: write it as a time, "${utcText(Math.min(Number(text) * (text.length > 11 ? 1 : SECOND), LAST_TIME))}"`
  if (/ \d\d:?\d\d$/.test(text) && ISO.test(text.replace(/ (?=\d\d:?\d\d$)/, '+')))
    return `has no sign before its offset: write + (in a URL as %2B) or -`
  const withoutName = text.replace(/\s*\[[^\]]*\]$/, '')
  if (withoutName !== text && ISO.test(withoutName))
    return `names a time zone in brackets: leave them out and write "${withoutName}"`
  const named = /^(.*\d)\s*([A-Za-z]{2,5}|[A-Za-z]+\/\S+)$/.exec(text)
  if (named && ISO.test(named[1]!))
    return `names a time zone: write ${/^(?:UTC|GMT|UCT)$/i.test(named[2]!) ? `"${named[1]!}Z"` : `an offset, such as "${named[1]!}+01:00"`}`
  if (/^\d{4}-\d\d-\d\d$/.test(text)) return `is not a time: ${like(`${text}T08:00:00Z`)}`
  const date = DATE.exec(text)
  if (date && (date[1]!.length !== 4 || date[2]!.length !== 2 || date[3]!.length !== 2))
    return `is not a time: write the year with four digits, month and day with two, such as "2030-01-31T08:00:00Z"`
  return `is not a time: ${LIKE}`
}

/** No time is longer. Longer texts are refused before the patterns that explain mistakes run over them. */
const MAX_LENGTH = 100

/** Reads ISO 8601. `problem` is the end of a sentence that begins with the text. */
export const readTime = (given: string): WrittenTime | { problem: string } => {
  const text = given.length > MAX_LENGTH ? '' : given.trim()
  const found = ISO.exec(text)
  if (!found) return { problem: formProblem(text) }
  const part = (index: number) => Number(found[index] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  const problem = partsProblem(text, { year, month, day, hour, minute, second })
  if (problem) return { problem }
  const fraction = found[7] ?? ''
  const ms = Number(fraction.slice(0, 3).padEnd(3, '0')) + (/[1-9]/.test(fraction.slice(3)) ? 1 : 0)
  const local = Date.UTC(year, month - 1, day, hour, minute, second) + ms
  const [hours, minutes] = [part(10), part(11)]
  if (hours > 23 || minutes > 59)
    return { problem: `has the offset ${found[9]}${found[10]}:${found[11] ?? '00'}: an offset has less than 24 hours` }
  const offset = (hours * HOUR + minutes * MINUTE) * (found[9] === '+' ? 1 : -1)
  const isLocal = !found[8] && !found[9]
  const at = isLocal ? local : local - offset
  if (year < 1970 || at < 0 || at > LAST_TIME) return { problem: 'must lie between the years 1970 and 9999' }
  return isLocal ? { kind: 'local', local } : { kind: 'instant', at }
}

/** As `readTime`, for a stored text; null when it is not a time. */
export const parseTime = (text: string): WrittenTime | null => {
  const read = readTime(text)
  return 'problem' in read ? null : read
}

const toSecond = (at: number) => Math.ceil(at / SECOND) * SECOND

/**
 * The instant of a stored one-time expression, a whole second. When it was stored, its local time existed exactly once. Should newer time zone
 * data disagree, it runs as a fixed cron does: right after the gap, or at the first of two instants.
 */
export const oneTimeInstant = (written: WrittenTime, zone: string): number =>
  written.kind === 'instant' ? toSecond(written.at) : firstInstant(zone, toSecond(written.local)).at
