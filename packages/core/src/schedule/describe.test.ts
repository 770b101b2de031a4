import { describe, expect, it } from 'vitest'
import { describe as describePlan, descriptionOf } from './describe.ts'

const now = new Date('2026-06-01T12:00:00Z')
const cron = (schedule_expr: string, timezone = 'UTC') => ({ schedule_type: 'cron' as const, schedule_expr, timezone })

describe('a schedule in words', () => {
  it.each([
    ['* * * * *', 'Every minute'],
    ['*/5 * * * *', 'Every 5 minutes'],
    ['*/25 * * * *', 'At 0, 25 and 50 minutes past the hour'],
    ['0 */5 * * *', 'At 00:00, 05:00, 10:00, 15:00 and 20:00, every day'],
    ['0,30 1 * * *', 'At 01:00 and 01:30, every day'],
    ['*/25 2 * * *', 'At 02:00, 02:25 and 02:50, every day'],
    ['*/15 2,3 * * *', 'Every 15 minutes, between 02:00 and 03:59, every day'],
    ['*/15 2 * * *', 'Every 15 minutes, between 02:00 and 02:59, every day'],
    ['0,30 0 8 * * *', 'At 08:00:00 and 08:00:30, every day'],
    ['0 0,30 8,9 * * *', 'At 08:00, 08:30, 09:00 and 09:30, every day'],
    ['*/60 * * * *', 'Every hour'],
    ['0 */1 * * *', 'Every hour'],
    ['0 8 * * *', 'At 08:00, every day'],
    ['30 8 * * 1-5', 'At 08:30, Monday through Friday'],
    ['15 0 8 * * *', 'At 08:00:15, every day'],
    ['*/10 * * * * *', 'Every 10 seconds'],
    ['0 8 1 * 1', 'At 08:00, on day 1 of the month or on Monday'],
    ['0 8 1 * 1-5', 'At 08:00, on day 1 of the month or Monday through Friday'],
    ['0 8 1 * +MON', 'At 08:00, on day 1 of the month if it is also Monday'],
    ['0 0 L * *', 'At 00:00, on the last day of the month'],
    ['0 0 LW * *', 'At 00:00, on the last weekday of the month'],
    ['0 0 1,15W * *', 'At 00:00, on day 1 of the month and on the weekday nearest day 15 of the month'],
    ['0 0 * * FRI#L', 'At 00:00, on the last Friday of the month'],
    ['0 0 * * MON#2', 'At 00:00, on the second Monday of the month'],
    ['0 0 * * MON#1,FRI', 'At 00:00, on the first Monday of the month and on Friday'],
    ['0 0 1,L * FRI', 'At 00:00, on day 1 of the month and on the last day of the month or on Friday'],
    ['0 0 * * 7', 'At 00:00, only on Sunday'],
    ['0 0 */10 * *', 'At 00:00, on days 1, 11, 21 and 31 of the month'],
    ['0 0 * * */2', 'At 00:00, only on Tuesday, Thursday, Saturday and Sunday'],
    ['0 0 1 */5 *', 'At 00:00, on day 1 of the month, only in January, June and November'],
    ['0 1/3 * * *', 'At 01:00, 04:00, 07:00, 10:00, 13:00, 16:00, 19:00 and 22:00, every day'],
    ['5/15 * * * *', 'At 5, 20, 35 and 50 minutes past the hour'],
    ['0 9 */1 * 1-5', 'At 09:00, Monday through Friday'],
    [
      '0 9 */2 * MON',
      'At 09:00, on days 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month if it is also Monday',
    ],
    ['0 9 1 * */2', 'At 09:00, on day 1 of the month if it is also Tuesday, Thursday, Saturday or Sunday'],
    ['0 9 1-31 * MON', 'At 09:00, every day'],
    ['0 9-17 * * 1-5', 'Every hour, between 09:00 and 17:59, Monday through Friday'],
    [
      '*/5 9-12,14-17 * * MON-FRI',
      'Every 5 minutes, between 09:00 and 12:59 and between 14:00 and 17:59, Monday through Friday',
    ],
    ['0 */2 * * *', 'Every 2 hours from 00:00, every day'],
    [
      '30 */2 * * *',
      'At 30 minutes past the hour, in the hours 00, 02, 04, 06, 08, 10, 12, 14, 16, 18, 20 and 22, every day',
    ],
    ['30 * * * * *', 'At 30 seconds past the minute'],
    ['*/10 0-5 * * * *', 'Every 10 seconds, in minutes 0 to 5 of the hour'],
    ['* * * * * *', 'Every second'],
    ['0 0 * * FRI-SAT,SUN', 'At 00:00, Friday through Sunday'],
    ['0 0 * * FRI-SUN', 'At 00:00, Friday through Sunday'],
    ['0 0 * * SAT-SUN', 'At 00:00, only on Saturday and Sunday'],
    ['0 0 * * MON-SUN', 'At 00:00, every day'],
    ['0 0 * * SUN-MON', 'At 00:00, only on Monday and Sunday'],
    ['0 0 1-7 1-3,DEC *', 'At 00:00, on days 1 to 7 of the month, only in January through March and December'],
    [
      '0 0 1 * +MON#1,FRI#L',
      'At 00:00, on day 1 of the month if it is also the first Monday of the month or the last Friday of the month',
    ],
    ['0 0 * * 1-3#2', 'At 00:00, on the second Monday, Tuesday and Wednesday of the month'],
    ['0 0 ? * MON', 'At 00:00, only on Monday'],
    ['@hourly', 'Every hour'],
    ['@daily', 'At 00:00, every day'],
    ['@weekly', 'At 00:00, only on Sunday'],
    ['@monthly', 'At 00:00, on day 1 of the month'],
    ['@yearly', 'At 00:00, on day 1 of the month, only in January'],
  ])('"%s": %s', (expression, words) => {
    expect(descriptionOf(cron(expression))).toBe(`${words} (UTC)`)
  })

  it.each([
    ['1m', 'Every minute'],
    ['15M', 'Every 15 minutes'],
    ['90s', 'Every 90 seconds'],
    ['1h', 'Every hour'],
    ['1d', 'Every day (24 hours)'],
    ['7d', 'Every 7 days (168 hours)'],
  ])('%s: %s', (schedule_expr, words) => {
    expect(descriptionOf({ schedule_type: 'interval', schedule_expr, timezone: 'UTC' })).toBe(words)
  })

  it('tells one time by the clock of its zone, and the bounds', () => {
    expect(
      descriptionOf({ schedule_type: 'one-time', schedule_expr: '2026-07-01T07:00:00Z', timezone: 'Europe/Lisbon' }),
    ).toBe('Once, on 2026-07-01 at 08:00:00 (Europe/Lisbon)')
    expect(
      descriptionOf({ schedule_type: 'one-time', schedule_expr: '2026-07-01T08:00', timezone: 'Europe/Lisbon' }),
    ).toBe('Once, on 2026-07-01 at 08:00:00 (Europe/Lisbon)')
    expect(
      descriptionOf({
        ...cron('0 8 * * *', 'Europe/Lisbon'),
        start_at: now,
        end_at: new Date('2026-07-01T00:00:00Z'),
        jitter: 30,
      }),
    ).toBe(
      'At 08:00, every day (Europe/Lisbon), from 2026-06-01 at 12:00:00Z, until 2026-07-01 at 00:00:00Z, each up to 30 s later',
    )
  })
})

describe('what to know about a schedule', () => {
  const warnings = (expression: string, zone = 'UTC') => describePlan(cron(expression, zone), now).warnings

  it.each(['0 8 * * *', '*/5 * * * *', '0 0 1 * *', '0 0 * * 1-5', '0 */6 * * *', '@hourly'])(
    'nothing about "%s"',
    (expression) => {
      expect(warnings(expression)).toEqual([])
    },
  )

  it.each([
    [
      '*/25 * * * *',
      [
        '"*/25" is not an even step: it means minute 0, 25, 50, and starts again with every hour. For an even distance use the interval "25m".',
      ],
    ],
    [
      '0 */5 * * *',
      [
        '"*/5" is not an even step: it means hour 0, 5, 10, 15, 20, and starts again with every day. For an even distance use the interval "5h".',
      ],
    ],
    [
      '0 0 */2 * *',
      [
        '"*/2" is not an even step: it means day of month 1, 3, 5, … 31, and starts again with every month. For an even distance use the interval "2d".',
      ],
    ],
    [
      '0 8 1 * MON',
      [
        'Day of month and day of week are both given: it runs when either matches. Write + before the day of week for both, as in "0 8 1 * +MON".',
      ],
    ],
    ['0 8 1 * +MON', []],
    ['0 0 31 * *', ['It skips the months that have no day 31.']],
    ['0 0 31 1,3 *', []],
    ['0 0 30 FEB-MAR *', ['It skips the months that have no day 30.']],
    [
      '0 8 */2 * MON',
      [
        '"*/2" is not an even step: it means day of month 1, 3, 5, … 31, and starts again with every month.',
        'Day of month and day of week must both match, since "*/2" begins with *, as in Debian\'s cron.',
      ],
    ],
    ['0 9 */1 * 1-5', []],
    [
      '0 9 1-31 * MON',
      [
        'Day of month and day of week are both given: it runs when either matches. Write + before the day of week for both, as in "0 8 1 * +MON".',
      ],
    ],
    [
      '0 9 1 * 0-6',
      [
        'Day of month and day of week are both given: it runs when either matches. Write + before the day of week for both, as in "0 8 1 * +MON".',
      ],
    ],
    ['5/15 * * * *', []],
    [
      '0 1/5 * * *',
      [
        '"1/5" is not an even step: it means hour 1, 6, 11, 16, 21, and starts again with every day. For an even distance use the interval "5h".',
      ],
    ],
    ['0 9 * * 1-5 *', ['Six fields have the second first. If the last "*" is meant as a year, write "0 9 * * 1-5".']],
    ['0 9 * * * *', []],
    ['0 0 28 * *', []],
    ['0 0 30 2 *', ['It never fires: no year has such a date.']],
  ])('"%s"', (expression, expected) => {
    expect(warnings(expression)).toEqual(expected)
  })

  it.each([
    [
      '30 1 * * *',
      [
        'The clock of Europe/Lisbon goes back from 2026-10-25 at 02:00:00 to 01:00:00: times that come twice run once, the first time.',
        'The clock of Europe/Lisbon goes from 2027-03-28 at 01:00:00 to 02:00:00: times in between run once, at 02:00:00.',
      ],
    ],
    [
      '*/15 1 * * *',
      [
        'The clock of Europe/Lisbon goes back from 2026-10-25 at 02:00:00 to 01:00:00: times that come twice run twice.',
        'The clock of Europe/Lisbon goes from 2027-03-28 at 01:00:00 to 02:00:00: times in between do not run that day.',
      ],
    ],
    [
      '0,30 1,13 * * *',
      [
        'The clock of Europe/Lisbon goes back from 2026-10-25 at 02:00:00 to 01:00:00: times that come twice run once, the first time.',
        'The clock of Europe/Lisbon goes from 2027-03-28 at 01:00:00 to 02:00:00: times in between run once, at 02:00:00.',
      ],
    ],
    [
      '0 0-23 * * *',
      [
        'The clock of Europe/Lisbon goes back from 2026-10-25 at 02:00:00 to 01:00:00: times that come twice run once, the first time.',
        'The clock of Europe/Lisbon goes from 2027-03-28 at 01:00:00 to 02:00:00: times in between run once, at 02:00:00.',
      ],
    ],
    ['0 8 * * *', []],
    ['0 * * * *', []],
    ['30 1 1 * *', []],
  ])('"%s" when the clock of Lisbon changes', (expression, expected) => {
    expect(warnings(expression, 'Europe/Lisbon')).toEqual(expected)
  })

  it.each([
    [
      '1d',
      [
        '"1d" is elapsed time: where the clock is set for daylight saving, it moves by an hour; a cron such as "0 8 * * *" stays at its local time.',
      ],
    ],
    [
      '48h',
      [
        '"48h" is elapsed time: where the clock is set for daylight saving, it moves by an hour; a cron such as "0 8 * * *" stays at its local time.',
      ],
    ],
    ['36h', []],
    ['15m', []],
  ])('an interval of %s', (schedule_expr, expected) => {
    expect(describePlan({ schedule_type: 'interval', schedule_expr, timezone: 'Europe/Lisbon' }, now).warnings).toEqual(
      expected,
    )
  })

  it('warns of the half hour that the clock of Lord Howe leaves out, also for what runs in every hour', () => {
    expect(warnings('15 * * * *', 'Australia/Lord_Howe')).toEqual([
      'The clock of Australia/Lord_Howe goes from 2026-10-04 at 02:00:00 to 02:30:00: times in between do not run that day.',
    ])
  })
})
