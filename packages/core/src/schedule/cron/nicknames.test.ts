import { expect, it, vi } from 'vitest'
import { descriptionOf } from '../describe.ts'
import type { Plan } from '../plan.ts'
import { nextDue } from '../plan.ts'
import { validatePlan } from '../validate.ts'

// With another list: @daily is at noon, @lunchly is new, and there is no @hourly.
vi.mock(import('./nicknames.ts'), () => ({
  NICKNAMES: new Map([
    ['@daily', '0 12 * * *'],
    ['@lunchly', '30 12 * * *'],
  ]),
}))

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
  expect(nextDue(planOf('@daily', read), now)).toEqual(new Date('2026-06-01T12:00:00Z'))
  expect(nextDue(planOf('@lunchly', read), now)).toEqual(new Date('2026-06-01T12:30:00Z'))
})

it('the list makes the words', () => {
  expect(descriptionOf(planOf('@daily'))).toBe('At 12:00, every day (UTC)')
  expect(descriptionOf(planOf('@Lunchly'))).toBe('At 12:30, every day (UTC)')
})

it.each([
  ['lunchly', 'is not known: write "@lunchly"'],
  ['every day', 'is not known: write "@daily"'],
  ['@hourly', 'is not one of @daily, @lunchly'],
])('the list makes what is said about %s', (schedule_expr, message) => {
  expect(() => validatePlan({ ...planOf(schedule_expr), now })).toThrow(message)
})
