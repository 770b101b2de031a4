import { describe, expect, it } from 'vitest'
import { oneTimeInstant, parseTime } from './one-time.ts'

describe('parseTime', () => {
  it.each([
    ['2026-07-01T08:00:00Z', '2026-07-01T08:00:00.000Z'],
    ['2026-07-01t08:00:00z', '2026-07-01T08:00:00.000Z'],
    ['2026-07-01 08:00:00Z', '2026-07-01T08:00:00.000Z'],
    ['2026-07-01T08:00Z', '2026-07-01T08:00:00.000Z'],
    ['2026-07-01T08:00:00+02:00', '2026-07-01T06:00:00.000Z'],
    ['2026-07-01T08:00:00-0330', '2026-07-01T11:30:00.000Z'],
    ['2026-07-01T08:00:00+05', '2026-07-01T03:00:00.000Z'],
    ['2026-07-01T08:00:00.000000Z', '2026-07-01T08:00:00.000Z'],
    ['2026-07-01T08:00:00.0000001Z', '2026-07-01T08:00:01.000Z'],
    ['2026-12-31T23:59:59,5Z', '2027-01-01T00:00:00.000Z'],
  ])('reads %s as an instant', (text, expected) => {
    const written = parseTime(text)
    expect(written?.kind === 'instant' && new Date(written.at).toISOString()).toBe(expected)
  })

  it('reads a time without an offset as a wall clock', () => {
    expect(parseTime('2026-07-01T08:00:00.5')).toEqual({ kind: 'local', local: Date.UTC(2026, 6, 1, 8, 0, 1) })
  })

  it.each(['', 'now', '2026-07-01', '08:00', '2026-02-29T08:00:00Z', '2026-13-01T08:00:00Z', '2026-07-01T24:00:00Z', '2026-07-01T08:60:00Z', '2026-07-01T08:00:60Z', '1969-12-31T23:59:59Z', '2026-07-01T08:00:00+24:00', '2026-07-01T08:00:00 Europe/Lisbon', '1780000000'])(
    'does not read "%s"',
    (text) => expect(parseTime(text)).toBeNull(),
  )
})

describe('oneTimeInstant', () => {
  it.each([
    ['2026-07-01T08:00', '2026-07-01T07:00:00.000Z'],
    ['2026-03-29T01:30', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25T01:30', '2026-10-25T00:30:00.000Z'],
  ])('%s in Lisbon is %s', (text, expected) => {
    expect(new Date(oneTimeInstant(parseTime(text)!, 'Europe/Lisbon')).toISOString()).toBe(expected)
  })
})
