import { describe, expect, it } from 'vitest'
import { backfillSpan, chooseBackfill, splitSpan } from './backfill.ts'
import type { Plan } from './plan.ts'
import { dueTimesBetween } from './plan.ts'

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
const past = { plan, decided_until: at('11:00:00'), isOver: false }
const span = { from: at('10:00:00'), to: at('11:00:00'), now: at('12:00:00') }
const times = (dates: Date[]) => dates.map((date) => date.toISOString().slice(11, 19)).join(' ')

describe('backfillSpan', () => {
  it('has the due times from `from` on and before `to`', () => {
    expect(times(backfillSpan(past, span).due)).toBe('10:00:00 10:10:00 10:20:00 10:30:00 10:40:00 10:50:00')
    expect(times(backfillSpan(past, { ...span, from: at('10:00:00.001'), to: at('10:20:00.001') }).due)).toBe(
      '10:10:00 10:20:00',
    )
    expect(backfillSpan(past, span).undecided).toBeNull()
  })

  it('keeps to what is decided, and tells the rest', () => {
    expect(backfillSpan({ ...past, decided_until: at('10:25:00') }, span)).toEqual({
      due: [at('10:00:00'), at('10:10:00'), at('10:20:00')],
      undecided: { scheduled_for: at('10:30:00'), until: at('10:50:00'), count: 3, count_at_least: false },
    })
    expect(backfillSpan({ ...past, decided_until: at('09:00:00') }, span)).toMatchObject({
      due: [],
      undecided: { scheduled_for: at('10:00:00'), count: 6 },
    })
  })

  it('has all of the past when the schedule is over', () => {
    expect(backfillSpan({ ...past, decided_until: at('10:25:00'), isOver: true }, span)).toMatchObject({
      due: { length: 6 },
      undecided: null,
    })
  })

  it('leaves out a one time that is not decided', () => {
    const once: Plan = { ...plan, schedule_type: 'one-time', schedule_expr: '2026-06-01T10:30:00Z' }
    expect(backfillSpan({ plan: once, decided_until: null, isOver: false }, span)).toEqual({
      due: [],
      undecided: { scheduled_for: at('10:30:00'), until: null, count: 1, count_at_least: false },
    })
    expect(times(backfillSpan({ plan: once, decided_until: at('10:30:00'), isOver: true }, span).due)).toBe('10:30:00')
  })

  it('keeps to the bounds of the schedule', () => {
    expect(
      times(backfillSpan({ ...past, plan: { ...plan, start_at: at('10:15:00'), end_at: at('10:40:00') } }, span).due),
    ).toBe('10:20:00 10:30:00')
  })

  it.each<[string, Partial<typeof span>, RegExp]>([
    ['an end before its start', { to: at('09:00:00') }, /^to: must be later than from \(2026-06-01T10:00:00Z\)/],
    ['nothing at all', { to: at('10:00:00') }, /^to: must be later than from/],
    ['the future', { to: at('12:00:01') }, /^to: lies in the future.*write 2026-06-01T12:00:00Z or an earlier time/],
  ])('refuses %s', (_, change, message) => {
    expect(() => backfillSpan(past, { ...span, ...change })).toThrow(message)
  })
})

describe('chooseBackfill', () => {
  const secondly: Plan = { ...plan, schedule_expr: '* * * * * *' }
  const due = (from: string, to: string) =>
    backfillSpan({ ...past, plan: secondly }, { ...span, from: at(from), to: at(to) }).due

  it('takes what has not started', () => {
    expect(times(chooseBackfill(backfillSpan(past, span).due, (one) => one < at('10:40:00')))).toBe('10:40:00 10:50:00')
  })

  it('takes a thousand and no more, and names the span to begin with', () => {
    expect(chooseBackfill(due('10:00:00', '10:16:40'), () => false)).toHaveLength(1000)
    expect(() => chooseBackfill(due('10:00:00', '10:16:41'), () => false)).toThrow(
      /^to: the span has more than 1000 due times to run: write "2026-06-01T10:16:40Z" or an earlier time/,
    )
    expect(chooseBackfill(due('10:00:00', '10:16:41'), (one) => one < at('10:00:01'))).toHaveLength(1000)
  })

  it('looks at ten thousand and no more', () => {
    expect(chooseBackfill(due('08:00:00', '10:46:40'), () => true)).toEqual([])
    expect(() => chooseBackfill(due('08:00:00', '10:46:41'), () => true)).toThrow(
      /^to: the span has more than 10000 due times: write "2026-06-01T10:46:40Z" or an earlier time/,
    )
  })
})

describe('splitSpan', () => {
  const whole = { scheduled_for: at('10:00:00'), until: at('10:50:00') }
  it.each([
    ['its first', ['10:00:00'], ['10:10:00–10:50:00 ×5']],
    ['its last', ['10:50:00'], ['10:00:00–10:40:00 ×5']],
    ['the middle', ['10:20:00', '10:30:00'], ['10:00:00–10:10:00 ×2', '10:40:00–10:50:00 ×2']],
    ['all but single ones', ['10:10:00', '10:30:00', '10:50:00'], ['10:00:00 ×1', '10:20:00 ×1', '10:40:00 ×1']],
    ['all', ['10:00:00', '10:10:00', '10:20:00', '10:30:00', '10:40:00', '10:50:00'], []],
    ['what was no due time of it', ['10:15:00'], ['10:00:00–10:10:00 ×2', '10:20:00–10:50:00 ×4']],
  ])('leaves the rest around %s', (_, taken, rest) => {
    const pieces = splitSpan(plan, whole, taken.map(at))
    expect(
      pieces.map(
        (piece) => `${times([piece.scheduled_for])}${piece.until ? `–${times([piece.until])}` : ''} ×${piece.count}`,
      ),
    ).toEqual(rest)
  })

  it('counts the rest exactly when the whole was too much to count', () => {
    const secondly: Plan = { ...plan, schedule_expr: '* * * * * *' }
    expect(splitSpan(secondly, { scheduled_for: at('00:00:00'), until: at('05:00:00') }, [at('01:00:00')])).toEqual([
      { scheduled_for: at('00:00:00'), until: at('00:59:59'), count: 3600, count_at_least: false },
      { scheduled_for: at('01:00:01'), until: at('05:00:00'), count: 10_000, count_at_least: true },
    ])
  })

  it('neither loses nor repeats a due time, whatever is taken out', () => {
    const every = dueTimesBetween(plan, new Date(whole.scheduled_for.getTime() - 1), whole.until, 100)
    for (let mask = 0; mask < 2 ** every.length; mask++) {
      const taken = every.filter((_, index) => mask & (2 ** index))
      const left = splitSpan(plan, whole, taken).flatMap((piece) =>
        dueTimesBetween(
          plan,
          new Date(piece.scheduled_for.getTime() - 1),
          piece.until ?? piece.scheduled_for,
          piece.count,
        ),
      )
      expect([...taken, ...left].sort((a, b) => a.getTime() - b.getTime())).toEqual(every)
    }
  })
})
