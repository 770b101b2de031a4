import { useFixture } from '@automagik-spark/testing/fixture'
import { describe, expect, it } from 'vitest'
import { ID } from './fake-engine.ts'
import type { RunningApi } from './running-api.ts'
import { startApi } from './running-api.ts'

const api = useFixture(startApi)

const made = { workflow_id: ID, schedule_type: 'interval', schedule_expr: '5m' }
const query = (path: string, name: string, time: string) =>
  api.call('GET', `${path}${path.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(time)}`)
/** Every place where a time is given. */
const FIELDS: [string, (time: string) => ReturnType<RunningApi['call']>][] = [
  ['start_at', (time) => api.call('POST', '/api/v1/schedules', { body: { ...made, start_at: time } })],
  ['end_at', (time) => api.call('PATCH', `/api/v1/schedules/${ID}`, { body: { end_at: time } })],
  [
    'from',
    (time) =>
      api.call('POST', `/api/v1/schedules/${ID}/backfill`, { body: { from: time, to: '2028-01-01T00:00:00Z' } }),
  ],
  [
    'to',
    (time) =>
      api.call('POST', `/api/v1/schedules/${ID}/backfill`, { body: { from: '2026-01-01T00:00:00Z', to: time } }),
  ],
  ['from', (time) => query('/api/v1/schedules/preview?schedule_type=interval&schedule_expr=5m', 'from', time)],
  ['created_after', (time) => query('/api/v1/tasks', 'created_after', time)],
  ['created_before', (time) => query('/api/v1/tasks', 'created_before', time)],
]

describe.each(FIELDS)('%s', (name, give) => {
  it.each([
    '2027-12-01T08:00:00Z',
    '2027-12-01T08:00+01:00',
    '2027-12-01 08:00:00Z',
    '2027-12-01T08:00:00+0100',
    '2027-12-01T08:00+01',
    '2027-12-01t08:00z',
    '2027-12-01 08:00:00 +0100',
    '2027-12-01T08:00:00,25-03:30',
  ])('takes %s', async (time) => {
    expect((await give(time)).status).toBeLessThan(300)
  })

  it.each([
    ['2027-12-01T08:00:00', /must be an ISO 8601 time with Z or an offset/],
    ['2027-02-30T08:00:00Z', /has day 30: 2027-02 has 28 days/],
    ['2027-12-01T24:00Z', /has the hour 24: write "2027-12-02T00:00Z"/],
    ['2027-12-31T23:59:60Z', /leap seconds are not counted/],
    ['2027-12-01T08:00:00 01:00', /has no sign before its offset: write \+ \(in a URL as %2B\)/],
    ['1796115600', /is a number: write it as a time, "2026-12-01T09:00:00Z"/],
  ])('refuses %s and says why', async (time, message) => {
    const answer = await give(time)
    expect(answer.status).toBe(400)
    expect(answer.json).toMatchObject({ errors: [{ path: name, message: expect.stringMatching(message) as string }] })
  })
})
