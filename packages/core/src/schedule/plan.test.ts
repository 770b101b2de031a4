import { describe, expect, it } from 'vitest'
import type { Plan } from './plan.ts'
import { countDue, dueTimesBetween, lastStartingBefore, nextDue, previousDue, startOf } from './plan.ts'

const at = (text: string) => new Date(text)
const plan: Plan = {
  schedule_type: 'interval',
  schedule_expr: '5m',
  timezone: 'UTC',
  anchor: at('2026-01-01T00:00:00.900Z'),
  start_at: null,
  end_at: null,
  jitter: 0,
  seed: '018f',
}
const cron: Plan = { ...plan, schedule_type: 'cron', schedule_expr: '*/5 * * * *' }

describe('an interval', () => {
  const started: Plan = { ...plan, start_at: at('2026-01-01T00:00:00Z') }
  it.each([
    ['starts one interval after its anchor', plan, '2025-12-31T23:00:00Z', '2026-01-01T00:05:00Z'],
    ['starts at start_at itself', started, '2025-12-31T23:00:00Z', '2026-01-01T00:00:00Z'],
    [
      'rounds start_at up',
      { ...plan, start_at: at('2026-01-01T00:00:00.001Z') },
      '2025-12-31T23:00:00Z',
      '2026-01-01T00:00:01Z',
    ],
    ['is strictly after', plan, '2026-01-01T00:05:00Z', '2026-01-01T00:10:00Z'],
    ['does not drift after a late look', plan, '2026-01-01T00:07:31.123Z', '2026-01-01T00:10:00Z'],
    [
      'does not feel DST',
      { ...plan, schedule_expr: '1d', timezone: 'Europe/Lisbon' },
      '2026-03-29T12:00:00Z',
      '2026-03-30T00:00:00Z',
    ],
    ['counts in upper case too', { ...plan, schedule_expr: '2H' }, '2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z'],
    ['keeps its phase over years', { ...plan, schedule_expr: '7s' }, '2036-01-01T00:00:00Z', '2036-01-01T00:00:05Z'],
  ])('%s', (_, interval, after, expected) => {
    expect(nextDue(interval, at(after))).toEqual(at(expected))
  })

  it('has nothing before its first', () => {
    expect(previousDue(plan, at('2026-01-01T00:05:00Z'))).toBeNull()
    expect(previousDue(started, at('2026-01-01T00:05:00Z'))).toEqual(at('2026-01-01T00:00:00Z'))
  })
})

describe('bounds', () => {
  const bounded: Plan = { ...cron, start_at: at('2026-01-01T10:05:00Z'), end_at: at('2026-01-01T10:20:00Z') }
  it('include start_at and exclude end_at', () => {
    expect(dueTimesBetween(bounded, null, at('2030-01-01T00:00:00Z'), 100)).toEqual(
      ['10:05', '10:10', '10:15'].map((time) => at(`2026-01-01T${time}:00Z`)),
    )
    expect(countDue(bounded, null, at('2030-01-01T00:00:00Z'), 100)).toBe(3)
    expect(nextDue(bounded, at('2026-01-01T10:15:00Z'))).toBeNull()
    expect(previousDue(bounded, at('2030-01-01T00:00:00Z'))).toEqual(at('2026-01-01T10:15:00Z'))
    expect(previousDue(bounded, at('2026-01-01T10:05:00Z'))).toBeNull()
  })
  it('stop at a limit', () => {
    expect(dueTimesBetween(cron, at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'), 2)).toEqual([
      at('2026-01-01T00:05:00Z'),
      at('2026-01-01T00:10:00Z'),
    ])
  })
})

describe('a one-time plan', () => {
  const once: Plan = {
    ...plan,
    schedule_type: 'one-time',
    schedule_expr: '2026-07-01T08:00',
    timezone: 'Europe/Lisbon',
  }
  it('is due once', () => {
    expect(nextDue(once, null)).toEqual(at('2026-07-01T07:00:00Z'))
    expect(nextDue(once, at('2026-07-01T07:00:00Z'))).toBeNull()
    expect(previousDue(once, at('2026-07-01T07:00:01Z'))).toEqual(at('2026-07-01T07:00:00Z'))
    expect(previousDue(once, at('2026-07-01T07:00:00Z'))).toBeNull()
  })
})

describe('jitter', () => {
  const due = at('2026-01-01T00:05:00Z')
  it('of 0 starts at the due time', () => expect(startOf(cron, due)).toEqual(due))

  it('is the same each time for a schedule and a due time, and differs between schedules and between due times', () => {
    const spread = { ...cron, schedule_expr: '0 * * * *', jitter: 1800 }
    const starts = (seed: string) =>
      dueTimesBetween(spread, due, at('2026-01-03T00:00:00Z'), 40).map(
        (one) => startOf({ ...spread, seed }, one).getTime() - one.getTime(),
      )
    expect(starts('a')).toEqual(starts('a'))
    expect(starts('a')).not.toEqual(starts('b'))
    expect(new Set(starts('a')).size).toBeGreaterThan(30)
    for (const offset of starts('a')) expect(offset >= 0 && offset <= 1800_000 && offset % 1000 === 0).toBe(true)
  })

  it('spreads over all its seconds', () => {
    const offsets = Array.from({ length: 400 }, (_, seed) =>
      startOf(
        { ...cron, schedule_expr: '0 * * * *', jitter: 9, seed: String(seed) },
        at('2026-01-01T01:00:00Z'),
      ).getUTCSeconds(),
    )
    for (let second = 0; second <= 9; second++)
      expect(offsets.filter((offset) => offset === second).length).toBeGreaterThan(15)
  })

  it('of a cron ends before the next due time', () => {
    const wide = { ...cron, jitter: 86_400 }
    for (let i = 0; i < 50; i++)
      expect(startOf({ ...wide, seed: String(i) }, due) < at('2026-01-01T00:10:00Z')).toBe(true)
    expect(startOf({ ...wide, end_at: at('2026-01-01T00:10:00Z'), seed: 'z' }, due) > at('2026-01-01T00:10:00Z')).toBe(
      true,
    )
  })

  it('is respected when the last due time that started is looked for', () => {
    const late = Array.from({ length: 50 }, (_, seed) => ({ ...cron, jitter: 200, seed: String(seed) })).find(
      (one) => startOf(one, due).getTime() > due.getTime() + 60_000,
    )!
    const start = startOf(late, due)
    expect(lastStartingBefore(late, start)).toEqual(at('2026-01-01T00:00:00Z'))
    expect(lastStartingBefore(late, new Date(start.getTime() + 1))).toEqual(due)
  })
})
