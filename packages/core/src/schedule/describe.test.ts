import { describe, expect, it } from 'vitest'
import { describe as describePlan, descriptionOf } from './describe.ts'

const now = new Date('2026-06-01T12:00:00Z')
const cron = (schedule_expr: string, timezone = 'UTC') => ({ schedule_type: 'cron' as const, schedule_expr, timezone })

describe('a schedule in words', () => {
  it.each([
    ['* * * * *', 'Every minute'],
    ['*/5 * * * *', 'Every 5 minutes'],
    ['*/25 * * * *', 'At 0, 25, and 50 minutes past the hour'],
    ['0 */5 * * *', 'At 00:00, 05:00, 10:00, 15:00 and 20:00, every day'],
    ['0,30 1 * * *', 'At 0 and 30 minutes past the hour, between 01:00 and 01:59, every day'],
    ['*/25 2 * * *', 'At 0, 25, and 50 minutes past the hour, between 02:00 and 02:59, every day'],
    ['*/15 2,3 * * *', 'Every 15 minutes, in the hours from 02:00 and 03:00, every day'],
    ['*/15 2 * * *', 'Every 15 minutes, between 02:00 and 02:59, every day'],
    ['0,30 0 8 * * *', 'At 0 and 30 seconds past the minute, on the hour, at 08:00, every day'],
    ['0 0,30 8,9 * * *', 'At 0 and 30 minutes past the hour, in the hours from 08:00 and 09:00, every day'],
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
    ['0 0 * * 7', 'At 00:00, only on Sunday'],
    ['0 0 */10 * *', 'At 00:00, on day 1, 11, 21, and 31 of the month'],
    ['0 0 * * */2', 'At 00:00, only on Sunday, Tuesday, Thursday, and Saturday'],
    ['0 0 1 */5 *', 'At 00:00, on day 1 of the month, only in January, June, and November'],
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
    ['1m', 'Every minute'], ['15M', 'Every 15 minutes'], ['90s', 'Every 90 seconds'], ['1h', 'Every hour'], ['1d', 'Every day (24 hours)'], ['7d', 'Every 7 days (168 hours)'],
  ])('%s: %s', (schedule_expr, words) => {
    expect(descriptionOf({ schedule_type: 'interval', schedule_expr, timezone: 'UTC' })).toBe(words)
  })

  it('tells one time by the clock of its zone, and the bounds', () => {
    expect(descriptionOf({ schedule_type: 'one-time', schedule_expr: '2026-07-01T07:00:00Z', timezone: 'Europe/Lisbon' })).toBe('Once, on 2026-07-01 at 08:00:00 (Europe/Lisbon)')
    expect(descriptionOf({ schedule_type: 'one-time', schedule_expr: '2026-07-01T08:00', timezone: 'Europe/Lisbon' })).toBe('Once, on 2026-07-01 at 08:00:00 (Europe/Lisbon)')
    expect(descriptionOf({ ...cron('0 8 * * *', 'Europe/Lisbon'), start_at: now, end_at: new Date('2026-07-01T00:00:00Z'), jitter: 30 })).toBe(
      'At 08:00, every day (Europe/Lisbon), from 2026-06-01 at 12:00:00Z, until 2026-07-01 at 00:00:00Z, each up to 30 s later',
    )
  })
})

describe('what to know about a schedule', () => {
  const warnings = (expression: string, zone = 'UTC') => describePlan(cron(expression, zone), now).warnings

  it.each(['0 8 * * *', '*/5 * * * *', '0 0 1 * *', '0 0 * * 1-5', '0 */6 * * *', '@hourly'])('nothing about "%s"', (expression) => {
    expect(warnings(expression)).toEqual([])
  })

  it.each([
    ['*/25 * * * *', ['"*/25" is not an even step: it means minute 0, 25, 50, and starts again with every hour.']],
    ['0 */5 * * *', ['"*/5" is not an even step: it means hour 0, 5, 10, 15, 20, and starts again with every day.']],
    ['0 0 */2 * *', ['"*/2" is not an even step: it means day of month 1, 3, 5, … 31, and starts again with every month.']],
    ['0 8 1 * MON', ['Day of month and day of week are both given: it runs when either matches. Write + before the day of week for both, as in "0 8 1 * +MON".']],
    ['0 8 1 * +MON', []],
    ['0 0 31 * *', ['It skips the months that have no day 31.']],
    ['0 0 28 * *', []],
    ['0 0 30 2 *', ['It never fires: no year has such a date.']],
  ])('"%s"', (expression, expected) => {
    expect(warnings(expression)).toEqual(expected)
  })

  it.each([
    ['30 1 * * *', ['The clock of Europe/Lisbon goes back from 2026-10-25 at 02:00:00 to 01:00:00: a time that comes twice runs at its first.', 'The clock of Europe/Lisbon goes from 2027-03-28 at 01:00:00 to 02:00:00: the time in between runs at 02:00:00.']],
    ['*/15 1 * * *', ['The clock of Europe/Lisbon goes back from 2026-10-25 at 02:00:00 to 01:00:00: times that come twice run twice.', 'The clock of Europe/Lisbon goes from 2027-03-28 at 01:00:00 to 02:00:00: times in between do not run that day.']],
    ['0 8 * * *', []],
    ['0 * * * *', []],
    ['30 1 1 * *', []],
  ])('"%s" when the clock of Lisbon changes', (expression, expected) => {
    expect(warnings(expression, 'Europe/Lisbon')).toEqual(expected)
  })
})
