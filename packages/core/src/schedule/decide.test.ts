import { describe, expect, it } from 'vitest'
import type { Decidable, Decision, World } from './decide.ts'
import { decide, defaultCatchupWindow } from './decide.ts'
import type { Plan } from './plan.ts'
import { startOf } from './plan.ts'

const at = (text: string) => new Date(`2026-06-01T${text}Z`)
const plan: Plan = {
  schedule_type: 'cron',
  schedule_expr: '* * * * *',
  timezone: 'UTC',
  anchor: at('00:00:00'),
  start_at: null,
  end_at: null,
  jitter: 0,
  seed: 'a',
}
const every20s: Plan = { ...plan, schedule_expr: '*/20 * * * * *' }
const schedule: Decidable = {
  plan,
  overlap: 'skip',
  misfire: 'last',
  catchup_window: 86400,
  max_runs: null,
  run_count: 0,
  decided_until: at('10:00:00'),
}
const world: World = { now: at('10:01:00'), open: { count: 0, pending: 0 }, suspension: null }

/** One line for each row: `10:01:00 started`. */
const lines = ({ rows }: Decision) =>
  rows.map(({ scheduled_for, until, decision, reason, count, count_at_least }) => {
    const time = (date: Date) => date.toISOString().slice(11, 19)
    return `${time(scheduled_for)}${until ? `–${time(until)} ×${count}${count_at_least ? '+' : ''}` : ''} ${decision}${reason ? ` ${reason}` : ''}`
  })

describe('decide', () => {
  it('starts what has come, and says what comes next', () => {
    expect(decide(schedule, world)).toEqual({
      rows: [
        {
          scheduled_for: at('10:01:00'),
          until: null,
          count: 1,
          count_at_least: false,
          decision: 'started',
          reason: null,
        },
      ],
      cancel_open: false,
      cancel_started: [],
      decided_until: at('10:01:00'),
      next_due_at: at('10:02:00'),
      next_run_at: at('10:02:00'),
      run_count: 1,
      status: 'active',
    })
  })

  it('decides nothing before its time, and keeps the watermark', () => {
    expect(decide(schedule, { ...world, now: at('10:00:59.999') })).toMatchObject({
      rows: [],
      decided_until: at('10:00:00'),
      next_due_at: at('10:01:00'),
      run_count: 0,
      status: 'active',
    })
  })

  it('moves nothing back when the clock went back', () => {
    expect(decide(schedule, { ...world, now: at('09:00:00') })).toMatchObject({
      rows: [],
      decided_until: at('10:00:00'),
      next_due_at: at('10:01:00'),
    })
  })

  it('ends the 60 seconds on time to the millisecond', () => {
    const skip: Decidable = { ...schedule, plan: { ...plan, schedule_expr: '1 10 * * *' }, misfire: 'skip' }
    expect(lines(decide(skip, { ...world, now: at('10:02:00') }))).toEqual(['10:01:00 started'])
    expect(lines(decide(skip, { ...world, now: at('10:02:00.001') }))).toEqual(['10:01:00 missed misfire'])
  })
})

describe('misfire', () => {
  const late = { ...world, now: at('14:30:30') }
  const hourly: Decidable = { ...schedule, plan: { ...plan, schedule_expr: '0 * * * *' } }
  it.each<[string, Partial<Decidable>, Partial<World>, string[]]>([
    ['last: the newest', {}, {}, ['11:00:00–13:00:00 ×3 missed misfire', '14:00:00 started']],
    [
      'last: none when one is on time',
      {},
      { now: at('14:00:10') },
      ['11:00:00–13:00:00 ×3 missed misfire', '14:00:00 started'],
    ],
    ['last: none when the newest is too old', { catchup_window: 1800 }, {}, ['11:00:00–14:00:00 ×4 missed misfire']],
    [
      'last: the newest, though it is almost too old',
      { catchup_window: 1830 },
      {},
      ['11:00:00–13:00:00 ×3 missed misfire', '14:00:00 started'],
    ],
    ['skip: none', { misfire: 'skip' }, {}, ['11:00:00–14:00:00 ×4 missed misfire']],
    [
      'skip: the one on time',
      { misfire: 'skip' },
      { now: at('14:01:00') },
      ['11:00:00–13:00:00 ×3 missed misfire', '14:00:00 started'],
    ],
    [
      'all: all of them, oldest first',
      { misfire: 'all', overlap: 'allow' },
      {},
      ['11:00:00 started', '12:00:00 started', '13:00:00 started', '14:00:00 started'],
    ],
    [
      'all: those that are not too old',
      { misfire: 'all', overlap: 'queue_all', catchup_window: 7200 },
      {},
      ['11:00:00–12:00:00 ×2 missed misfire', '13:00:00 started', '14:00:00 started'],
    ],
    [
      'all: and the one on time',
      { misfire: 'all', overlap: 'queue_all', catchup_window: 7200 },
      { now: at('14:00:05') },
      ['11:00:00–12:00:00 ×2 missed misfire', '13:00:00 started', '14:00:00 started'],
    ],
    [
      'while the source was suspended: the reason is source_down',
      {},
      { suspension: { from: at('11:30:00'), until: at('13:30:00') } },
      ['11:00:00 missed misfire', '12:00:00–13:00:00 ×2 missed source_down', '14:00:00 started'],
    ],
    [
      'from the first instant of a suspension up to its last',
      {},
      { suspension: { from: at('12:00:00'), until: at('13:00:00') } },
      ['11:00:00 missed misfire', '12:00:00 missed source_down', '13:00:00 missed misfire', '14:00:00 started'],
    ],
    [
      'after a suspension that was over before',
      {},
      { suspension: { from: at('08:00:00'), until: at('09:00:00') } },
      ['11:00:00–13:00:00 ×3 missed misfire', '14:00:00 started'],
    ],
    [
      'while the source is suspended: nothing is decided',
      {},
      { suspension: { from: at('11:30:00'), until: null } },
      [],
    ],
  ])('%s', (_, options, circumstances, expected) => {
    expect(lines(decide({ ...hourly, ...options }, { ...late, ...circumstances }))).toEqual(expected)
  })

  it('all runs the newest 100', () => {
    const decision = decide({ ...schedule, misfire: 'all', overlap: 'queue_all' }, { ...world, now: at('13:00:30') })
    // 180 due times: the one at 13:00 is on time, 179 are late.
    expect(decision.rows[0]).toMatchObject({
      scheduled_for: at('10:01:00'),
      until: at('11:19:00'),
      count: 79,
      decision: 'missed',
    })
    expect(decision.rows).toHaveLength(102)
    expect(decision.run_count).toBe(101)
  })

  it('lets a one-time schedule run seven days late by default, and others one day', () => {
    const once: Decidable = {
      ...schedule,
      plan: { ...plan, schedule_type: 'one-time', schedule_expr: '2026-05-27T10:00:00Z' },
      catchup_window: null,
      decided_until: null,
    }
    expect(decide(once, world)).toMatchObject({
      rows: [{ decision: 'started' }],
      status: 'completed',
      next_due_at: null,
      next_run_at: null,
    })
    expect(decide({ ...once, catchup_window: 86400 }, world)).toMatchObject({
      rows: [{ decision: 'missed', reason: 'misfire' }],
      status: 'completed',
    })
    expect([defaultCatchupWindow('one-time'), defaultCatchupWindow('cron'), defaultCatchupWindow('interval')]).toEqual([
      604800, 86400, 86400,
    ])
  })
})

describe('overlap', () => {
  const three = { ...world, now: at('10:01:00') }
  const busy = { count: 1, pending: 0 }
  it.each<[string, Decidable['overlap'], World['open'], string[]]>([
    ['skip starts one at a time', 'skip', { count: 0, pending: 0 }, ['started', 'skipped', 'skipped']],
    ['skip starts none while one is open', 'skip', busy, ['skipped', 'skipped', 'skipped']],
    ['allow starts all', 'allow', busy, ['started', 'started', 'started']],
    ['queue_all makes all', 'queue_all', busy, ['started', 'started', 'started']],
    ['queue_one makes one that waits', 'queue_one', busy, ['started', 'skipped', 'skipped']],
    [
      'queue_one makes one that runs and one that waits',
      'queue_one',
      { count: 0, pending: 0 },
      ['started', 'started', 'skipped'],
    ],
    [
      'queue_one lets one wait behind a task that has not begun',
      'queue_one',
      { count: 1, pending: 1 },
      ['started', 'skipped', 'skipped'],
    ],
    ['queue_one makes none while one waits', 'queue_one', { count: 2, pending: 1 }, ['skipped', 'skipped', 'skipped']],
    ['cancel_previous makes all', 'cancel_previous', busy, ['started', 'started', 'started']],
  ])('%s', (_, overlap, open, expected) => {
    const decision = decide({ ...schedule, plan: every20s, overlap }, { ...three, open })
    expect(decision.rows.map((row) => row.decision)).toEqual(expected)
    for (const row of decision.rows) expect(row.reason).toBe(row.decision === 'skipped' ? 'overlap' : null)
  })

  it('cancel_previous cancels what is open and what was started earlier in the decision, all but the last', () => {
    const cancelling: Decidable = { ...schedule, plan: every20s, overlap: 'cancel_previous' }
    expect(decide(cancelling, { ...three, open: busy })).toMatchObject({
      cancel_open: true,
      cancel_started: [at('10:00:20'), at('10:00:40')],
    })
    expect(decide(cancelling, three)).toMatchObject({
      cancel_open: false,
      cancel_started: [at('10:00:20'), at('10:00:40')],
    })
    expect(decide(cancelling, { ...three, now: at('10:00:10'), open: busy })).toMatchObject({
      cancel_open: false,
      cancel_started: [],
    })
    expect(decide({ ...cancelling, overlap: 'queue_all' }, { ...three, open: busy })).toMatchObject({
      cancel_open: false,
      cancel_started: [],
    })
  })
})

describe('the end', () => {
  const allow: Decidable = { ...schedule, plan: every20s, overlap: 'allow' }
  it.each<[string, Partial<Decidable>, Partial<World>, string[], Partial<Decision>]>([
    [
      'completes with the last of max_runs',
      { max_runs: 3 },
      {},
      ['10:00:20 started', '10:00:40 started', '10:01:00 started'],
      { status: 'completed', run_count: 3, next_due_at: null, decided_until: at('10:01:00') },
    ],
    [
      'has one row for what lies beyond it',
      { max_runs: 1 },
      {},
      ['10:00:20 started', '10:00:40–10:01:00 ×2 skipped ended'],
      { status: 'completed', run_count: 1, decided_until: at('10:01:00') },
    ],
    [
      'has one row for all when nothing is permitted any more',
      { max_runs: 2, run_count: 2 },
      {},
      ['10:00:20–10:01:00 ×3 skipped ended'],
      { status: 'completed', run_count: 2 },
    ],
    [
      'does not count what is skipped',
      { max_runs: 1, overlap: 'skip' },
      { open: { count: 1, pending: 0 } },
      ['10:00:20 skipped overlap', '10:00:40 skipped overlap', '10:01:00 skipped overlap'],
      { status: 'active', run_count: 0 },
    ],
    [
      'does not count what is missed',
      { max_runs: 2, plan },
      { now: at('10:05:00') },
      ['10:01:00–10:03:00 ×3 missed misfire', '10:04:00 started', '10:05:00 started'],
      { status: 'completed', run_count: 2 },
    ],
    [
      'is reached by what catches up before what is on time',
      { max_runs: 2, plan, misfire: 'all' },
      { now: at('10:05:00') },
      ['10:01:00 started', '10:02:00 started', '10:03:00–10:05:00 ×3 skipped ended'],
      { status: 'completed', run_count: 2 },
    ],
    [
      'does not wait for a batch',
      { max_runs: 1 },
      { batch: 1 },
      ['10:00:20 started', '10:00:40–10:01:00 ×2 skipped ended'],
      { status: 'completed', run_count: 1 },
    ],
    [
      'completes when end_at leaves no due time',
      { plan: { ...every20s, end_at: at('10:01:00') } },
      {},
      ['10:00:20 started', '10:00:40 started'],
      { status: 'completed', next_due_at: null, decided_until: at('10:00:40') },
    ],
    [
      'completes without a row when end_at has passed',
      { plan: { ...every20s, end_at: at('10:00:10') } },
      {},
      [],
      { status: 'completed', next_due_at: null },
    ],
    [
      'lets a late one run after end_at',
      { plan: { ...plan, end_at: at('10:02:00') } },
      { now: at('11:00:00') },
      ['10:01:00 started'],
      { status: 'completed' },
    ],
  ])('%s', (_, options, circumstances, expected, rest) => {
    const decision = decide({ ...allow, ...options }, { ...world, ...circumstances })
    expect(lines(decision)).toEqual(expected)
    expect(decision).toMatchObject(rest)
  })
})

describe('jitter', () => {
  const jittered = Array.from({ length: 100 }, (_, seed) => ({
    ...plan,
    schedule_expr: '*/10 * * * *',
    jitter: 300,
    seed: String(seed),
  }))
  const wide = jittered.find((one) => startOf(one, at('10:10:00')) >= at('10:12:00'))!
  const start = startOf(wide, at('10:10:00'))
  const shifted: Decidable = { ...schedule, plan: wide, misfire: 'skip' }
  const after = (ms: number) => ({ ...world, now: new Date(start.getTime() + ms) })

  it('starts a due time when its start has come, and not before', () => {
    expect(decide(shifted, after(-1))).toMatchObject({ rows: [], next_due_at: at('10:10:00'), next_run_at: start })
    expect(lines(decide(shifted, after(0)))).toEqual(['10:10:00 started'])
  })

  it('counts lateness and age from the start', () => {
    expect(lines(decide(shifted, after(60_000)))).toEqual(['10:10:00 started'])
    expect(lines(decide(shifted, after(60_001)))).toEqual(['10:10:00 missed misfire'])
    expect(lines(decide({ ...shifted, misfire: 'last', catchup_window: 90 }, after(90_000)))).toEqual([
      '10:10:00 started',
    ])
    expect(lines(decide({ ...shifted, misfire: 'last', catchup_window: 90 }, after(90_001)))).toEqual([
      '10:10:00 missed misfire',
    ])
  })

  it('goes by the start, not the due time, when the source was down', () => {
    const suspension = { from: new Date(start.getTime() - 1000), until: new Date(start.getTime() + 1) }
    expect(lines(decide(shifted, { ...after(100_000), suspension }))).toEqual(['10:10:00 missed source_down'])
    expect(lines(decide(shifted, { ...after(100_000), suspension: { from: at('10:09:00'), until: start } }))).toEqual([
      '10:10:00 missed misfire',
    ])
  })

  it('ends with what is due by now, though its start lies ahead', () => {
    const ended: Decidable = { ...shifted, max_runs: 1, run_count: 1 }
    expect(lines(decide(ended, { ...world, now: at('10:10:30') }))).toEqual(['10:10:00 skipped ended'])
  })
})

describe('a long outage', () => {
  it('is a span whose newest due times were found backwards', () => {
    const secondly: Decidable = {
      ...schedule,
      plan: { ...plan, schedule_expr: '* * * * * *' },
      decided_until: new Date('2006-06-01T00:00:00Z'),
    }
    const decision = decide(secondly, world)
    expect(decision.rows[0]).toMatchObject({
      scheduled_for: new Date('2006-06-01T00:00:01Z'),
      until: at('09:59:59'),
      count: 10_000,
      count_at_least: true,
      decision: 'missed',
    })
    expect(decision.rows).toHaveLength(62) // the span, and 61 on time
    expect(decision).toMatchObject({ decided_until: at('10:01:00'), next_due_at: at('10:01:01') })
  })

  it('is decided in batches when asked to', () => {
    const decision = decide({ ...schedule, decided_until: at('08:00:00') }, { ...world, batch: 30 })
    expect(lines(decision)).toEqual(['08:01:00–08:30:00 ×30 missed misfire'])
    expect(decision).toMatchObject({ decided_until: at('08:30:00'), next_due_at: at('08:31:00'), status: 'active' })
  })
})
