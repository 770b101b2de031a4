import { HOUR, MINUTE, SECOND } from '../clock.ts'
import { firstInstant } from './local-time.ts'

/** A time as it was written: an instant when it has an offset, else a wall clock still to be read in a zone. Whole seconds, rounded up. */
export type WrittenTime = { kind: 'instant'; at: number } | { kind: 'local'; local: number }

const ISO = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?$/

/** Reads ISO 8601; null when it isn't, or when there is no such date or time of day. */
export const parseTime = (text: string): WrittenTime | null => {
  const found = ISO.exec(text.trim())
  if (!found) return null
  const part = (index: number) => Number(found[index] ?? 0)
  const [year, month, day, hour, minute, second] = [part(1), part(2), part(3), part(4), part(5), part(6)]
  const local = Date.UTC(year, month - 1, day, hour, minute, second)
  const date = new Date(local)
  const isDate = year >= 1970 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!isDate || hour > 23 || minute > 59 || second > 59) return null
  const rounded = local + (/[1-9]/.test(found[7] ?? '') ? SECOND : 0)
  if (found[8]) return { kind: 'instant', at: rounded }
  if (!found[9]) return { kind: 'local', local: rounded }
  const [hours, minutes] = [part(10), part(11)]
  if (hours > 23 || minutes > 59) return null
  const offset = hours * HOUR + minutes * MINUTE
  return { kind: 'instant', at: found[9] === '+' ? rounded - offset : rounded + offset }
}

/**
 * The instant of a stored one-time expression. Its local time existed once when it was stored; should a later release of the
 * time zones disagree, it runs where a fixed time of a cron would: after the gap, or at the first of two.
 */
export const oneTimeInstant = (written: WrittenTime, zone: string): number =>
  written.kind === 'instant' ? written.at : firstInstant(zone, written.local).at
