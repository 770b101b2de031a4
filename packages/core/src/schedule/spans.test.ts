import { describe, expect, it } from 'vitest'
import type { Plan } from './plan.ts'
import { isOver, pausedSpan, supersededSpan, whyOver } from './spans.ts'

const at = (text: string) => new Date(`2026-06-01T${text}Z`)
const plan: Plan = {
  schedule_type: 'cron',
  schedule_expr: '*/10 * * * *',
  timezone: 'UTC',
  anchor: at('00:00:00'),
  start_at: null,
  end_at: null,
  jitter: 0,
  seed: 'a',
}

describe('pausedSpan', () => {
  it('is one row from the watermark through the second of enabling', () => {
    expect(pausedSpan(plan, at('10:00:00'), at('11:00:00.999'))).toEqual({
      scheduled_for: at('10:10:00'),
      until: at('11:00:00'),
      count: 6,
      count_at_least: false,
      decision: 'skipped',
      reason: 'paused',
    })
  })

  it('is one due time without an end, or nothing', () => {
    expect(pausedSpan(plan, at('10:00:00'), at('10:10:00'))).toMatchObject({
      scheduled_for: at('10:10:00'),
      until: null,
      count: 1,
    })
    expect(pausedSpan(plan, at('10:00:00'), at('10:09:59.999'))).toBeNull()
  })

  it('keeps to the bounds', () => {
    expect(
      pausedSpan({ ...plan, start_at: at('10:30:00'), end_at: at('10:50:00') }, at('10:00:00'), at('12:00:00')),
    ).toMatchObject({ scheduled_for: at('10:30:00'), until: at('10:40:00'), count: 2 })
  })

  it('is exact to 10,000 due times and says "at least" above', () => {
    const secondly = { ...plan, schedule_expr: '* * * * * *' }
    expect(pausedSpan(secondly, at('00:00:00'), at('02:46:40'))).toMatchObject({
      count: 10_000,
      count_at_least: false,
      until: at('02:46:40'),
    })
    expect(pausedSpan(secondly, at('00:00:00'), at('02:46:41'))).toMatchObject({
      count: 10_000,
      count_at_least: true,
      until: at('02:46:41'),
    })
    const interval: Plan = { ...plan, schedule_type: 'interval', schedule_expr: '1s' }
    expect(pausedSpan(interval, at('00:00:00'), at('02:46:40'))).toMatchObject({ count: 10_000, count_at_least: false })
    expect(pausedSpan(interval, at('00:00:00'), new Date('2036-06-01T00:00:00Z'))).toMatchObject({
      count: 10_000,
      count_at_least: true,
      until: new Date('2036-06-01T00:00:00Z'),
    })
  })

  it('takes a due time whose jittered start still lay ahead', () => {
    expect(pausedSpan({ ...plan, jitter: 500 }, at('10:00:00'), at('10:10:00'))).toMatchObject({
      scheduled_for: at('10:10:00'),
      count: 1,
    })
  })

  it('takes the one time of a one-time schedule, which has no watermark', () => {
    const once: Plan = { ...plan, schedule_type: 'one-time', schedule_expr: '2026-06-01T10:00:00Z' }
    expect(pausedSpan(once, null, at('11:00:00'))).toMatchObject({
      scheduled_for: at('10:00:00'),
      until: null,
      count: 1,
    })
    expect(pausedSpan(once, null, at('09:00:00'))).toBeNull()
  })
})

describe('supersededSpan', () => {
  it('is one row through the second of the edit', () => {
    expect(supersededSpan(plan, at('10:00:00'), at('10:30:00.5'))).toEqual({
      scheduled_for: at('10:10:00'),
      until: at('10:30:00'),
      count: 3,
      count_at_least: false,
      decision: 'superseded',
      reason: 'edited',
    })
  })
})

describe('whether a schedule is over', () => {
  const open = { plan, max_runs: null, run_count: 0 }
  it.each([
    ['a cron without bounds', open, null],
    ['max_runs not yet reached', { ...open, max_runs: 3, run_count: 2 }, null],
    ['max_runs reached', { ...open, max_runs: 3, run_count: 3 }, /all 3 of its max_runs/],
    ['a last due time ahead', { ...open, plan: { ...plan, end_at: at('12:10:01') } }, null],
    ['the last due time in this second', { ...open, plan: { ...plan, end_at: at('12:00:01') } }, /end_at/],
    [
      'a one-time schedule whose time is ahead',
      { ...open, plan: { ...plan, schedule_type: 'one-time' as const, schedule_expr: '2026-06-01T12:00:01Z' } },
      null,
    ],
    [
      'a one-time schedule whose time has come',
      { ...open, plan: { ...plan, schedule_type: 'one-time' as const, schedule_expr: '2026-06-01T12:00:00Z' } },
      /its time has passed/,
    ],
  ])('%s', (_, schedule, why) => {
    const answer = whyOver(schedule, at('12:00:00.5'))
    if (why) expect(answer).toMatch(why)
    else expect(answer).toBeNull()
    expect(isOver(schedule, at('12:00:00.5'))).toBe(why !== null)
  })
})
