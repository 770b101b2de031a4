import { randomUUID } from 'node:crypto'
import { claim, markCalling, markExpired, prolongLeases, settle, settlementOf, takeOver } from '@automagik-spark/db'
import { makeIds } from '@automagik-spark/engine'
import { makeLogger } from '@automagik-spark/runtime'
import { patient } from '@automagik-spark/testing'
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { makeFire } from '../src/fire.ts'
import type { Model, ModelSchedule, ModelTask } from './model.ts'
import * as model from './model.ts'
import { newSchedule, useStack } from './stack.ts'

/** `SPARK_MODEL_RUNS=500` for longer; `SPARK_MODEL_SEED` repeats a failure, `SPARK_MODEL_SHRINK=1` makes it short. */
const RUNS = Number(process.env.SPARK_MODEL_RUNS ?? 20)
const SEED = process.env.SPARK_MODEL_SEED === undefined ? {} : { seed: Number(process.env.SPARK_MODEL_SEED) }
const START = Date.UTC(2026, 5, 1, 12)
const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000]

const stack = useStack()
let workflow_id: string
let fire: () => Promise<number>
beforeAll(async () => {
  const { workflow, source } = await stack.sync()
  workflow_id = workflow.id
  await stack.db.sql.query('UPDATE sources SET max_concurrency = $2 WHERE id = $1', [source.id, model.SOURCE_LIMIT])
  // A clock that stands still until it is moved.
  await stack.db.sql.query('CREATE TABLE test_clock AS SELECT spark_now() AS at')
  await stack.db.sql.query(
    'CREATE OR REPLACE FUNCTION spark_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT at FROM test_clock $$',
  )
  fire = makeFire({
    sql: stack.db.sql,
    wakeUps: { wakeAtAll: async () => {} },
    ids: makeIds(stack.clock),
    logger: makeLogger({ level: 'silent', format: 'json' }),
    default_timeout: 30,
  })
})

const query = async <Row>(text: string, values?: unknown[]) => (await stack.db.sql.query<Row>(text, values)).rows
const setClock = (now: number) => query('UPDATE test_clock SET at = $1', [new Date(now).toISOString()])

/** Ids of the tasks that the plan or a backfill made. */
const readIds = async (): Promise<model.IdOf> => {
  const rows = await query<{ id: string; schedule_id: string; due: Date }>(
    `SELECT id, schedule_id, scheduled_for AS due FROM tasks WHERE schedule_id IS NOT NULL AND scheduled_for IS NOT NULL`,
  )
  const ids = new Map(rows.map((row) => [`${row.schedule_id} ${row.due.getTime()}`, row.id]))
  return (schedule, due) => ids.get(`${schedule} ${due}`) ?? `no task of ${schedule} for ${new Date(due).toISOString()}`
}

type LedgerRow = {
  schedule_id: string
  scheduled_for: Date
  until: Date | null
  count: number
  says: string
  plan: { schedule_expr: string; anchor: string } | null
}
const ledgersOf = (rows: LedgerRow[]): Map<string, Map<number, string>> => {
  const ledgers = new Map<string, Map<number, string>>()
  for (const row of rows) {
    const ledger = ledgers.get(row.schedule_id) ?? new Map<number, string>()
    ledgers.set(row.schedule_id, ledger)
    const first = row.scheduled_for.getTime()
    const span = row.until &&
      row.plan && { anchor: Date.parse(row.plan.anchor), every: Number.parseInt(row.plan.schedule_expr, 10) * SECOND }
    const due = span ? model.dueIn(span, first - 1, row.until!.getTime()) : [first]
    expect({ count: row.count, first, last: row.until?.getTime() ?? first }).toEqual({
      count: due.length,
      first: due[0],
      last: due.at(-1),
    })
    for (const one of due) {
      expect(ledger.has(one)).toBe(false)
      ledger.set(one, row.says)
    }
  }
  return ledgers
}

/** PostgreSQL has everything that the model has, and nothing else. */
const compare = async (m: Model): Promise<void> => {
  const [schedules, tasks, rows] = await Promise.all([
    query<{
      id: string
      status: string
      run_count: number
      decided_until: Date
      next_due_at: Date | null
      next_run_at: Date | null
    }>('SELECT id, status, run_count, decided_until, next_due_at, next_run_at FROM schedules ORDER BY id'),
    query<{ id: string }>(
      `SELECT id, schedule_id AS schedule, trigger, scheduled_for AS due, status, phase, token, tries, crashes, cancel_requested_at IS NOT NULL AS asked, error_code AS code FROM tasks ORDER BY id`,
    ),
    query<LedgerRow>(
      `SELECT schedule_id, scheduled_for, until, count, decision || coalesce(' ' || reason, '') AS says, plan FROM occurrences ORDER BY schedule_id, scheduled_for`,
    ),
  ])
  const byId = <T extends { id: string }>(things: Iterable<T>) => [...things].sort((a, b) => (a.id < b.id ? -1 : 1))
  expect(schedules).toEqual(
    byId(m.schedules.values()).map((s) => {
      const next = model.nextOf(s)
      const next_due_at = next === null ? null : new Date(next)
      return {
        id: s.id,
        status: s.status,
        run_count: s.run_count,
        decided_until: new Date(s.decided_until),
        next_due_at,
        next_run_at: next_due_at,
      }
    }),
  )
  expect(tasks).toEqual(
    byId(m.tasks.values()).map(({ id, schedule, trigger, due, status, phase, token, tries, crashes, asked, code }) => ({
      id,
      schedule,
      trigger,
      due: due === null ? null : new Date(due),
      status,
      phase,
      token,
      tries,
      crashes,
      asked,
      code,
    })),
  )
  const ledgers = ledgersOf(rows)
  for (const s of m.schedules.values())
    expect([...(ledgers.get(s.id) ?? [])].sort(([a], [b]) => a - b)).toEqual([...s.ledger].sort(([a], [b]) => a - b))
}

type Command = fc.AsyncCommand<Model, object>
const command = <T>(
  name: string,
  args: fc.Arbitrary<T>,
  run: (m: Model, args: T) => Promise<void>,
  check: (m: Model) => boolean = () => true,
): fc.Arbitrary<Command> =>
  args.map((given) => ({
    check,
    async run(m) {
      await run(m, given)
      await compare(m)
    },
    toString: () => `${name}(${JSON.stringify(given)})`,
  }))
const pick = <T>(all: Iterable<T>, index: number): T => [...all].at(index % [...all].length)!
/** A command on one of the schedules that are there. */
const onSchedule = <T>(
  name: string,
  args: fc.Arbitrary<T>,
  run: (m: Model, s: ModelSchedule, args: T) => Promise<void>,
) =>
  command(
    name,
    fc.tuple(fc.nat(9), args),
    (m, [index, given]) => run(m, pick(m.schedules.values(), index), given),
    (m) => m.schedules.size > 0,
  )
const onTask = (name: string, run: (m: Model, task: ModelTask) => Promise<void>) =>
  command(
    name,
    fc.nat(99),
    (m, index) => run(m, pick(m.tasks.values(), index)),
    (m) => m.tasks.size > 0,
  )
/** A command in the name of some claim, however old it is. The newest more often. */
const onClaim = <T>(
  name: string,
  args: fc.Arbitrary<T>,
  run: (m: Model, claimed: Model['claims'][number], args: T) => Promise<void>,
) =>
  command(
    name,
    fc.tuple(fc.oneof(fc.nat(2), fc.nat(99)), args),
    (m, [index, given]) => run(m, pick([...m.claims].reverse(), index), given),
    (m) => m.claims.length > 0,
  )

const none = fc.constant(null)
const anyInterval = fc.constantFrom(20 * SECOND, MINUTE, 7 * MINUTE, HOUR)
const anyOverlap = fc.constantFrom('skip', 'queue_all', 'queue_one', 'cancel_previous', 'allow')
const runsLate = (how: string) => how === 'queue_all' || how === 'allow'
const text = (ms: number) => `${ms / SECOND}s`

const create = command(
  'create',
  fc.record({
    every: anyInterval,
    overlap: anyOverlap,
    misfire: fc.constantFrom('last', 'skip', 'all'),
    max_runs: fc.option(fc.integer({ min: 1, max: 4 }), { freq: 3 }),
  }),
  async (m, { every, overlap, misfire, max_runs }) => {
    const given = newSchedule({
      workflow_id,
      schedule_expr: text(every),
      overlap,
      misfire: misfire === 'all' && !runsLate(overlap) ? 'last' : misfire,
      max_runs,
    })
    const { id } = await stack.engine.schedules.create(given)
    const second = Math.floor(m.now / SECOND) * SECOND
    m.schedules.set(id, {
      id,
      every,
      anchor: second,
      decided_until: second,
      status: 'active',
      overlap,
      misfire: given.misfire,
      max_runs,
      run_count: 0,
      ledger: new Map(),
    })
  },
  (m) => m.schedules.size < 4,
)
const edit = onSchedule(
  'edit',
  fc.oneof(fc.record({ every: anyInterval }), fc.record({ overlap: anyOverlap }), fc.record({})),
  async (m, s, change: { every?: number; overlap?: ModelSchedule['overlap'] }) => {
    const fields = {
      name: 'edited',
      ...(change.overlap && { overlap: change.overlap }),
      ...(change.every !== undefined && { schedule_expr: text(change.every) }),
    }
    if (s.misfire === 'all' && !runsLate(change.overlap ?? s.overlap))
      return void (await expect(stack.engine.schedules.update(s.id, fields)).rejects.toThrow('misfire'))
    await stack.engine.schedules.update(s.id, fields)
    model.edit(m, s, change, await readIds())
  },
)
const pause = onSchedule('pause', none, async (_, s) => {
  if (s.status === 'completed')
    return void (await expect(stack.engine.schedules.disable(s.id, null)).rejects.toThrow('completed'))
  await stack.engine.schedules.disable(s.id, null)
  s.status = 'paused'
})
const resume = onSchedule('resume', none, async (m, s) => {
  if (s.status !== 'active' && model.isSpent(s))
    return void (await expect(stack.engine.schedules.enable(s.id)).rejects.toThrow('max_runs'))
  await stack.engine.schedules.enable(s.id)
  model.resume(m, s)
})
const runNow = onSchedule('run', none, async (m, s) => model.runNow(m, s, (await stack.engine.schedules.run(s.id)).id))
const backfill = onSchedule('backfill', fc.integer({ min: 1, max: 8 }), async (m, s, minutes) => {
  const from = m.now - minutes * MINUTE
  const answer = await stack.engine.schedules.backfill(s.id, {
    from: new Date(from),
    to: new Date(Math.floor(m.now / SECOND) * SECOND),
    dry_run: false,
  })
  expect(answer.count).toBe(model.backfill(m, s, from, await readIds()))
})
const remove = onSchedule('delete', none, async (m, s) => {
  await stack.engine.schedules.remove(s.id)
  model.remove(m, s)
})
const fireDue = command('fire', none, async (m) => {
  await fire()
  const ids = await readIds()
  for (const s of m.schedules.values()) model.decide(m, s, ids)
})
const claimSome = command('claim', fc.integer({ min: 1, max: 4 }), async (m, slots) => {
  const token = randomUUID()
  const claimed = await claim(stack.db.sql, { worker_id: randomUUID(), token, slots, leaseMs: model.LEASE_MS })
  expect(claimed.map((task) => task.id).sort()).toEqual(model.claim(m, slots, token).sort())
})
const call = onClaim('call', none, async (m, claimed) => {
  const held = model.heldBy(m, claimed)
  const may = await markCalling(stack.db.sql, [claimed])
  expect(may.size).toBe(held && !held.asked ? 1 : 0)
  if (held && !held.asked) held.phase = 'calling'
})
const beat = onClaim('heartbeat', none, async (m, claimed) => {
  const held = model.heldBy(m, claimed)
  expect((await prolongLeases(stack.db.sql, [claimed], model.LEASE_MS)).length).toBe(held ? 1 : 0)
  if (held) model.beat(m, held)
})
const settleOne = onClaim('settle', fc.constantFrom('completed', 'failed', 'cancelled'), async (m, claimed, status) => {
  const settlement = settlementOf(claimed, {
    status,
    ...(status === 'failed' && { error: 'it failed', error_code: 'flow_failed' }),
  })
  expect((await settle(stack.db.sql, [settlement])).length).toBe(model.settle(m, claimed, status) ? 1 : 0)
})
const cancel = onTask('cancel', async (_, task) => {
  expect(await stack.db.tasks.cancel(task.id)).toBe(task.status)
  model.cancel(task)
})
const retry = onTask('retry', async (m, task) => {
  expect(await stack.db.tasks.retry(task.id)).toMatchObject({ was: task.status })
  model.retry(m, task)
})
const takeOverAll = async (m: Model) => {
  await markExpired(stack.db.sql)
  const taken = await takeOver(stack.db.sql, model.GRACE_MS, () => 0)
  expect(taken.map((task) => task.id).sort()).toEqual(model.takeOver(m).sort())
}
const expire = command('expire', none, takeOverAll)
const move = async (m: Model, ms: number) => {
  m.now = Math.max(START, m.now + ms)
  await setClock(m.now)
}
const lengths = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(SECOND / 2, SECOND, 11 * SECOND, 20 * SECOND, 31 * SECOND, MINUTE + SECOND) },
  { weight: 1, arbitrary: fc.constantFrom(20 * MINUTE, 2 * HOUR, -HOUR) },
)
const step = command('step', lengths, move)
/** The workers are silent until others take their tasks over. */
const silence = command('silence', none, async (m) => {
  for (const ms of [model.LEASE_MS + SECOND, model.GRACE_MS + SECOND]) {
    await move(m, ms)
    await takeOverAll(m)
  }
})

it(
  'schedules and tasks match a small model, whatever is done to them in whatever order',
  async () => {
    // Commands that move things are listed more than once.
    const often = [fireDue, claimSome, call, step, settleOne]
    const commands = [
      ...often,
      ...often,
      ...often,
      fireDue,
      step,
      step,
      create,
      create,
      edit,
      pause,
      resume,
      runNow,
      backfill,
      remove,
      beat,
      cancel,
      retry,
      expire,
      silence,
    ]
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 200, size: 'max' }), async (given) => {
        await query('DELETE FROM schedules')
        await query('DELETE FROM tasks')
        await setClock(START)
        await fc.asyncModelRun(() => ({ model: model.newModel(START), real: {} }), given)
      }),
      { numRuns: RUNS, endOnFailure: process.env.SPARK_MODEL_SHRINK === undefined, ...SEED },
    )
  },
  patient(60_000 + RUNS * 20_000),
)
