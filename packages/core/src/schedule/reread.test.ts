import { describe, expect, it } from 'vitest'
import { describe as describePlan } from './describe.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween, nextDue } from './plan.ts'
import { firstDifference, rereadCron } from './reread.ts'

const now = new Date('2026-11-29T12:00:00Z')
const cron = (schedule_expr: string, timezone = 'UTC', more: Partial<Plan> = {}): Plan => ({
  schedule_type: 'cron',
  schedule_expr,
  timezone,
  anchor: now,
  start_at: null,
  end_at: null,
  jitter: 0,
  seed: 'test',
  ...more,
})

describe('a stored cron that has other due times now', () => {
  it.each<[string, string, string, boolean]>([
    ['0 9 */1 * 1-5', 'UTC', '2026-12-05T09:00:00Z', true],
    ['0 9 */2 * MON', 'UTC', '2026-11-30T09:00:00Z', true],
    ['0 9 1 * */2', 'UTC', '2026-12-03T09:00:00Z', true],
    ['* * * */2 * MON', 'UTC', '2026-11-29T12:00:00Z', true],
    ['0 9 31 * */7', 'Asia/Kolkata', '2026-12-06T03:30:00Z', true],
    ['0 2,14 * * *', 'Europe/Berlin', '2027-03-28T01:00:00Z', false],
    ['30 1,13 * * *', 'Europe/Lisbon', '2027-03-28T01:00:00Z', false],
    ['0,30 1 25-31 10 *', 'Europe/Lisbon', '2027-10-31T01:00:00Z', true],
    ['0 0-23 * * *', 'America/New_York', '2027-11-07T06:00:00Z', true],
    ['0-59 0-59 0-23 * * *', 'America/New_York', '2027-11-07T06:00:00Z', true],
  ])('%s in %s: the first is %s', (expression, zone, at, was) => {
    expect(firstDifference(cron(expression, zone), now)).toEqual({ at: new Date(at), was })
    expect(rereadCron(cron(expression, zone), now, now).warnings).toEqual([
      expect.stringContaining(
        `the first is ${at.replace('.000', '')}, ${was ? 'which was a due time before and is not now' : 'which is a due time now and was not before'}`,
      ),
    ])
  })

  it.each([
    ['0 8 * * *', 'Europe/Lisbon'],
    ['30 1 * * *', 'Europe/Lisbon'],
    ['*/15 * * * *', 'Europe/Lisbon'],
    ['0 8 1 * MON', 'UTC'],
    ['0 8 1 * +MON', 'UTC'],
    ['* * * * * *', 'Europe/Lisbon'],
    ['0 2,14 * * *', 'UTC'],
    ['0 9 * * 1-5', 'America/New_York'],
    ['@hourly', 'Australia/Lord_Howe'],
    ['0 0 L * *', 'UTC'],
    ['0 10 ? * MON', 'UTC'],
  ])('%s in %s has none', (expression, zone) => {
    expect(firstDifference(cron(expression, zone), now)).toBeNull()
  })

  it('looks no further than its bounds', () => {
    expect(firstDifference(cron('0 9 */1 * 1-5', 'UTC', { end_at: new Date('2026-12-05T09:00:00Z') }), now)).toBeNull()
    expect(firstDifference(cron('0 9 */1 * 1-5', 'UTC', { start_at: new Date('2026-12-06T00:00:00Z') }), now)).toEqual({
      at: new Date('2026-12-06T09:00:00Z'),
      was: true,
    })
  })
})

describe('a stored cron that would be refused now', () => {
  const texts = (plan: Plan, count: number) =>
    dueTimesBetween(plan, now, new Date('2030-01-01T00:00:00Z'), count).map((at) => at.toISOString().slice(5, 19))

  it('keeps the due times that it had, and says so', () => {
    const aws = cron('0 10 * * ? *')
    expect(texts(aws, 3)).toEqual(['11-29T12:10:00', '11-29T13:10:00', '11-29T14:10:00'])
    expect(rereadCron(aws, now, now)).toEqual({
      warnings: [
        'A new schedule of this kind is refused ("0 10 * * ? *" is AWS\'s form, with the minute first and the year last: write "0 10 * * *"). This one keeps the due times that it had; change its expression.',
      ],
      next_due_at: new Date('2026-11-29T12:10:00Z'),
    })
    expect(describePlan(aws, now)).toEqual({
      description: 'Cron "0 10 * * ? *", read as in an earlier release (UTC)',
      warnings: [],
    })
  })

  it('also when it can be read and never fires', () => {
    const never = cron('0 0 31 2 */2')
    expect(texts(never, 2)).toEqual(['02-02T00:00:00', '02-04T00:00:00'])
    expect(rereadCron(never, now, now).warnings).toEqual([expect.stringMatching(/refused \(.*never fires/)])
    expect(nextDue({ ...never, read: 'today' }, now)).toBeNull()
  })

  it('and one of the ledger is counted as it was written', () => {
    const plan = cron('0 9 */1 * 1-5')
    const week = [now, new Date('2026-12-06T23:00:00Z'), 100] as const
    expect(dueTimesBetween(plan, ...week)).toHaveLength(5)
    expect(dueTimesBetween({ ...plan, read: 'old' }, ...week)).toHaveLength(7)
  })
})
