import { describe, expect, it } from 'vitest'
import { CreateSchedule, ReplaceSchedule, UpdateSchedule } from './schedules.ts'

const minimal = { workflow_id: '019aa000-0000-7000-8000-000000000000', schedule_type: 'interval', schedule_expr: '15m' }

it('a field that is left out gets its default in create and replace, and an update leaves it', () => {
  const defaults = {
    overlap: 'skip',
    misfire: 'last',
    catchup_window: null,
    jitter: 0,
    start_at: null,
    end_at: null,
    max_runs: null,
    pause_after_failures: null,
    timezone: 'UTC',
  }
  expect(CreateSchedule.parse(minimal)).toMatchObject(defaults)
  expect(ReplaceSchedule.parse({})).toMatchObject(defaults)
  expect(UpdateSchedule.parse({})).toEqual({})
})

describe.each([
  ['made', (options: object) => CreateSchedule.safeParse({ ...minimal, ...options })],
  ['replaced', (options: object) => ReplaceSchedule.safeParse(options)],
  ['changed', (options: object) => UpdateSchedule.safeParse(options)],
])('a schedule that is %s', (_, parse) => {
  it.each([
    { overlap: 'queue_all' },
    { overlap: 'queue_one' },
    { overlap: 'cancel_previous' },
    { misfire: 'skip' },
    { misfire: 'all' },
    { catchup_window: 0 },
    { catchup_window: null },
    { catchup_window: 31_622_400 },
    { jitter: 0 },
    { jitter: 86_400 },
    { pause_after_failures: 1 },
    { pause_after_failures: null },
    { pause_after_failures: 1_000_000 },
  ])('takes %j', (options) => {
    expect(parse(options).data).toMatchObject(options)
  })

  it.each<[object, string]>([
    [{ overlap: 'queue' }, 'overlap: must be skip, queue_all, queue_one, cancel_previous or allow'],
    [{ overlap: null }, 'overlap: must be skip, queue_all, queue_one, cancel_previous or allow'],
    [{ misfire: 'first' }, 'misfire: must be last, skip or all'],
    [{ catchup_window: -1 }, 'catchup_window: must be a whole number of seconds from 0 to 31622400 (a year)'],
    [{ catchup_window: 0.5 }, 'catchup_window: must be a whole number of seconds from 0 to 31622400 (a year)'],
    [{ catchup_window: '1h' }, 'catchup_window: must be a whole number of seconds from 0 to 31622400 (a year)'],
    [{ jitter: -1 }, 'jitter: must be a whole number of seconds from 0 to 86400 (a day)'],
    [{ jitter: 1e9 }, 'jitter: must be a whole number of seconds from 0 to 86400 (a day)'],
    [{ jitter: null }, 'jitter: must be a whole number of seconds from 0 to 86400 (a day)'],
    [{ max_runs: 0 }, 'max_runs: must be 1 or more'],
    [{ pause_after_failures: 0 }, 'pause_after_failures: must be a whole number from 1 to 1000000, or null for never'],
    [
      { pause_after_failures: 1.5 },
      'pause_after_failures: must be a whole number from 1 to 1000000, or null for never',
    ],
    [
      { pause_after_failures: 'never' },
      'pause_after_failures: must be a whole number from 1 to 1000000, or null for never',
    ],
    [{ end_at: 'tomorrow' }, 'end_at: must be an ISO 8601 time with Z or an offset, such as 2026-01-31T08:00:00Z'],
  ])('refuses %j and says what to write', (options, message) => {
    expect(parse(options).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)).toEqual([message])
  })
})
