import { describe, expect, it } from 'vitest'
import { DomainError } from '../errors.ts'
import type { Plan } from './plan.ts'
import type { OptionsInput, PlanInput } from './validate.ts'
import { validateOptions, validatePlan } from './validate.ts'

const now = new Date('2026-06-01T12:00:00.700Z')
const at = (text: string) => new Date(text)
const cron: PlanInput = {
  schedule_type: 'cron',
  schedule_expr: '0 8 * * *',
  timezone: 'UTC',
  start_at: null,
  end_at: null,
  jitter: 0,
  now,
}
const interval: PlanInput = { ...cron, schedule_type: 'interval', schedule_expr: '15m' }
const once: PlanInput = { ...cron, schedule_type: 'one-time', schedule_expr: '2026-07-01T08:00:00Z' }

const refusal = (check: () => unknown): { path: string; message: string } => {
  try {
    check()
  } catch (error) {
    if (error instanceof DomainError && error.code === 'invalid') return error.errors[0]!
    throw error
  }
  throw new Error('it was not refused')
}

describe('validatePlan accepts', () => {
  it.each([
    ['a cron', cron, '0 8 * * *'],
    ['a cron with blanks around it', { ...cron, schedule_expr: '  */5 * * * *  ' }, '*/5 * * * *'],
    ['six fields', { ...cron, schedule_expr: '30 0 8 * * MON-FRI' }, '30 0 8 * * MON-FRI'],
    ['a nickname', { ...cron, schedule_expr: '@Hourly' }, '@Hourly'],
    ['an interval in either case', { ...interval, schedule_expr: '15M' }, '15M'],
    ['the longest interval', { ...interval, schedule_expr: '36500d' }, '36500d'],
    ['a time with Z', once, '2026-07-01T08:00:00Z'],
    ['a time with an offset', { ...once, schedule_expr: '2026-07-01T08:00+02:00' }, '2026-07-01T08:00+02:00'],
    ['a local time', { ...once, schedule_expr: '2026-07-01T08:00', timezone: 'Europe/Lisbon' }, '2026-07-01T08:00'],
    ['the current second', { ...once, schedule_expr: '2026-06-01T12:00:00Z' }, '2026-06-01T12:00:00Z'],
    [
      'a fraction that rounds up to the current second',
      { ...once, schedule_expr: '2026-06-01T11:59:59.001Z' },
      '2026-06-01T11:59:59.001Z',
    ],
    ['now, which becomes the current second', { ...once, schedule_expr: 'NOW' }, '2026-06-01T12:00:00Z'],
  ])('%s', (_, input, schedule_expr) => {
    expect(validatePlan(input)).toMatchObject({ schedule_expr, anchor: at('2026-06-01T12:00:00Z'), moves: true })
  })

  it('bounds, rounded up to whole seconds', () => {
    expect(
      validatePlan({ ...cron, start_at: at('2026-07-01T00:00:00.001Z'), end_at: at('2026-08-01T00:00:00.001Z') }),
    ).toMatchObject({
      start_at: at('2026-07-01T00:00:01Z'),
      end_at: at('2026-08-01T00:00:01Z'),
    })
  })

  it('a zone in any case', () => {
    expect(validatePlan({ ...cron, timezone: 'europe/lisbon' }).timezone).toBe('Europe/Lisbon')
    expect(validatePlan({ ...cron, timezone: 'Asia/Kolkata' }).timezone).toBe('Asia/Kolkata')
  })
})

describe('validatePlan refuses', () => {
  it.each<[string, Partial<PlanInput>, string, RegExp]>([
    // cron
    [
      'four fields',
      { schedule_expr: '0 8 * *' },
      'schedule_expr',
      /has 4 fields: a cron expression has five fields .* such as "0 8 \* \* 1-5"/,
    ],
    ['one word', { schedule_expr: 'often' }, 'schedule_expr', /has one field/],
    [
      'a year',
      { schedule_expr: '0 0 8 * * * 2027' },
      'schedule_expr',
      /leave the year out and bound the schedule with start_at and end_at/,
    ],
    [
      'an hour of 25',
      { schedule_expr: '0 25 * * *' },
      'schedule_expr',
      /the hour "25" cannot be read: it takes 0-23, such as 8,/,
    ],
    ['a minute of 60', { schedule_expr: '60 * * * *' }, 'schedule_expr', /the minute "60"/],
    ['a second of 60', { schedule_expr: '60 * * * * *' }, 'schedule_expr', /the second "60"/],
    ['day 0', { schedule_expr: '0 0 0 * *' }, 'schedule_expr', /the day of month "0"/],
    [
      'a month by its whole name',
      { schedule_expr: '0 0 1 january *' },
      'schedule_expr',
      /the month "january" cannot be read: write "JAN"/,
    ],
    ['weekday 8', { schedule_expr: '0 0 * * 8' }, 'schedule_expr', /the day of week "8"/],
    ['the sixth Monday', { schedule_expr: '0 0 * * MON#6' }, 'schedule_expr', /the day of week "MON#6"/],
    [
      'a range over midnight',
      { schedule_expr: '0 22-2 * * *' },
      'schedule_expr',
      /the hour "22-2" cannot be read: write "22-23,0-2"/,
    ],
    ['a range over the week', { schedule_expr: '0 0 * * FRI-MON' }, 'schedule_expr', /write "FRI-SAT,SUN-MON"/],
    ['a range over the year', { schedule_expr: '0 0 1 NOV-FEB *' }, 'schedule_expr', /write "NOV-DEC,JAN-FEB"/],
    ['a step of 0', { schedule_expr: '*/0 * * * *' }, 'schedule_expr', /the minute "\*\/0"/],
    ['@reboot', { schedule_expr: '@reboot' }, 'schedule_expr', /"@reboot" has no due times: .* start a manual run/],
    [
      '@every',
      { schedule_expr: '@every 5m' },
      'schedule_expr',
      /"@every 5m" is an interval: set schedule_type to "interval" and write "5m"/,
    ],
    [
      'a cron that never fires',
      { schedule_expr: '0 0 30 2 *' },
      'schedule_expr',
      /never fires: no year has such a date/,
    ],
    [
      'an interval as a cron',
      { schedule_expr: '15m' },
      'schedule_expr',
      /set schedule_type to "interval" and write "15m"/,
    ],
    // interval
    ['no unit', { schedule_type: 'interval', schedule_expr: '300' }, 'schedule_expr', /has no unit: write "300s"/],
    ['0 minutes', { schedule_type: 'interval', schedule_expr: '0m' }, 'schedule_expr', /write 1 or more, such as "1m"/],
    [
      'weeks',
      { schedule_type: 'interval', schedule_expr: '1w' },
      'schedule_expr',
      /"1w" is not an interval: write "7d" \(elapsed time: .*a cron such as "0 8 \* \* \*" stays at its local time\)/,
    ],
    [
      'days in words',
      { schedule_type: 'interval', schedule_expr: '2 days' },
      'schedule_expr',
      /write "2d" \(elapsed time: /,
    ],
    [
      'minutes in words',
      { schedule_type: 'interval', schedule_expr: 'every 90 minutes' },
      'schedule_expr',
      /write "90m"$/,
    ],
    ['an ISO duration', { schedule_type: 'interval', schedule_expr: 'PT1H30M' }, 'schedule_expr', /write "90m"$/],
    [
      'a cron as an interval',
      { schedule_type: 'interval', schedule_expr: '*/5 * * * *' },
      'schedule_expr',
      /is a cron expression: set schedule_type to "cron"/,
    ],
    [
      'nonsense',
      { schedule_type: 'interval', schedule_expr: 'soon' },
      'schedule_expr',
      /is not an interval: write a whole number and s, m, h or d, such as "15m"/,
    ],
    [
      'half an hour in hours',
      { schedule_type: 'interval', schedule_expr: '0.5h' },
      'schedule_expr',
      /is not an interval/,
    ],
    ['a negative interval', { schedule_type: 'interval', schedule_expr: '-5m' }, 'schedule_expr', /is not an interval/],
    [
      '10^9 days',
      { schedule_type: 'interval', schedule_expr: '1000000000d' },
      'schedule_expr',
      /too long: write at most 36500d/,
    ],
    [
      'digits without end',
      { schedule_type: 'interval', schedule_expr: `${'9'.repeat(200)}s` },
      'schedule_expr',
      /too long/,
    ],
    // one-time
    [
      'the past',
      { schedule_type: 'one-time', schedule_expr: '2026-06-01T11:59:59Z' },
      'schedule_expr',
      /lies in the past \(it is 2026-06-01T12:00:00Z\): write a later time, or "now"/,
    ],
    [
      'the past in another zone',
      { schedule_type: 'one-time', schedule_expr: '2026-06-01T12:30', timezone: 'Europe/Lisbon' },
      'schedule_expr',
      /lies in the past/,
    ],
    [
      'words',
      { schedule_type: 'one-time', schedule_expr: 'tomorrow' },
      'schedule_expr',
      /is not a time: write a date and a time in ISO 8601, such as/,
    ],
    [
      'a date alone',
      { schedule_type: 'one-time', schedule_expr: '2026-07-01' },
      'schedule_expr',
      /such as "2026-07-01T08:00:00Z"/,
    ],
    [
      '30 February',
      { schedule_type: 'one-time', schedule_expr: '2027-02-30T08:00:00Z' },
      'schedule_expr',
      /has day 30: 2027-02 has 28 days/,
    ],
    [
      'a time in a gap',
      { schedule_type: 'one-time', schedule_expr: '2027-03-28T01:30', timezone: 'Europe/Lisbon' },
      'schedule_expr',
      /does not exist in Europe\/Lisbon.*2027-03-28T00:30:00Z \(00:30:00 there\) or 2027-03-28T01:30:00Z \(02:30:00 there\)/,
    ],
    [
      'a time that comes twice',
      { schedule_type: 'one-time', schedule_expr: '2026-10-25T01:30', timezone: 'Europe/Lisbon' },
      'schedule_expr',
      /exists twice in Europe\/Lisbon.*2026-10-25T00:30:00Z for the first or 2026-10-25T01:30:00Z for the second/,
    ],
    // bounds
    [
      'an end before the start',
      { start_at: at('2026-08-01T00:00:00Z'), end_at: at('2026-07-01T00:00:00Z') },
      'end_at',
      /must be later than start_at \(2026-08-01T00:00:00Z\)/,
    ],
    [
      'an end at the start',
      { start_at: at('2026-08-01T00:00:00Z'), end_at: at('2026-08-01T00:00:00Z') },
      'end_at',
      /must be later than start_at/,
    ],
    ['an end in the past', { end_at: at('2026-06-01T12:00:00Z') }, 'end_at', /lies in the past/],
    [
      'an end before the first due time',
      { end_at: at('2026-06-02T08:00:00Z') },
      'end_at',
      /leaves no due time: the first is 2026-06-02T08:00:00Z/,
    ],
    [
      'an end at the one time',
      { schedule_type: 'one-time', schedule_expr: '2026-07-01T08:00:00Z', end_at: at('2026-07-01T08:00:00Z') },
      'end_at',
      /leaves no due time/,
    ],
    [
      'a start after the one time',
      { schedule_type: 'one-time', schedule_expr: '2026-07-01T08:00:00Z', start_at: at('2026-07-01T08:00:01Z') },
      'start_at',
      /leaves no due time/,
    ],
    // jitter
    ['a negative jitter', { jitter: -1 }, 'jitter', /whole number of seconds, 0 or more/],
    ['a jitter of a day and a second', { jitter: 86401 }, 'jitter', /at most 86400/],
    [
      'a jitter as long as the interval',
      { schedule_type: 'interval', schedule_expr: '1m', jitter: 60 },
      'jitter',
      /must be shorter than the interval "1m": write at most 59/,
    ],
    // the rest
    ['an unknown type', { schedule_type: 'weekly' as 'cron' }, 'schedule_type', /write cron, interval or one-time/],
    [
      'an abbreviation',
      { timezone: 'EST' },
      'timezone',
      /is an abbreviation, not an IANA time zone: write "America\/New_York"/,
    ],
    [
      'an unknown zone',
      { timezone: 'Europe/Lisbonn' },
      'timezone',
      /not an IANA time zone: did you mean "Europe\/Lisbon"\?/,
    ],
  ])('%s', (_, change, path, message) => {
    const answer = refusal(() => validatePlan({ ...cron, ...change }))
    expect(answer.message).toMatch(message)
    expect(answer.path).toBe(path)
  })
})

describe('validatePlan on an edit', () => {
  const stored = { ...validatePlan({ ...interval, now: at('2026-05-01T00:00:00Z') }), seed: 'a' }

  it('keeps the anchor and moves nothing when the times stay the same', () => {
    expect(validatePlan({ ...interval, stored })).toMatchObject({ anchor: at('2026-05-01T00:00:00Z'), moves: false })
    expect(validatePlan({ ...interval, schedule_expr: '15M', stored })).toMatchObject({ moves: false })
  })

  it('keeps the anchor when only bounds, zone or jitter move', () => {
    for (const change of [
      { end_at: at('2027-01-01T00:00:00Z') },
      { jitter: 5 },
      { timezone: 'Europe/Lisbon' },
      { start_at: at('2026-07-01T00:00:00Z') },
    ]) {
      expect(validatePlan({ ...interval, ...change, stored })).toMatchObject({
        anchor: at('2026-05-01T00:00:00Z'),
        moves: true,
      })
    }
  })

  it('keeps a stored zone that would be refused now', () => {
    const old = { ...stored, timezone: 'EST5EDT' }
    expect(validatePlan({ ...interval, timezone: 'EST5EDT', stored: old })).toMatchObject({
      timezone: 'EST5EDT',
      moves: false,
    })
    expect(refusal(() => validatePlan({ ...interval, timezone: 'PST8PDT', stored: old }))).toMatchObject({
      path: 'timezone',
    })
  })

  it('keeps a cron that only the old reader accepts, until its times move', () => {
    const old: Plan = {
      ...validatePlan({ ...cron, now: at('2026-05-01T00:00:00Z') }),
      schedule_expr: '0 10 * * ? *',
      seed: 'a',
    }
    const given = { ...cron, schedule_expr: '0 10 * * ? *' }
    expect(validatePlan({ ...given, stored: old })).toMatchObject({ schedule_expr: '0 10 * * ? *', moves: false })
    expect(refusal(() => validatePlan({ ...given, jitter: 5, stored: old })).message).toMatch(/is AWS's form/)
    expect(refusal(() => validatePlan(given)).message).toMatch(/is AWS's form/)
  })

  it('takes the current second as anchor when type or expression changes', () => {
    expect(validatePlan({ ...interval, schedule_expr: '20m', stored })).toMatchObject({
      anchor: at('2026-06-01T12:00:00Z'),
      moves: true,
    })
    expect(validatePlan({ ...cron, stored })).toMatchObject({ anchor: at('2026-06-01T12:00:00Z'), moves: true })
  })

  it('accepts a time and an end that have passed, when the schedule had them before', () => {
    const passed = { ...validatePlan({ ...once, now: at('2026-06-01T00:00:00Z') }), seed: 'a' }
    expect(validatePlan({ ...once, now: at('2026-08-01T00:00:00Z'), stored: passed })).toMatchObject({ moves: false })
    const ended = { ...validatePlan({ ...cron, end_at: at('2026-07-01T00:00:00Z') }), seed: 'a' }
    expect(
      validatePlan({ ...cron, end_at: at('2026-07-01T00:00:00Z'), now: at('2026-08-01T00:00:00Z'), stored: ended }),
    ).toMatchObject({ moves: false })
    expect(
      refusal(() => validatePlan({ ...once, now: at('2026-08-01T00:00:00Z'), jitter: 5, stored: passed })),
    ).toMatchObject({ path: 'schedule_expr' })
  })
})

describe('validateOptions', () => {
  const options: OptionsInput = { overlap: 'skip', misfire: 'last' }
  it.each<[string, Partial<OptionsInput>, string, RegExp]>([
    [
      'misfire all with overlap skip',
      { misfire: 'all' },
      'misfire',
      /set overlap to "queue_all" or "allow", or misfire to "last"/,
    ],
    ['misfire all with overlap queue_one', { misfire: 'all', overlap: 'queue_one' }, 'misfire', /queue_all/],
    [
      'misfire all with overlap cancel_previous',
      { misfire: 'all', overlap: 'cancel_previous' },
      'misfire',
      /queue_all/,
    ],
    ['a negative catch-up', { catchup_window: -1 }, 'catchup_window', /from 0 to/],
    ['half a second of catch-up', { catchup_window: 0.5 }, 'catchup_window', /whole number of seconds/],
    ['no runs at all', { max_runs: 0 }, 'max_runs', /1 or more, or null/],
    [
      'no more runs than have started',
      { max_runs: 3, stored: { max_runs: null, run_count: 3 } },
      'max_runs',
      /more than the 3 that have started: write 4 or more, or null/,
    ],
  ])('refuses %s', (_, change, path, message) => {
    const answer = refusal(() => validateOptions({ ...options, ...change }))
    expect(answer.message).toMatch(message)
    expect(answer.path).toBe(path)
  })

  it.each<[string, Partial<OptionsInput>]>([
    ['misfire all with overlap queue_all', { misfire: 'all', overlap: 'queue_all' }],
    ['misfire all with overlap allow', { misfire: 'all', overlap: 'allow' }],
    ['no catch-up', { catchup_window: 0 }],
    ['a max_runs that was reached and stays', { max_runs: 3, stored: { max_runs: 3, run_count: 3 } }],
  ])('takes %s', (_, change) => {
    expect(() => validateOptions({ ...options, ...change })).not.toThrow()
  })
})
