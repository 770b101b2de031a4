import type { Plan } from '@automagik-spark/core'
import { countDue, dueTimesBetween, nextDue, previousDue } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { dueTimesByClock, oracle } from '../src/oracle.ts'

const cron = (schedule_expr: string, timezone: string): Plan => ({
  schedule_type: 'cron',
  schedule_expr,
  timezone,
  anchor: new Date(0),
  start_at: null,
  end_at: null,
  jitter: 0,
  seed: 'test',
  read: 'today',
})
const DAY = 24 * 3600_000
const texts = (times: Date[]) => times.map((at) => at.toISOString())
const shorten = (times: string[]) => times.map((text) => text.replace('.000', ''))

/** The due times in [from, until), found forwards, after checking that they are the same backwards and counted. */
const dueIn = (plan: Plan, from: Date, until: Date): string[] => {
  const [before, last] = [new Date(from.getTime() - 1), new Date(until.getTime() - 1)]
  const forwards = texts(dueTimesBetween(plan, before, last, 100_000))
  const backwards: string[] = []
  for (let due = previousDue(plan, until); due && due >= from; due = previousDue(plan, due))
    backwards.unshift(due.toISOString())
  expect(backwards).toEqual(forwards)
  expect(countDue(plan, before, last, 100_000)).toBe(forwards.length)
  return forwards
}

// What each zone's clock did, written down by hand from the tz database: the day, and what runs on it.
describe('a change of the clock', () => {
  it.each([
    // zone, what happens, from, hours, expression, due
    ['Europe/Lisbon', 'spring 01:00 → 02:00', '2026-03-29T00:00:00Z', 24, '30 1 * * *', ['2026-03-29T01:00:00Z']],
    ['Europe/Lisbon', 'autumn 02:00 → 01:00', '2026-10-25T00:00:00Z', 24, '30 1 * * *', ['2026-10-25T00:30:00Z']],
    [
      'Europe/Lisbon',
      'autumn 02:00 → 01:00',
      '2026-10-25T00:00:00Z',
      6,
      '0,30 1 * * *',
      ['2026-10-25T00:00:00Z', '2026-10-25T00:30:00Z'],
    ],
    [
      'Europe/Lisbon',
      'autumn 02:00 → 01:00',
      '2026-10-25T00:00:00Z',
      24,
      '30 1,13 * * *',
      ['2026-10-25T00:30:00Z', '2026-10-25T13:30:00Z'],
    ],
    [
      'Europe/Lisbon',
      'autumn 02:00 → 01:00',
      '2026-10-25T00:00:00Z',
      3,
      '*/30 1 * * *',
      ['2026-10-25T00:00:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:00:00Z', '2026-10-25T01:30:00Z'],
    ],
    [
      'Europe/Lisbon',
      'autumn 02:00 → 01:00',
      '2026-10-25T00:00:00Z',
      4,
      '0 0-23 * * *',
      ['2026-10-25T00:00:00Z', '2026-10-25T02:00:00Z', '2026-10-25T03:00:00Z'],
    ],
    [
      'Europe/Berlin',
      'spring 02:00 → 03:00',
      '2026-03-28T23:00:00Z',
      23,
      '0 2,14 * * *',
      ['2026-03-29T01:00:00Z', '2026-03-29T12:00:00Z'],
    ],
    [
      'Europe/Berlin',
      'spring 02:00 → 03:00',
      '2026-03-28T23:00:00Z',
      23,
      '0,20,40 2,3 * * *',
      ['2026-03-29T01:00:00Z', '2026-03-29T01:20:00Z', '2026-03-29T01:40:00Z'],
    ],
    [
      'Europe/Berlin',
      'spring 02:00 → 03:00',
      '2026-03-28T23:00:00Z',
      23,
      '15,45 2,3 * * *',
      ['2026-03-29T01:00:00Z', '2026-03-29T01:15:00Z', '2026-03-29T01:45:00Z'],
    ],
    ['Europe/Berlin', 'spring 02:00 → 03:00', '2026-03-28T23:00:00Z', 3, '0-59 0-59 2 * * *', ['2026-03-29T01:00:00Z']],
    [
      'Europe/Lisbon',
      'autumn 02:00 → 01:00',
      '2026-10-25T00:00:00Z',
      3,
      '0 * * * *',
      ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'],
    ],
    ['Europe/Berlin', 'spring 02:00 → 03:00', '2026-03-28T23:00:00Z', 23, '30 2 * * *', ['2026-03-29T01:00:00Z']],
    ['Europe/Berlin', 'spring 02:00 → 03:00', '2026-03-28T23:00:00Z', 23, '0 2 * * *', ['2026-03-29T01:00:00Z']],
    ['Europe/Berlin', 'spring 02:00 → 03:00', '2026-03-28T23:00:00Z', 23, '0 3 * * *', ['2026-03-29T01:00:00Z']],
    ['Europe/Berlin', 'spring 02:00 → 03:00', '2026-03-28T23:00:00Z', 23, '*/15 2 * * *', []],
    ['Europe/Berlin', 'autumn 03:00 → 02:00', '2026-10-24T22:00:00Z', 25, '30 2 * * *', ['2026-10-25T00:30:00Z']],
    [
      'Europe/Berlin',
      'autumn 03:00 → 02:00',
      '2026-10-24T22:00:00Z',
      25,
      '30 2,14 * * *',
      ['2026-10-25T00:30:00Z', '2026-10-25T13:30:00Z'],
    ],
    ['America/New_York', 'spring 02:00 → 03:00', '2026-03-08T05:00:00Z', 23, '15 30 2 * * *', ['2026-03-08T07:00:00Z']],
    ['America/New_York', 'autumn 02:00 → 01:00', '2026-11-01T04:00:00Z', 25, '30 1 * * *', ['2026-11-01T05:30:00Z']],
    ['America/New_York', 'autumn 02:00 → 01:00', '2026-11-01T04:00:00Z', 25, '0 0 1 * * *', ['2026-11-01T05:00:00Z']],
    ['America/Sao_Paulo', 'spring 00:00 → 01:00', '2018-11-04T02:00:00Z', 24, '0 0 * * *', ['2018-11-04T03:00:00Z']],
    [
      'America/Sao_Paulo',
      'autumn 00:00 → 23:00 the day before',
      '2018-02-17T02:00:00Z',
      25,
      '30 23 * * *',
      ['2018-02-18T01:30:00Z'],
    ],
    [
      'America/Sao_Paulo',
      'autumn 00:00 → 23:00 the day before',
      '2018-02-17T02:00:00Z',
      25,
      '*/30 23 * * *',
      ['2018-02-18T01:00:00Z', '2018-02-18T01:30:00Z', '2018-02-18T02:00:00Z', '2018-02-18T02:30:00Z'],
    ],
    ['Australia/Lord_Howe', 'spring 02:00 → 02:30', '2026-10-03T13:30:00Z', 24, '15 2 * * *', ['2026-10-03T15:30:00Z']],
    [
      'Australia/Lord_Howe',
      'spring 02:00 → 02:30',
      '2026-10-03T13:30:00Z',
      3,
      '*/15 2 * * *',
      ['2026-10-03T15:30:00Z', '2026-10-03T15:45:00Z'],
    ],
    ['Australia/Lord_Howe', 'autumn 02:00 → 01:30', '2026-04-04T13:00:00Z', 24, '45 1 * * *', ['2026-04-04T14:45:00Z']],
    [
      'Australia/Lord_Howe',
      'autumn 02:00 → 01:30',
      '2026-04-04T13:00:00Z',
      3,
      '0 * * * *',
      ['2026-04-04T13:00:00Z', '2026-04-04T14:00:00Z', '2026-04-04T15:30:00Z'],
    ],
    ['Africa/Cairo', 'spring 00:00 → 01:00', '2026-04-23T22:00:00Z', 23, '0 0 * * *', ['2026-04-23T22:00:00Z']],
    ['Africa/Cairo', 'spring 00:00 → 01:00', '2026-04-23T22:00:00Z', 23, '59 59 0 * * *', ['2026-04-23T22:00:00Z']],
    [
      'Africa/Cairo',
      'autumn 00:00 → 23:00 the day before',
      '2026-10-29T00:00:00Z',
      22,
      '30 23 * * *',
      ['2026-10-29T20:30:00Z'],
    ],
    ['Asia/Beirut', 'spring 00:00 → 01:00', '2026-03-28T22:00:00Z', 23, '0 0 * * *', ['2026-03-28T22:00:00Z']],
    ['America/Havana', 'spring 00:00 → 01:00', '2026-03-08T05:00:00Z', 23, '30 0 * * *', ['2026-03-08T05:00:00Z']],
    ['America/Havana', 'autumn 01:00 → 00:00', '2026-11-01T04:00:00Z', 25, '0 0 * * *', ['2026-11-01T04:00:00Z']],
    ['Atlantic/Azores', 'spring 00:00 → 01:00', '2026-03-29T01:00:00Z', 23, '0 0 * * *', ['2026-03-29T01:00:00Z']],
    ['Atlantic/Azores', 'autumn 01:00 → 00:00', '2026-10-25T00:00:00Z', 25, '15 0 * * *', ['2026-10-25T00:15:00Z']],
    [
      'Africa/Casablanca',
      'before Ramadan 03:00 → 02:00',
      '2026-02-14T23:00:00Z',
      25,
      '30 2 * * *',
      ['2026-02-15T01:30:00Z'],
    ],
    [
      'Africa/Casablanca',
      'after Ramadan 02:00 → 03:00',
      '2026-03-22T00:00:00Z',
      23,
      '30 2 * * *',
      ['2026-03-22T02:00:00Z'],
    ],
    [
      'America/Nuuk',
      'spring 23:00 → 00:00 the day after',
      '2026-03-28T02:00:00Z',
      24,
      '30 23 * * *',
      ['2026-03-29T01:00:00Z'],
    ],
    [
      'Pacific/Apia',
      '30 December 2011 left out',
      '2011-12-29T10:00:00Z',
      48,
      '0 12 * * *',
      ['2011-12-29T22:00:00Z', '2011-12-30T22:00:00Z'],
    ],
    [
      'Pacific/Apia',
      '30 December 2011 left out',
      '2011-12-29T10:00:00Z',
      48,
      '0 0 * * *',
      ['2011-12-29T10:00:00Z', '2011-12-30T10:00:00Z'],
    ],
    [
      'Europe/Lisbon',
      'a date that comes once a year, in the repeated hour',
      '2026-10-24T00:00:00Z',
      72,
      '0,30 1 25 10 *',
      ['2026-10-25T00:00:00Z', '2026-10-25T00:30:00Z'],
    ],
    [
      'Europe/Lisbon',
      'a date that comes once a year, late in the repeated hour',
      '2026-10-24T00:00:00Z',
      72,
      '30,45 1 25 10 *',
      ['2026-10-25T00:30:00Z', '2026-10-25T00:45:00Z'],
    ],
    [
      'Europe/Lisbon',
      'a date that comes once a year, as the clock shows it',
      '2026-10-24T00:00:00Z',
      72,
      '*/45 1 25 10 *',
      ['2026-10-25T00:00:00Z', '2026-10-25T00:45:00Z', '2026-10-25T01:00:00Z', '2026-10-25T01:45:00Z'],
    ],
    [
      'Europe/Lisbon',
      'a date in summer, from winter and back',
      '2026-11-01T00:00:00Z',
      9480,
      '0,30 9 15 7 *',
      ['2027-07-15T08:00:00Z', '2027-07-15T08:30:00Z'],
    ],
    [
      'Europe/Lisbon',
      'a date in winter, from winter and back',
      '2026-11-01T00:00:00Z',
      9480,
      '0,30 9 15 1 *',
      ['2027-01-15T09:00:00Z', '2027-01-15T09:30:00Z'],
    ],
    ['America/Sao_Paulo', 'no change since 2019', '2026-11-01T03:00:00Z', 24, '0 0 * * *', ['2026-11-01T03:00:00Z']],
    [
      'America/New_York',
      'the last minute of a year',
      '2026-12-31T05:00:00Z',
      24,
      '59 23 31 12 *',
      ['2027-01-01T04:59:00Z'],
    ],
    ['Asia/Kolkata', 'the first minute of a year', '2026-12-31T00:00:00Z', 24, '0 0 1 1 *', ['2026-12-31T18:30:00Z']],
    [
      'Pacific/Apia',
      'a leap day, while it is the 28th in UTC',
      '2028-02-28T00:00:00Z',
      48,
      '0 0 29 2 *',
      ['2028-02-28T11:00:00Z'],
    ],
    ['Pacific/Apia', 'the end of a month', '2026-02-27T00:00:00Z', 48, '0 12 L * *', ['2026-02-27T23:00:00Z']],
    [
      'Africa/Cairo',
      'the end of the month in which the clock changes',
      '2026-04-29T00:00:00Z',
      48,
      '30 23 L * *',
      ['2026-04-30T20:30:00Z'],
    ],
    ['Asia/Kolkata', 'no change', '2026-03-28T18:30:00Z', 24, '30 5 * * *', ['2026-03-29T00:00:00Z']],
    ['Asia/Kathmandu', 'no change, 05:45', '2026-03-28T18:15:00Z', 24, '0 0 * * *', ['2026-03-28T18:15:00Z']],
    ['Asia/Kathmandu', '1986: 00:00 → 00:15', '1985-12-31T18:30:00Z', 23, '10 0 * * *', ['1985-12-31T18:30:00Z']],
    ['Africa/Monrovia', '1972: -00:44:30 → 00:00', '1972-01-07T00:44:30Z', 23, '30 0 * * *', ['1972-01-07T00:44:30Z']],
  ])('%s %s: from %s, %i h of "%s"', (zone, _, from, hours, expression, expected) => {
    const start = new Date(from)
    expect(shorten(dueIn(cron(expression, zone), start, new Date(start.getTime() + hours * 3600_000)))).toEqual(
      expected,
    )
  })
})

describe('the calendar', () => {
  it.each([
    [
      '0 0 31 * *',
      'UTC',
      '2026-01-01T00:00:00Z',
      ['2026-01-31', '2026-03-31', '2026-05-31', '2026-07-31', '2026-08-31', '2026-10-31', '2026-12-31', '2027-01-31'],
    ],
    [
      '0 0 L * *',
      'UTC',
      '2027-12-01T00:00:00Z',
      ['2027-12-31', '2028-01-31', '2028-02-29', '2028-03-31', '2028-04-30'],
    ],
    ['0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', ['2028-02-29', '2032-02-29', '2036-02-29', '2040-02-29']],
    ['0 0 29 2 *', 'UTC', '2096-01-01T00:00:00Z', ['2096-02-29', '2104-02-29']],
    ['0 0 29 2 +MON', 'UTC', '2026-01-01T00:00:00Z', ['2044-02-29', '2072-02-29', '2112-02-29']],
    ['0 0 1 1 *', 'UTC', '2037-06-01T00:00:00Z', ['2038-01-01', '2039-01-01']],
    ['14 3 19 1 *', 'UTC', '2038-01-19T03:13:00Z', ['2038-01-19', '2039-01-19']],
    [
      '0 0 LW * *',
      'UTC',
      '2026-01-01T00:00:00Z',
      ['2026-01-30', '2026-02-27', '2026-03-31', '2026-04-30', '2026-05-29'],
    ],
    ['0 0 1W * *', 'UTC', '2026-07-15T00:00:00Z', ['2026-08-03', '2026-09-01', '2026-10-01', '2026-11-02']],
    ['0 0 * * MON#5', 'UTC', '2026-01-01T00:00:00Z', ['2026-03-30', '2026-06-29', '2026-08-31', '2026-11-30']],
    ['0 0 * * 5L', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-30', '2026-02-27', '2026-03-27']],
    ['0 0 * * 7', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-04', '2026-01-11']],
    [
      '0 0 1 * MON',
      'UTC',
      '2026-06-01T00:00:00Z',
      ['2026-06-01', '2026-06-08', '2026-06-15', '2026-06-22', '2026-06-29', '2026-07-01'],
    ],
    ['0 0 1 * +MON', 'UTC', '2026-06-01T00:00:00Z', ['2026-06-01', '2027-02-01', '2027-03-01']],
    ['0 0 ? * SAT-SUN', 'UTC', '2026-01-01T00:00:00Z', ['2026-01-03', '2026-01-04', '2026-01-10']],
    ['@yearly', 'UTC', '2026-06-01T00:00:00Z', ['2027-01-01', '2028-01-01']],
  ])('"%s" in %s from %s', (expression, zone, from, expected) => {
    const plan = cron(expression, zone)
    const found: string[] = []
    let after = new Date(new Date(from).getTime() - 1)
    while (found.length < expected.length) {
      after = nextDue(plan, after)!
      expect(previousDue(plan, new Date(after.getTime() + 1))).toEqual(after)
      found.push(after.toISOString().slice(0, 10))
    }
    expect(found).toEqual(expected)
  })

  it.each(['0 0 30 2 *', '0 0 31 2,4,6,9,11 *', '*/5 * 31 4 *', '0 0 30 2 +MON', '* * * 31 6 *'])(
    '"%s" never fires, forwards or backwards',
    (expression) => {
      for (const zone of ['UTC', 'Europe/Lisbon']) {
        expect(nextDue(cron(expression, zone), new Date('2026-01-01T00:00:00Z'))).toBeNull()
        expect(previousDue(cron(expression, zone), new Date('2026-01-01T00:00:00Z'))).toBeNull()
      }
    },
  )

  it('ends with the year 9999 and begins with 1970', () => {
    expect(nextDue(cron('0 0 * * *', 'UTC'), new Date('9999-12-31T00:00:00Z'))).toBeNull()
    expect(previousDue(cron('0 0 * * *', 'UTC'), new Date('1970-01-01T00:00:00Z'))).toBeNull()
    expect(previousDue(cron('0 0 * * *', 'UTC'), new Date('1970-01-01T00:00:01Z'))).toEqual(new Date(0))
  })
})

const ZONES = [
  'Europe/Lisbon',
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Australia/Lord_Howe',
  'Asia/Kolkata',
  'Africa/Cairo',
  'Asia/Beirut',
  'America/Havana',
  'Atlantic/Azores',
  'Africa/Casablanca',
  'Pacific/Apia',
  'Asia/Kathmandu',
  'UTC',
  'America/Nuuk',
  'Asia/Gaza',
  'Antarctica/Troll',
]
const EXPRESSIONS = [
  '0 0 * * *',
  '30 0 * * *',
  '30 1 * * *',
  '15 2 * * *',
  '45 1 * * *',
  '30 2 * * *',
  '0 3 * * *',
  '30 23 * * *',
  '59 23 * * *',
  '0,30 1 * * *',
  '*/15 2 * * *',
  '*/25 * * * *',
  '0 * * * *',
  '5 0-3 * * *',
  '30 2,14 * * *',
  '0 9-17/4 * * 1-5',
  '0 0 L * *',
  '0 0 LW * *',
  '30 1 1W * *',
  '0 0 31 * *',
  '0 0 29 2 *',
  '0 2 * * SUN',
  '0 2 * * 7#1',
  '0 2 * * SUN#2',
  '30 1 * * 0L',
  '0 0 1 * MON',
  '0 0 1,15 jan-jun +FRI',
  '@hourly',
  '@daily',
  '@weekly',
  '@monthly',
]

/** Where the offset of a zone changed in a span, to the hour: the windows that matter. */
const changes = (zone: string, from: number, to: number): number[] => {
  const offset = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const at = (time: number) => offset.format(time).split('GMT')[1]
  const found: number[] = []
  for (let time = from; time < to; time += 6 * 3600_000) if (at(time) !== at(time + 6 * 3600_000)) found.push(time)
  return found
}

describe('due times are those that the clock shows, second by second', () => {
  it.each(ZONES)('%s: two days around each change, and the ends of months and years', (zone) => {
    const windows = [
      ...changes(zone, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1)),
      ...changes(zone, Date.UTC(2011, 11, 1), Date.UTC(2012, 0, 1)),
      ...changes(zone, Date.UTC(2018, 0, 1), Date.UTC(2019, 0, 1)).slice(0, 2),
      Date.UTC(2028, 1, 29),
      Date.UTC(2026, 0, 31),
      Date.UTC(2037, 11, 31),
      Date.UTC(2038, 0, 19),
    ]
    for (const window of windows) {
      const [from, until] = [new Date(window - DAY), new Date(window + DAY)]
      for (const expression of EXPRESSIONS) {
        expect({ expression, from, due: dueIn(cron(expression, zone), from, until) }).toEqual({
          expression,
          from,
          due: oracle(expression, zone, from, until),
        })
      }
    }
  })

  it.each(['Europe/Lisbon', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Cairo'])(
    '%s: expressions with seconds',
    (zone) => {
      for (const change of changes(zone, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1))) {
        const [from, until] = [new Date(change - 2 * 3600_000), new Date(change + 6 * 3600_000)]
        for (const expression of ['*/25 * * * * *', '30 59 1 * * *', '15,45 30 1,2 * * *', '59 59 23 * * *']) {
          expect({ expression, from, due: dueIn(cron(expression, zone), from, until) }).toEqual({
            expression,
            from,
            due: oracle(expression, zone, from, until),
          })
        }
      }
    },
  )
})

describe('due times of a stored schedule, by the clock', () => {
  const plan = (more: Partial<Plan>): Plan => ({
    ...cron('* * * * *', 'UTC'),
    anchor: new Date('2026-03-29T00:00:07Z'),
    ...more,
  })
  const [from, until] = [new Date('2026-03-29T00:00:00Z'), new Date('2026-03-29T03:00:00Z')]
  it.each<[string, Partial<Plan>]>([
    ['an interval without a start', { schedule_type: 'interval', schedule_expr: '25m' }],
    [
      'an interval with a start, which is due itself',
      { schedule_type: 'interval', schedule_expr: '13S', start_at: new Date('2026-03-29T00:00:07Z') },
    ],
    [
      'an interval that ends',
      { schedule_type: 'interval', schedule_expr: '1h', end_at: new Date('2026-03-29T02:00:07Z') },
    ],
    ['a cron within bounds', { start_at: new Date('2026-03-29T00:30:00Z'), end_at: new Date('2026-03-29T01:30:00Z') }],
    ['one time with an offset', { schedule_type: 'one-time', schedule_expr: '2026-03-29T03:15:00.5+02:00' }],
    [
      'one time on the clock of its zone',
      { schedule_type: 'one-time', schedule_expr: '2026-03-29T03:15:00', timezone: 'Europe/Berlin' },
    ],
    [
      'one time without seconds',
      { schedule_type: 'one-time', schedule_expr: '2026-03-29T02:15', timezone: 'Europe/Lisbon' },
    ],
  ])('%s', (_, more) => {
    const due = dueTimesBetween(plan(more), new Date(from.getTime() - 1), new Date(until.getTime() - 1), 10_000)
    expect(texts(dueTimesByClock(plan(more), from, until))).toEqual(texts(due))
    expect(due.length).toBeGreaterThan(0)
  })
})
