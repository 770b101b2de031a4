import { afterAll, beforeAll, expect, it } from 'vitest'
import { descriptionOf } from '../describe.ts'
import type { Plan } from '../plan.ts'
import { nextDue } from '../plan.ts'
import { validatePlan } from '../validate.ts'
import { NICKNAMES } from './nicknames.ts'

// With another list: @lunchly is new, and there is no @hourly.
const list = NICKNAMES as Map<string, string> // read-only for everyone else
beforeAll(() => {
  list.delete('@hourly')
  list.set('@lunchly', '30 12 * * *')
})
afterAll(() => {
  list.delete('@lunchly')
  list.set('@hourly', '0 * * * *')
})

const now = new Date('2026-06-01T00:00:00Z')
const planOf = (schedule_expr: string, read: 'old' | 'today' = 'today'): Plan => ({
  schedule_type: 'cron',
  schedule_expr,
  timezone: 'UTC',
  anchor: now,
  start_at: null,
  end_at: null,
  jitter: 0,
  seed: 'nicknames',
  read,
})

it.each(['today', 'old'] as const)('the list makes the due times of the reader of %s', (read) => {
  expect(nextDue(planOf('@lunchly', read), now)).toEqual(new Date('2026-06-01T12:30:00Z'))
})

it('the list makes the words', () => {
  expect(descriptionOf(planOf('@Lunchly'))).toBe('At 12:30, every day (UTC)')
})

it.each([
  ['lunchly', 'is not known: write "@lunchly"'],
  ['every day', 'is not known: write "@daily"'],
  ['@hourly', 'is not one of @daily, @midnight, @weekly, @monthly, @yearly, @annually, @lunchly'],
])('the list makes what is said about %s', (schedule_expr, message) => {
  expect(() => validatePlan({ ...planOf(schedule_expr), now })).toThrow(message)
})
