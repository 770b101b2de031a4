import type { Plan } from '@automagik-spark/core'
import { countDue, dueTimesBetween, previousDue } from '@automagik-spark/core'
import { randomExpressions, usualExpressions } from '@automagik-spark/testing'
import { describe, expect, it } from 'vitest'
import { oracle } from '../src/oracle.ts'

// Thousands of expressions around the changes of the clock, against a program that looks at every second of it and shares no code.

const HOUR = 3600_000
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

/** Changes of the clock, taken from the tz database: what it goes from and to stands beside it. */
const CHANGES = [
  ['Europe/Lisbon', '2026-03-29T01:00:00Z', 'an hour forward'],
  ['Europe/Lisbon', '2026-10-25T01:00:00Z', 'an hour back'],
  ['America/New_York', '2026-11-01T06:00:00Z', 'an hour back'],
  ['Australia/Lord_Howe', '2026-10-03T15:30:00Z', 'half an hour forward'],
  ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', 'half an hour back'],
  ['Africa/Cairo', '2026-04-23T22:00:00Z', 'midnight left out'],
  ['Africa/Cairo', '2026-10-29T21:00:00Z', 'midnight back to the day before'],
  ['Asia/Beirut', '2026-03-28T22:00:00Z', 'midnight left out'],
  ['America/Havana', '2026-03-08T05:00:00Z', 'midnight left out'],
  ['America/Havana', '2026-11-01T05:00:00Z', 'midnight twice'],
  ['Atlantic/Azores', '2026-03-29T01:00:00Z', 'midnight left out'],
  ['Africa/Casablanca', '2026-02-15T02:00:00Z', 'back for Ramadan'],
  ['Africa/El_Aaiun', '2026-03-22T02:00:00Z', 'forward after Ramadan'],
  ['Antarctica/Troll', '2026-03-29T01:00:00Z', 'two hours forward'],
  ['Antarctica/Troll', '2026-10-25T01:00:00Z', 'two hours back'],
  ['Pacific/Apia', '2011-12-30T10:00:00Z', 'a whole day left out'],
  ['Pacific/Kwajalein', '1993-08-21T12:00:00Z', 'a whole day left out'],
  ['Asia/Pyongyang', '2018-05-04T15:00:00Z', 'half an hour forward for good'],
  ['America/Caracas', '2007-12-09T07:00:00Z', 'half an hour back for good'],
  ['Asia/Kathmandu', '1985-12-31T18:30:00Z', 'a quarter of an hour forward, at new year'],
  ['America/Nuuk', '2026-03-29T01:00:00Z', 'from 23:00 into the next day'],
  ['Asia/Calcutta', '2026-06-30T18:30:00Z', 'no change, under an old name'],
] as const

const around = (at: string, hours: number) =>
  [new Date(Date.parse(at) - hours * HOUR), new Date(Date.parse(at) + hours * HOUR)] as const

/** The due times in [from, until), forwards; a note when the way back or the count differs. */
const dueIn = (plan: Plan, from: Date, until: Date): string[] => {
  const [before, last] = [new Date(from.getTime() - 1), new Date(until.getTime() - 1)]
  const due = dueTimesBetween(plan, before, last, 100_000)
  const wrong: string[] = []
  if (countDue(plan, before, last, 100_000) !== due.length)
    wrong.push(`counted ${countDue(plan, before, last, 100_000)}`)
  let at: Date | null = until
  for (const one of due.toReversed()) {
    at = previousDue(plan, at)
    if (at?.getTime() !== one.getTime()) {
      wrong.push(`${at?.toISOString()} before ${one.toISOString()}`)
      break
    }
  }
  if (wrong.length === 0 && due.length > 0 && (previousDue(plan, due[0]!)?.getTime() ?? -1) >= from.getTime())
    wrong.push('more before the first')
  return [...wrong, ...due.map((one) => one.toISOString())]
}

const differences = (expressions: string[], zone: string, from: Date, until: Date) =>
  expressions.flatMap((expression) => {
    const [ours, theirs] = [dueIn(cron(expression, zone), from, until), oracle(expression, zone, from, until)]
    return ours.join() === theirs.join() ? [] : [{ expression, ours: ours.slice(0, 12), theirs: theirs.slice(0, 12) }]
  })

describe('due times are those that the clock shows', () => {
  it.each(CHANGES)('%s at %s (%s): expressions of minutes', (zone, at) => {
    const [from, until] = around(at, 27)
    const seed = Date.parse(at) / 1000
    expect(
      differences([...usualExpressions(80, seed), ...randomExpressions(50, seed + 1, 0)], zone, from, until),
    ).toEqual([])
  })

  it.each(CHANGES.slice(0, 10))('%s at %s (%s): expressions of seconds', (zone, at) => {
    const [from, until] = around(at, 3)
    expect(
      differences(
        [
          ...randomExpressions(20, Date.parse(at) / 1000, 1),
          '0-59 0-59 0-23 * * *',
          '30 0-59 1-2 * * *',
          '*/7 30 1,2 * * *',
          '59 59 23 * * *',
        ],
        zone,
        from,
        until,
      ),
    ).toEqual([])
  })

  it('in UTC, over ten years of months by their ends', () => {
    for (const at of ['2026-12-31T12:00:00Z', '2027-02-28T12:00:00Z', '2028-02-29T12:00:00Z', '2030-04-30T12:00:00Z']) {
      const [from, until] = around(at, 36)
      expect(
        differences(
          [...usualExpressions(60, 3), ...randomExpressions(90, Date.parse(at) / 1000, 0)],
          'UTC',
          from,
          until,
        ),
      ).toEqual([])
    }
  })
})
