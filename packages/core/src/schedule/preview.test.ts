import { describe, expect, it } from 'vitest'
import { DomainError } from '../errors.ts'
import type { PreviewInput } from './preview.ts'
import { preview } from './preview.ts'

const now = new Date('2026-06-01T12:00:00.700Z')
const at = (text: string) => new Date(text)
const cron: PreviewInput = {
  schedule_type: 'cron',
  schedule_expr: '0 8 * * *',
  timezone: 'Europe/Lisbon',
  count: 3,
  now,
}
const runs = (input: PreviewInput) => preview(input).next_runs.map((run) => `${run.at.toISOString()} ${run.local}`)

describe('preview', () => {
  it('shows the times of a schedule that is created now, in UTC and on its clock', () => {
    expect(preview(cron)).toEqual({
      description: 'At 08:00, every day (Europe/Lisbon)',
      warnings: [],
      next_runs: [
        { at: at('2026-06-02T07:00:00Z'), local: '2026-06-02T08:00:00+01:00' },
        { at: at('2026-06-03T07:00:00Z'), local: '2026-06-03T08:00:00+01:00' },
        { at: at('2026-06-04T07:00:00Z'), local: '2026-06-04T08:00:00+01:00' },
      ],
    })
  })

  it('does not count this very second, as a new schedule does not, but counts `from`', () => {
    const noon = { ...cron, schedule_expr: '0 12 * * *', timezone: 'UTC', count: 1 }
    expect(runs({ ...noon, now: at('2026-06-01T12:00:00Z') })).toEqual([
      '2026-06-02T12:00:00.000Z 2026-06-02T12:00:00+00:00',
    ])
    expect(runs({ ...noon, from: at('2026-06-01T12:00:00Z') })).toEqual([
      '2026-06-01T12:00:00.000Z 2026-06-01T12:00:00+00:00',
    ])
    expect(runs({ ...noon, from: at('2026-06-01T12:00:00.001Z') })).toEqual([
      '2026-06-02T12:00:00.000Z 2026-06-02T12:00:00+00:00',
    ])
  })

  it('looks at a change of the clock from either side, and warns of one that lies ahead', () => {
    const autumn = { ...cron, schedule_expr: '*/30 1 * * *', from: at('2026-10-25T00:00:00Z'), count: 4 }
    expect(runs(autumn)).toEqual([
      '2026-10-25T00:00:00.000Z 2026-10-25T01:00:00+01:00',
      '2026-10-25T00:30:00.000Z 2026-10-25T01:30:00+01:00',
      '2026-10-25T01:00:00.000Z 2026-10-25T01:00:00+00:00',
      '2026-10-25T01:30:00.000Z 2026-10-25T01:30:00+00:00',
    ])
    expect(preview({ ...autumn, from: at('2026-10-01T00:00:00Z') }).warnings).toEqual([
      expect.stringMatching(/goes back from 2026-10-25 at 02:00:00 to 01:00:00: times that come twice run twice/),
      expect.stringMatching(/goes from 2027-03-28 at 01:00:00 to 02:00:00: times in between do not run/),
    ])
    expect(runs({ ...cron, timezone: 'America/St_Johns', count: 1 })).toEqual([
      '2026-06-02T10:30:00.000Z 2026-06-02T08:00:00-02:30',
    ])
  })

  it.each([
    ['an uneven step', '*/25 * * * *', /not an even step/],
    ['a day of month and a day of week', '0 8 1 * MON', /either matches/],
    ['months that it skips', '0 0 31 * *', /skips the months that have no day 31/],
  ])('warns of %s', (_, schedule_expr, warning) => {
    expect(preview({ ...cron, schedule_expr, timezone: 'UTC' }).warnings).toEqual([expect.stringMatching(warning)])
  })

  it('warns of an expression that never fires, and shows no times', () => {
    expect(preview({ ...cron, schedule_expr: '0 0 30 2 *' })).toMatchObject({
      warnings: [expect.stringMatching(/^It never fires/)],
      next_runs: [],
    })
  })

  it('counts an interval from where it is made', () => {
    const interval: PreviewInput = { schedule_type: 'interval', schedule_expr: '15m', timezone: 'UTC', count: 2, now }
    expect(runs(interval).map((text) => text.slice(0, 24))).toEqual([
      '2026-06-01T12:15:00.000Z',
      '2026-06-01T12:30:00.000Z',
    ])
    expect(runs({ ...interval, from: at('2030-01-01T00:00:00Z') }).map((text) => text.slice(0, 24))).toEqual([
      '2030-01-01T00:15:00.000Z',
      '2030-01-01T00:30:00.000Z',
    ])
  })

  it('has one time, or none when it lies before `from`', () => {
    const once: PreviewInput = {
      schedule_type: 'one-time',
      schedule_expr: '2026-07-01T08:00',
      timezone: 'Europe/Lisbon',
      count: 10,
      now,
    }
    expect(runs(once)).toEqual(['2026-07-01T07:00:00.000Z 2026-07-01T08:00:00+01:00'])
    expect(runs({ ...once, schedule_expr: 'now', timezone: 'UTC' })).toEqual([
      '2026-06-01T12:00:00.000Z 2026-06-01T12:00:00+00:00',
    ])
    expect(runs({ ...once, from: at('2026-08-01T00:00:00Z') })).toEqual([])
    expect(runs({ ...once, schedule_expr: '2026-05-01T08:00:00Z', from: at('2026-04-01T00:00:00Z') })).toHaveLength(1)
  })

  it.each<[Partial<PreviewInput>, RegExp]>([
    [{ schedule_expr: '61 * * * *' }, /^schedule_expr: the minute "61" cannot be read/],
    [{ timezone: 'Europe/Lisbonn' }, /^timezone: .*did you mean "Europe\/Lisbon"/],
    [{ schedule_type: 'interval', schedule_expr: '1000000000d' }, /^schedule_expr: .*write at most 36500d/],
    [{ schedule_type: 'one-time', schedule_expr: '2026-05-01T08:00:00Z' }, /^schedule_expr: .*lies in the past/],
    [
      { schedule_type: 'one-time', schedule_expr: '2027-03-28T01:30' },
      /^schedule_expr: .*does not exist in Europe\/Lisbon/,
    ],
  ])('refuses %j as a new schedule is refused', (change, message) => {
    expect(() => preview({ ...cron, ...change })).toThrow(DomainError)
    expect(() => preview({ ...cron, ...change })).toThrow(message)
  })

  it('ends where the calendar does', () => {
    expect(runs({ ...cron, timezone: 'UTC', from: at('9999-12-30T12:00:00Z'), count: 100 })).toHaveLength(1)
  })
})
