import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Decidable, Decision, World } from '../src/schedule/decide.ts'
import { decide } from '../src/schedule/decide.ts'
import type { LedgerRow } from '../src/schedule/ledger.ts'
import type { Plan } from '../src/schedule/plan.ts'
import { nextDue, previousDue, startOf } from '../src/schedule/plan.ts'
import { enumerate, expand, model } from './decide-model.ts'

const ZONES = [
  'UTC',
  'Europe/Lisbon',
  'America/New_York',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'Asia/Kathmandu',
  'America/Havana',
  'America/Sao_Paulo',
  'Asia/Kolkata',
  'Pacific/Apia',
]
const CRONS = [
  '* * * * *',
  '*/7 * * * *',
  '*/25 * * * *',
  '0 * * * *',
  '30 1 * * *',
  '0,30 1 * * *',
  '*/15 2 * * *',
  '0 0 * * *',
  '0 0 L * *',
  '0 9 * * 1-5',
  '*/10 * * * * *',
  '20,50 * * * * *',
  '0 0 29 2 *',
]

const cronText = fc.oneof(
  fc.constantFrom(...CRONS),
  fc
    .tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 0, max: 3 }))
    .map(([minute, hour]) => `${minute} ${hour} * * *`),
  fc
    .tuple(fc.integer({ min: 1, max: 59 }), fc.integer({ min: 1, max: 23 }))
    .map(([minute, hour]) => `*/${minute} */${hour} * * *`),
)
const intervalText = fc
  .tuple(fc.integer({ min: 1, max: 120 }), fc.constantFrom('s', 'm', 'h'))
  .map(([n, unit]) => `${n}${unit}`)

// Starts near changes of the clock and elsewhere.
const moment = fc.oneof(
  fc
    .constantFrom(
      '2026-03-29T01:00:00Z',
      '2026-10-25T01:00:00Z',
      '2026-03-08T07:00:00Z',
      '2026-11-01T06:00:00Z',
      '2026-04-04T15:00:00Z',
      '2026-10-03T15:30:00Z',
      '2026-04-23T22:00:00Z',
      '2028-02-29T00:00:00Z',
    )
    .map(Date.parse),
  fc.integer({ min: Date.UTC(2026, 0, 1) / 1000, max: Date.UTC(2030, 0, 1) / 1000 }).map((seconds) => seconds * 1000),
)

const planAt = (now: number): fc.Arbitrary<Plan> =>
  fc
    .record({
      expression: fc.oneof(
        { weight: 4, arbitrary: cronText.map((schedule_expr) => ({ schedule_type: 'cron' as const, schedule_expr })) },
        {
          weight: 3,
          arbitrary: intervalText.map((schedule_expr) => ({ schedule_type: 'interval' as const, schedule_expr })),
        },
        {
          weight: 1,
          arbitrary: fc.integer({ min: -10 * 86400, max: 3600 }).map((ago) => ({
            schedule_type: 'one-time' as const,
            schedule_expr: new Date(now + ago * 1000).toISOString(),
          })),
        },
      ),
      timezone: fc.constantFrom(...ZONES),
      anchor: fc.integer({ min: -100_000, max: 100_000 }).map((seconds) => new Date(now + seconds * 1000)),
      start_at: fc.option(
        fc.integer({ min: -200_000, max: 1000 }).map((seconds) => new Date(now + seconds * 1000)),
        { freq: 3, nil: null },
      ),
      end_at: fc.option(
        fc.integer({ min: -50_000, max: 200_000 }).map((seconds) => new Date(now + seconds * 1000)),
        { freq: 3, nil: null },
      ),
      jitter: fc.oneof(
        { weight: 2, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 300 }) },
      ),
      seed: fc.string({ minLength: 1, maxLength: 4 }),
    })
    .map(({ expression, jitter, ...rest }) => {
      const plan = { ...expression, ...rest, jitter }
      if (plan.schedule_type !== 'interval') return plan
      const unit = { s: 1, m: 60, h: 3600 }[plan.schedule_expr.slice(-1)]!
      return { ...plan, jitter: Math.min(jitter, Number.parseInt(plan.schedule_expr, 10) * unit - 1) }
    })

/** A schedule with up to some hundred undecided due times behind `now`, and the world it is decided in. */
const situation: fc.Arbitrary<{ schedule: Decidable; world: World }> = moment.chain((second) =>
  fc
    .record({
      now: fc.integer({ min: 0, max: 90_999 }).map((ms) => new Date(second + ms)),
      plan: planAt(second),
      behind: fc.integer({ min: 0, max: 250 }),
      off: fc.integer({ min: 0, max: 5000 }),
      overlap: fc.constantFrom('skip', 'allow', 'queue_all', 'queue_one', 'cancel_previous'),
      misfire: fc.constantFrom('last', 'skip', 'all'),
      catchup_window: fc.constantFrom(null, 0, 30, 61, 300, 3600, 86400),
      max_runs: fc.option(fc.integer({ min: 1, max: 130 }), { nil: null }),
      run_count: fc.integer({ min: 0, max: 20 }),
      open: fc.constantFrom(
        { count: 0, pending: 0 },
        { count: 1, pending: 0 },
        { count: 1, pending: 1 },
        { count: 2, pending: 1 },
        { count: 3, pending: 3 },
      ),
      suspension: fc.option(
        fc.record({
          from: fc.integer({ min: 0, max: 200_000 }),
          length: fc.option(fc.integer({ min: 1, max: 100_000 }), { freq: 6, nil: null }),
        }),
        { nil: null },
      ),
    })
    .map(({ now, plan, behind, off, suspension, open, ...options }) => {
      let watermark: Date | null = now
      for (let i = 0; i < behind && watermark; i++) watermark = previousDue(plan, watermark) ?? watermark
      const decided_until = plan.schedule_type === 'one-time' ? null : new Date(watermark.getTime() - off)
      const from = suspension && new Date(now.getTime() - suspension.from * 1000)
      return {
        schedule: { plan, decided_until, ...options },
        world: {
          now,
          open,
          suspension:
            from && suspension
              ? {
                  from,
                  until:
                    suspension.length === null
                      ? null
                      : new Date(Math.min(now.getTime(), from.getTime() + suspension.length * 1000)),
                }
              : null,
        },
      }
    }),
)

const started = (decision: Decision) => decision.rows.filter((row) => row.decision === 'started')

/** The schedule and the world after a decision is written, at the same time and with no task changed by others. */
const after = (schedule: Decidable, world: World, decision: Decision): { schedule: Decidable; world: World } => {
  const more = started(decision).length
  return {
    schedule: { ...schedule, decided_until: decision.decided_until, run_count: decision.run_count },
    world: { ...world, open: { count: world.open.count + more, pending: world.open.pending + more } },
  }
}

const RUNS = { numRuns: 1000 }

describe('deciding', () => {
  it('comes to what the four steps of the contract say, due time by due time', () => {
    fc.assert(
      fc.property(situation, ({ schedule, world }) => {
        expect(decide(schedule, world).rows.flatMap((row) => expand(schedule, row))).toEqual(model(schedule, world))
      }),
      RUNS,
    )
  })

  it('gives in batches of any size what it gives at once', () => {
    fc.assert(
      fc.property(
        situation,
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
        ({ schedule, world }, sizes) => {
          const whole = decide(schedule, world)
          const rows: LedgerRow[] = []
          let at = { schedule, world }
          let last: Decision | null = null
          for (let i = 0; i < 2000; i++) {
            const batch = sizes[i % sizes.length]!
            const decision = decide(at.schedule, { ...at.world, batch })
            const decided = decision.rows.reduce((sum, row) => sum + (row.reason === 'ended' ? 0 : row.count), 0)
            expect(decided).toBeLessThanOrEqual(batch)
            rows.push(...decision.rows)
            at = after(at.schedule, at.world, decision)
            last = decision
            if (decision.rows.length === 0 || decision.status === 'completed') break
          }
          expect(rows.flatMap((row) => expand(schedule, row))).toEqual(
            whole.rows.flatMap((row) => expand(schedule, row)),
          )
          expect({ ...last, rows: [], cancel_open: false, cancel_started: [] }).toEqual({
            ...whole,
            rows: [],
            cancel_open: false,
            cancel_started: [],
          })
        },
      ),
      RUNS,
    )
  })

  it('accounts for each due time whose start has come exactly once, in order, and for no other before max_runs', () => {
    fc.assert(
      fc.property(situation, ({ schedule, world }) => {
        const decision = decide(schedule, world)
        const covered = decision.rows.flatMap((row) => expand(schedule, row))
        expect(covered.map(({ due }) => due)).toEqual([...new Set(covered.map(({ due }) => due))].sort())
        for (const { due, reason } of covered)
          if (reason !== 'ended') expect(startOf(schedule.plan, new Date(due)) <= world.now).toBe(true)
        for (const row of decision.rows) expect(row.count).toBe(expand(schedule, row).length)
        if (world.suspension && !world.suspension.until) return
        const come = enumerate(schedule, schedule.decided_until, world.now).filter(
          (due) => startOf(schedule.plan, due) <= world.now,
        )
        expect(covered.map(({ due }) => due)).toEqual(expect.arrayContaining(come.map((due) => due.toISOString())))
      }),
      RUNS,
    )
  })

  it('decides nothing more when asked again, and has a later time ahead or is completed', () => {
    fc.assert(
      fc.property(situation, ({ schedule, world }) => {
        const decision = decide(schedule, world)
        const next = after(schedule, world, decision)
        if (decision.status === 'active')
          expect(decide(next.schedule, next.world)).toEqual({
            ...decision,
            rows: [],
            cancel_open: false,
            cancel_started: [],
          })
        expect(decision.status === 'completed').toBe(decision.next_due_at === null)
        if (!decision.next_due_at || !decision.next_run_at) return
        if (decision.decided_until) expect(decision.next_due_at > decision.decided_until).toBe(true)
        expect(decision.next_run_at >= decision.next_due_at).toBe(true)
        if (!world.suspension || world.suspension.until) expect(decision.next_run_at > world.now).toBe(true)
      }),
      RUNS,
    )
  })

  it('never starts a due time before its start has come, nor at a second that is not a due time', () => {
    fc.assert(
      fc.property(situation, ({ schedule, world }) => {
        for (const { scheduled_for } of started(decide(schedule, world))) {
          expect(startOf(schedule.plan, scheduled_for) <= world.now).toBe(true)
          expect(nextDue(schedule.plan, new Date(scheduled_for.getTime() - 1))).toEqual(scheduled_for)
        }
      }),
      RUNS,
    )
  })

  it('never starts more than max_runs, and counts what it starts', () => {
    fc.assert(
      fc.property(situation, ({ schedule, world }) => {
        const decision = decide(schedule, world)
        expect(decision.run_count).toBe(schedule.run_count + started(decision).length)
        if (schedule.max_runs !== null)
          expect(started(decision).length).toBeLessThanOrEqual(Math.max(0, schedule.max_runs - schedule.run_count))
      }),
      RUNS,
    )
  })
})

describe('due times', () => {
  const planned = moment.chain((second) => planAt(second).map((plan) => ({ plan, second })))

  it('strictly increase, also in their starts, and are the same backwards', () => {
    fc.assert(
      fc.property(planned, ({ plan, second }) => {
        let last: { due: Date; start: Date } | null = null
        for (let due = nextDue(plan, new Date(second)), i = 0; due && i < 30; due = nextDue(plan, due), i++) {
          const start = startOf(plan, due)
          expect(start >= due).toBe(true)
          expect(startOf(plan, due)).toEqual(start)
          expect(due.getTime() % 1000).toBe(0)
          expect(start.getTime() - due.getTime()).toBeLessThanOrEqual(plan.jitter * 1000)
          if (last) {
            expect(due > last.due).toBe(true)
            expect(last.start < due).toBe(true)
            expect(previousDue(plan, due)).toEqual(last.due)
          }
          if (plan.start_at) expect(due >= plan.start_at).toBe(true)
          if (plan.end_at) expect(due < plan.end_at).toBe(true)
          last = { due, start }
        }
      }),
      RUNS,
    )
  })

  it('of an interval are exactly anchor + n · interval', () => {
    fc.assert(
      fc.property(
        planned.filter(({ plan }) => plan.schedule_type === 'interval'),
        ({ plan, second }) => {
          const step =
            Number.parseInt(plan.schedule_expr, 10) * { s: 1000, m: 60_000, h: 3600_000 }[plan.schedule_expr.slice(-1)]!
          const anchor = plan.start_at ?? plan.anchor
          for (
            let due = nextDue({ ...plan, end_at: null }, new Date(second)), i = 0;
            due && i < 10;
            due = nextDue({ ...plan, end_at: null }, due), i++
          ) {
            const n = (due.getTime() - anchor.getTime()) / step
            expect(Number.isInteger(n)).toBe(true)
            expect(n).toBeGreaterThanOrEqual(plan.start_at ? 0 : 1)
            if (i === 0)
              expect(due.getTime() - second).toBeLessThanOrEqual(Math.max(step, anchor.getTime() + step - second))
          }
        },
      ),
      RUNS,
    )
  })
})
