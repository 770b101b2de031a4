import { HOUR, MINUTE, SECOND } from '@automagik-spark/core'
import { listen } from '@automagik-spark/db'
import { startStatementProxy, type StatementProxy } from '@automagik-spark/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BATCH } from '../src/fire.ts'
import type { Stack } from './stack.ts'
import { clear, moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const NEVER_MS = HOUR
/** The reconciler runs once, at the start; after it only hints wake the worker. */
const DEAF_TO_TIME = { reconcileMs: NEVER_MS }

const stack = useStack()
let workflow_id: string
let proxy: StatementProxy | undefined
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
})
afterEach(async () => {
  proxy?.releaseAll()
  await stack.stopWorkers()
  await proxy?.close()
  proxy = undefined
  stack.stub.release()
  stack.stub.clearSwitches()
  await clear(stack, 'schedules')
  await moveClock(stack, 0)
})

const listeners = async (): Promise<number[]> =>
  (
    await stack.db.sql.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity WHERE application_name = 'spark-worker-listen' AND datname = current_database() AND query LIKE '%LISTEN%' AND state = 'idle'`,
    )
  ).rows.map((row) => row.pid)
/** Returns when the worker has reconciled once and listens, so that what it finds later comes from a hint. */
const addWorker = async (options: NonNullable<Parameters<Stack['addWorker']>[0]> = {}) => {
  await until(listeners, (pids) => pids.length === stack.workers().length) // earlier workers are gone
  await stack.db.sql.query(
    `INSERT INTO workers (id, hostname, pid, status, current_tasks, concurrency, version, started_at, last_heartbeat)
     SELECT gen_random_uuid(), 'long gone', 1, 'stopped', 0, 1, 'test', t.at, t.at FROM (SELECT spark_now() - interval '2 days' AS at) t`,
  )
  const worker = await stack.addWorker(options)
  await until(listeners, (pids) => pids.length === stack.workers().length)
  // The reconciler's first round ends with the workers that are long gone.
  if (options.fallback !== false)
    await until(
      () => stack.db.sql.query(`SELECT FROM workers WHERE hostname = 'long gone'`),
      ({ rowCount }) => rowCount === 0,
    )
  else await stack.db.sql.query(`DELETE FROM workers WHERE hostname = 'long gone'`)
  return worker
}
const run = async (input: string) => (await stack.engine.workflows.run(workflow_id, input, { wait: false })).task.id
/** Tasks without a NOTIFY. */
const addQuietly = async (count = 1): Promise<string[]> => {
  const { rows } = await stack.db.sql.query<{ id: string }>(
    `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, input, timeout, ready_at, created_at, updated_at)
     SELECT gen_random_uuid(), w.id, w.source_id, 'pending', 'manual', 0, '"quiet"', 60, spark_now(), spark_now(), spark_now() FROM workflows w, generate_series(1, $2)
     WHERE w.id = $1 RETURNING id`,
    [workflow_id, count],
  )
  return rows.map((row) => row.id)
}
const statusOf = async (id: string) => (await stack.engine.tasks.get(id)).status
const isCompleted = (id: string) =>
  until(
    () => statusOf(id),
    (status) => status === 'completed',
  )
const count = async (where: string) =>
  (await stack.db.sql.query<{ n: number }>(`SELECT count(*)::int AS n FROM tasks WHERE ${where}`)).rows[0]!.n

describe('ready tasks are found', () => {
  it('by the NOTIFY of a run alone', async () => {
    await addWorker({ times: DEAF_TO_TIME })
    await isCompleted(await run('announced'))
  })

  it('by the NOTIFY of a task that a schedule started alone', async () => {
    await addWorker({ times: DEAF_TO_TIME })
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now' }),
    )
    const page = await until(
      () => stack.engine.tasks.list({ ...PAGE, schedule_id: schedule.id }),
      (seen) => seen.total === 1,
    )
    await isCompleted(page.items[0]!.id)
  })

  it('when a run ends and a slot is free', async () => {
    await addWorker({ times: DEAF_TO_TIME, concurrency: 1 })
    const ids = await Promise.all([run('one'), run('two'), run('three')])
    for (const id of ids) await isCompleted(id)
  })

  it('when their NOTIFY comes during a claim that found nothing', async () => {
    proxy = await startStatementProxy(stack.url)
    await addWorker({ times: DEAF_TO_TIME, through: proxy.url })
    const empty = proxy.holdAnswer('spark_claim_ready(')
    await stack.db.sql.query(`SELECT pg_notify('spark_ready', '')`)
    await empty.seen
    const id = await run('during a claim')
    empty.release()
    await isCompleted(id)
  })

  it('by a worker that lost its LISTEN connection, as soon as it has a new one', async () => {
    await addWorker({ times: DEAF_TO_TIME })
    const [id] = await addQuietly()
    await stack.db.sql.query('SELECT pg_terminate_backend($1)', await listeners())
    await isCompleted(id!)
  })

  it('by the reconciler alone', async () => {
    await addWorker()
    await isCompleted((await addQuietly())[0]!)
  })
})

it('a worker never has more in hand than its slots', async () => {
  await addWorker({ concurrency: 2 })
  await stack.stub.set({ slow: 'held' })
  await run('slots')
  await until(
    async () => stack.stub.inFlight,
    (n) => n === 1,
  )
  const ids = await addQuietly(4)
  await until(
    () => count(`status = 'running'`),
    (n) => n >= 2,
  )
  expect(await count(`status = 'running'`)).toBe(2)
  stack.stub.release()
  await stack.stub.set({ slow: null })
  for (const id of ids) await isCompleted(id)
})

describe('with wake-ups that Agenda forgets, a due time is started', () => {
  beforeEach(async () => {
    await stack.db.sql.query(
      `CREATE OR REPLACE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
       CREATE TRIGGER forget BEFORE INSERT ON spark_agenda.agenda_jobs FOR EACH ROW EXECUTE FUNCTION forget()`,
    )
  })
  afterEach(async () => {
    await stack.db.sql.query('DROP TRIGGER forget ON spark_agenda.agenda_jobs')
  })
  const create = (inMs: number) => {
    const at = new Date(Math.ceil((stack.clock.now().getTime() + inMs) / SECOND) * SECOND)
    return stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: at.toISOString() }),
    )
  }
  const isStarted = (id: string) =>
    until(
      () => stack.engine.schedules.get(id),
      (seen) => seen.status === 'completed',
    )

  it('by the second timer of a NOTIFY for a second that is near', async () => {
    await addWorker({ times: DEAF_TO_TIME })
    await isStarted((await create(SECOND)).id)
  })

  it('by the second timer of a worker that found it in the next minute when it started', async () => {
    const schedule = await create(4 * SECOND)
    await addWorker({ times: DEAF_TO_TIME })
    await isStarted(schedule.id)
  })

  it('by the reconciler, which finds overdue schedules', async () => {
    await addWorker()
    const schedule = await create(HOUR)
    await stack.db.sql.query(
      `UPDATE schedules SET next_run_at = date_trunc('second', spark_now()) - interval '1 second' WHERE id = $1`,
      [schedule.id],
    )
    // This time is too early for its plan. A decision shows in the next time, which is right again.
    await until(
      () => stack.engine.schedules.get(schedule.id),
      (seen) => seen.next_run_at !== null && seen.next_run_at.getTime() === schedule.next_run_at!.getTime(),
    )
  })

  it('by a worker whose LISTEN connection comes back', async () => {
    await addWorker({ times: DEAF_TO_TIME })
    const schedule = await create(HOUR)
    await stack.db.sql.query(
      `UPDATE schedules SET next_run_at = date_trunc('second', spark_now()) - interval '1 second' WHERE id = $1`,
      [schedule.id],
    )
    await stack.db.sql.query('SELECT pg_terminate_backend($1)', await listeners())
    await until(
      () => stack.engine.schedules.get(schedule.id),
      (seen) => seen.next_run_at!.getTime() === schedule.next_run_at!.getTime(),
    )
  })
})

it('wake-ups that the store lost are armed again', async () => {
  const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '45s' }))
  const armed = async () =>
    (await stack.db.sql.query('SELECT FROM spark_agenda.agenda_jobs WHERE next_run_at = $1', [schedule.next_run_at]))
      .rowCount
  await until(armed, (n) => n === 1)
  await stack.db.sql.query('DELETE FROM spark_agenda.agenda_jobs')
  await addWorker()
  await until(armed, (n) => n === 1)
})

describe('firing', () => {
  it('by several workers at once starts each due time once', async () => {
    const two = [await addWorker({ fallback: false }), await addWorker({ fallback: false })]
    const schedules = await Promise.all(
      Array.from({ length: 30 }, () =>
        stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' })),
      ),
    )
    await moveClock(stack, HOUR + SECOND)
    await Promise.all([...two, ...two].map((worker) => worker.fire()))
    for (const { id } of schedules) {
      expect((await stack.engine.schedules.occurrences(id, PAGE)).items.map((row) => row.decision)).toEqual(['started'])
      expect((await stack.engine.tasks.list({ ...PAGE, schedule_id: id })).total).toBe(1)
    }
  })

  it('decides batch after batch until nothing is due', async () => {
    await stack.db.sql.query(
      `INSERT INTO schedules (id, workflow_id, schedule_type, schedule_expr, timezone, anchor, overlap, status, decided_until, next_due_at, next_run_at, created_at, updated_at)
       SELECT gen_random_uuid(), $1, 'interval', '1h', 'UTC', t.at - interval '1 hour', 'skip', 'active', t.at - interval '1 hour', t.at, t.at, t.at, t.at
       FROM generate_series(1, $2), (SELECT date_trunc('second', spark_now()) AS at) t`,
      [workflow_id, BATCH + 1],
    )
    const worker = await addWorker({ fallback: false, concurrency: 1 })
    expect(await worker.fire()).toBe(BATCH + 1)
    await clear(stack, 'tasks')
  })

  it('goes row by row when PostgreSQL refuses a batch, and pauses the schedule that PostgreSQL refuses', async () => {
    const worker = await addWorker({ fallback: false })
    const [good, bad, other] = await Promise.all(
      [1, 2, 3].map(() => stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))),
    )
    await stack.db.sql.query(
      `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused here' USING ERRCODE = '22023'; END $$;
       CREATE TRIGGER refuse BEFORE INSERT ON occurrences FOR EACH ROW WHEN (NEW.schedule_id = '${bad!.id}') EXECUTE FUNCTION refuse()`,
    )
    await moveClock(stack, HOUR + SECOND)
    await worker.fire()
    await stack.db.sql.query('DROP TRIGGER refuse ON occurrences')
    for (const { id } of [good!, other!])
      expect(
        (
          await until(
            () => stack.engine.schedules.occurrences(id, PAGE),
            (page) => page.total > 0,
          )
        ).items.map((row) => row.decision),
      ).toEqual(['started'])
    expect(await stack.engine.schedules.get(bad!.id)).toMatchObject({
      status: 'paused',
      next_run_at: null,
      run_count: 0,
      paused_reason: expect.stringContaining('refused here'),
    })
  })

  it('leaves a schedule that was paused meanwhile when it goes row by row', async () => {
    proxy = await startStatementProxy(stack.url)
    const worker = await addWorker({ fallback: false, through: proxy.url })
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    await stack.db.sql.query(
      'CREATE TRIGGER refuse BEFORE INSERT ON occurrences FOR EACH ROW EXECUTE FUNCTION refuse()',
    )
    await moveClock(stack, HOUR + SECOND)
    const LOCK = 'FOR NO KEY UPDATE OF s SKIP LOCKED'
    const batch = proxy.holdAnswer(LOCK)
    const firing = worker.fire()
    await batch.seen
    const rows = proxy.holdAnswer(LOCK)
    batch.release()
    await rows.seen
    const unlocked = proxy.holdAnswer('COMMIT')
    rows.release()
    await unlocked.seen
    await stack.engine.schedules.disable(schedule.id, 'by hand')
    unlocked.release()
    await firing
    await stack.db.sql.query('DROP TRIGGER refuse ON occurrences')
    expect(await stack.engine.schedules.get(schedule.id)).toMatchObject({ status: 'paused', paused_reason: 'by hand' })
  })

  it('starts a due time once when the answer to its commit is lost', async () => {
    proxy = await startStatementProxy(stack.url)
    const worker = await addWorker({ fallback: false, through: proxy.url })
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_expr: '1h', input_value: 'commit' }),
    )
    await moveClock(stack, HOUR + SECOND)
    const decided = proxy.holdAnswer('INSERT INTO occurrences')
    const first = worker.fire()
    await decided.seen
    const lost = proxy.cutAnswer('COMMIT')
    decided.release()
    await expect(first).rejects.toThrow()
    await lost.seen
    expect(await worker.fire()).toBe(0)
    const [row] = (await stack.engine.schedules.occurrences(schedule.id, PAGE)).items
    await isCompleted(row!.task_id!)
    expect(await count(`schedule_id = '${schedule.id}'`)).toBe(1)
  })

  it('looks once more when it is called during a run', async () => {
    proxy = await startStatementProxy(stack.url)
    const worker = await addWorker({ fallback: false, through: proxy.url })
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1h' }))
    const looked = proxy.holdAnswer('FOR NO KEY UPDATE OF s SKIP LOCKED')
    const first = worker.fire()
    await looked.seen
    await moveClock(stack, HOUR + SECOND)
    const second = worker.fire()
    looked.release()
    await Promise.all([first, second])
    expect((await stack.engine.schedules.occurrences(schedule.id, PAGE)).total).toBe(1)
  })
})

it('a decision that an edit makes before its change wakes the workers', async () => {
  const heard: string[] = []
  const listener = listen({
    url: stack.url,
    name: 'test-listen',
    channels: ['spark_ready'],
    onMessage: (channel) => void heard.push(channel),
    onUp: () => undefined,
    onError: () => undefined,
  })
  await until(
    async () => listener.isUp(),
    (up) => up,
  )
  const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m' }))
  await moveClock(stack, 10 * MINUTE + SECOND)
  await stack.engine.schedules.update(schedule.id, { name: 'edited' })
  await until(
    async () => heard.length,
    (n) => n > 0,
  )
  await listener.close()
})
