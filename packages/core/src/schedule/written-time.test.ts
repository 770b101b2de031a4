import { describe, expect, it } from 'vitest'
import { oneTimeInstant, parseTime, readTime } from './written-time.ts'

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
    ['2026-07-01T08:00:00.0000001Z', '2026-07-01T08:00:00.001Z'],
    ['2026-12-31T23:59:59,5Z', '2026-12-31T23:59:59.500Z'],
    ['2027-12-01T08:00+01:00', '2027-12-01T07:00:00.000Z'],
    ['2027-12-01 08:00:00Z', '2027-12-01T08:00:00.000Z'],
    ['2027-12-01T08:00:00+0100', '2027-12-01T07:00:00.000Z'],
    ['2027-12-01t08:00z', '2027-12-01T08:00:00.000Z'],
    ['2027-12-01 08:00:00 +0100', '2027-12-01T07:00:00.000Z'],
    ['2027-12-01 08:00+01', '2027-12-01T07:00:00.000Z'],
    ['2027-12-01T08:00:00\u221201:00', '2027-12-01T09:00:00.000Z'],
    [' 2027-12-01T08:00:00Z ', '2027-12-01T08:00:00.000Z'],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
  ])('reads %s as an instant', (text, expected) => {
    const written = parseTime(text)
    expect(written?.kind === 'instant' && new Date(written.at).toISOString()).toBe(expected)
  })

  it('reads a time without an offset as a wall clock', () => {
    expect(parseTime('2026-07-01T08:00:00.5')).toEqual({ kind: 'local', local: Date.UTC(2026, 6, 1, 8, 0, 0, 500) })
  })

  it.each([
    '',
    'now',
    '2026-07-01',
    '08:00',
    '2026-02-29T08:00:00Z',
    '2026-13-01T08:00:00Z',
    '2026-07-01T24:00:00Z',
    '2026-07-01T08:60:00Z',
    '2026-07-01T08:00:60Z',
    '1969-12-31T23:59:59Z',
    '2026-07-01T08:00:00+24:00',
    '2026-07-01T08:00:00 Europe/Lisbon',
    '1780000000',
  ])('does not read "%s"', (text) => expect(parseTime(text)).toBeNull())
})

describe('what is not a time is refused with what to write', () => {
  it.each([
    ['2027-02-30T08:00:00Z', 'has day 30: 2027-02 has 28 days'],
    ['2026-02-29T08:00', 'has day 29: 2026-02 has 28 days'],
    ['2027-13-01T08:00:00Z', 'has month 13: a year has 12'],
    ['2027-00-01T08:00:00Z', 'has month 0: a year has 12'],
    ['2027-07-31T24:00:00Z', 'has the hour 24: write "2027-08-01T00:00:00Z"'],
    ['2027-12-31 24:00+01', 'has the hour 24: write "2028-01-01 00:00+01"'],
    ['2027-07-31T24:00:01Z', 'has hour 24: a day has the hours 0 to 23'],
    ['2027-07-01T08:60:00Z', 'has minute 60: an hour has the minutes 0 to 59'],
    ['2027-06-30T23:59:60Z', 'has second 60: a minute has the seconds 0 to 59, and leap seconds are not counted'],
    ['2027-07-01T08:00:00+24:00', 'has the offset +24:00: an offset has less than 24 hours'],
    ['2027-07-01T08:00:00 01:00', 'has no sign before its offset: write + (in a URL as %2B) or -'],
    [
      '2027-07-01T08:00:00[Europe/Lisbon]',
      'names a time zone in brackets: leave them out and write "2027-07-01T08:00:00"',
    ],
    ['2027-07-01 08:00:00 UTC', 'names a time zone: write "2027-07-01 08:00:00Z"'],
    ['2027-07-01 08:00 CET', 'names a time zone: write an offset, such as "2027-07-01 08:00+01:00"'],
    ['1780000000', 'is a number: write it as a time, "2026-05-28T20:26:40Z"'],
    ['1780000000000', 'is a number: write it as a time, "2026-05-28T20:26:40Z"'],
    ['2027-07-01', 'is not a time: write a date and a time in ISO 8601, such as "2027-07-01T08:00:00Z"'],
    [
      '2027-7-1T08:00:00Z',
      'is not a time: write the year with four digits, month and day with two, such as "2030-01-31T08:00:00Z"',
    ],
    ['01/07/2027 08:00', 'is not a time: write a date and a time in ISO 8601, such as "2030-01-31T08:00:00Z"'],
    ['tomorrow', 'is not a time: write a date and a time in ISO 8601, such as "2030-01-31T08:00:00Z"'],
    ['1970-01-01T00:30:00+01:00', 'must lie between the years 1970 and 9999'],
    ['9999-12-31T23:59:59-01:00', 'must lie between the years 1970 and 9999'],
    ['9999-12-31T23:59:59.5Z', 'must lie between the years 1970 and 9999'],
  ])('%s %s', (text, problem) => {
    expect(readTime(text)).toEqual({ problem })
  })

  // A pattern that backtracks over these would run for minutes.
  it.each([
    ['a time before a million spaces', `2027-01-01T08:00:00${' '.repeat(1_000_000)}x`],
    ['a million digits and letters', '1a'.repeat(500_000)],
    ['a million digits', '1'.repeat(1_000_000)],
    ['a hundred thousand offsets', ' 00:00'.repeat(100_000)],
  ])('%s is refused at once', (_, text) => {
    expect(readTime(text)).toEqual({
      problem: 'is not a time: write a date and a time in ISO 8601, such as "2030-01-31T08:00:00Z"',
    })
  })
})

describe('oneTimeInstant', () => {
  it.each([
    ['2026-07-01T08:00', '2026-07-01T07:00:00.000Z'],
    ['2026-03-29T01:30', '2026-03-29T01:00:00.000Z'],
    ['2026-10-25T01:30', '2026-10-25T00:30:00.000Z'],
    ['2026-07-01T08:00:00.001', '2026-07-01T07:00:01.000Z'],
    ['2026-07-01T08:00:00.001Z', '2026-07-01T08:00:01.000Z'],
  ])('%s in Lisbon is %s', (text, expected) => {
    expect(new Date(oneTimeInstant(parseTime(text)!, 'Europe/Lisbon')).toISOString()).toBe(expected)
  })
})
