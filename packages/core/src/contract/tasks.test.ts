import { describe, expect, it } from 'vitest'
import { CreateSchedule, ReplaceSchedule, UpdateSchedule } from './schedules.ts'
import { ReplayTask } from './tasks.ts'
import { RunRequest } from './workflows.ts'

const ID = '019aa000-0000-7000-8000-000000000000'
const schedule = { workflow_id: ID, schedule_type: 'interval', schedule_expr: '15m' }

describe.each([
  ['a run', (options: object) => RunRequest.safeParse({ input_value: 'x', ...options })],
  ['a new schedule', (options: object) => CreateSchedule.safeParse({ ...schedule, ...options })],
  ['a replaced schedule', (options: object) => ReplaceSchedule.safeParse(options)],
  ['a changed schedule', (options: object) => UpdateSchedule.safeParse(options)],
])('the retries of %s', (_, parse) => {
  it.each([0, 1, 100])('may be %j', (max_retries) => {
    expect(parse({ max_retries, retry_on: 'unknown' }).data).toMatchObject({ max_retries, retry_on: 'unknown' })
  })
  it.each([-1, 101, 1e9, 1.5, '3', true])('may not be %j, and the message says what may', (max_retries) => {
    const { error } = parse({ max_retries })
    expect(JSON.stringify(error?.issues)).toContain('must be a whole number from 0 to 100')
  })
  it.each(['always', '', 'Safe', 1])('are not for %j, and the message says for what', (retry_on) => {
    expect(JSON.stringify(parse({ retry_on }).error?.issues)).toContain('must be safe, failure or unknown')
  })
})

it('a schedule has 3 retries with retry_on safe by default, and an update leaves them', () => {
  expect(CreateSchedule.parse(schedule)).toMatchObject({ max_retries: 3, retry_on: 'safe' })
  expect(ReplaceSchedule.parse({})).toMatchObject({ max_retries: 3, retry_on: 'safe' })
  expect(UpdateSchedule.parse({})).toEqual({})
})

it('a replay takes another input and no other field', () => {
  expect(ReplayTask.parse({})).toEqual({})
  expect(ReplayTask.parse({ input_value: null })).toEqual({ input_value: null })
  expect(ReplayTask.parse({ input_value: 'a\u0000b' })).toEqual({ input_value: '"a\\u0000b"' })
  expect(ReplayTask.safeParse({ tweaks: {} }).success).toBe(false)
})
