import { randomUUID } from 'node:crypto'
import type { Checker, CheckOptions, LoggedCall } from '@automagik-spark/checker'
import { makeChecker } from '@automagik-spark/checker'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { RunningWorker } from '../src/worker.ts'
import { newSchedule, until, useStack } from './stack.ts'

const stack = useStack()
let worker: RunningWorker
let source_id: string
let workflow_id: string
/** Wake-ups of the minute, as Agenda's store has them. */
let armed: (from: Date, to: Date) => Promise<Date[]>
let check: Checker
const since = new Date('2020-01-01T00:00:00Z')

beforeAll(async () => {
  const { source, workflow } = await stack.sync()
  ;[source_id, workflow_id] = [source.id, workflow.id]
  worker = await stack.addWorker()
})
beforeEach(() => {
  armed = stack.wakeUps.armed
  check = makeChecker({ sql: stack.db.sql, armed: (from, to) => armed(from, to) })
})
afterEach(async () => {
  await sql(`DELETE FROM tasks`)
  await sql(`DELETE FROM schedules`)
})

const sql = async <Row>(text: string, values: unknown[] = []) => (await stack.db.sql.query<Row>(text, values)).rows
const log = () => ({ source_id, isWhole: true, calls: () => [...stack.stub.runs] })
const look = (options: Partial<CheckOptions> = {}) => check({ since, ...options })
const said = async (options: Partial<CheckOptions> = {}) =>
  (await look(options)).map(({ invariant, message }) => `${invariant}: ${message}`)
/** Right after a commit a wake-up may still be on its way. */
const clean = (options: Partial<CheckOptions> = {}) =>
  until(
    () => said(options),
    (found) => found.length === 0,
  )

/** A schedule whose past is done: nothing that a test breaks is repaired by the worker. */
const pausedAfter = async (runs: number) => {
  const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, overlap: 'allow' }))
  await until(
    () => stack.engine.tasks.list({ limit: 100, offset: 0, schedule_id: schedule.id, status: 'completed' }),
    (page) => page.total >= runs,
  )
  await stack.engine.schedules.disable(schedule.id, null)
  await until(
    () => stack.engine.tasks.list({ limit: 100, offset: 0, schedule_id: schedule.id }),
    (page) => page.items.every((task) => task.finished_at !== null),
  )
  const options = { timesSince: new Map([[schedule.id, schedule.created_at]]), log: log() }
  await clean(options)
  return { id: schedule.id, options }
}
const ledger = (id: string) =>
  sql<{ scheduled_for: Date; task_id: string }>(
    `SELECT scheduled_for, task_id FROM occurrences WHERE schedule_id = $1 ORDER BY 1`,
    [id],
  )
/** A running task whose worker is dead; inserted by the test, so that no worker takes it over meanwhile. */
const aTask = async (more: Record<string, string> = {}) => {
  const id = randomUUID()
  const columns: Record<string, string> = {
    status: `'running'`,
    phase: `'calling'`,
    tries: '1',
    token: `'${randomUUID()}'`,
    worker_id: `'${randomUUID()}'`,
    started_at: 'spark_now()',
    lease_until: `spark_now() + interval '1 hour'`,
    trigger: `'manual'`,
    priority: '0',
    timeout: '60',
    ready_at: 'spark_now()',
    created_at: 'spark_now()',
    updated_at: 'spark_now()',
    ...more,
  }
  await sql(
    `INSERT INTO tasks (id, workflow_id, source_id, ${Object.keys(columns).join(', ')}) VALUES ('${id}', '${workflow_id}', '${source_id}', ${Object.values(columns).join(', ')})`,
  )
  return id
}
const over = { phase: 'NULL', lease_until: 'NULL', finished_at: 'spark_now()' }

describe('the ledger', () => {
  it('is right for schedules of every kind while they run', async () => {
    const [now, minute] = [stack.clock.now(), 60_000]
    const rows = await Promise.all([
      stack.engine.schedules.create(newSchedule({ workflow_id })),
      stack.engine.schedules.create(
        newSchedule({
          workflow_id,
          schedule_expr: '2s',
          start_at: new Date(now.getTime() + 1_000),
          end_at: new Date(now.getTime() + 4_000),
        }),
      ),
      stack.engine.schedules.create(
        newSchedule({ workflow_id, schedule_type: 'cron', schedule_expr: '*/2 * * * * *', timezone: 'Asia/Kathmandu' }),
      ),
      stack.engine.schedules.create(
        newSchedule({ workflow_id, schedule_type: 'cron', schedule_expr: '30 8 LW * *', timezone: 'Europe/Lisbon' }),
      ),
      stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '1s', max_runs: 2 })),
      stack.engine.schedules.create(newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now' })),
      stack.engine.schedules.create(
        newSchedule({
          workflow_id,
          schedule_type: 'one-time',
          schedule_expr: new Date(now.getTime() + minute).toISOString(),
        }),
      ),
    ])
    const timesSince = new Map(rows.map((row) => [row.id, row.created_at]))
    await until(
      () => ledger(rows[0].id),
      (found) => found.length >= 4,
    )
    await clean({ timesSince, log: log() })
    await stack.engine.schedules.disable(rows[0].id, null)
    await until(
      async () => (await ledger(rows[2].id)).length,
      (n) => n >= 4,
    )
    await stack.engine.schedules.enable(rows[0].id)
    await clean({ timesSince, log: log() })
  })

  it('lost a due time, has one that never was, counts wrongly', async () => {
    const { id, options } = await pausedAfter(3)
    const [first, second] = await ledger(id)
    await sql(`DELETE FROM occurrences WHERE schedule_id = $1 AND scheduled_for = $2`, [id, second!.scheduled_for])
    const lost = await said(options)
    expect(lost).toContainEqual(
      expect.stringMatching(`^ledger: schedule ${id} lost 1 due times.*${second!.scheduled_for.toISOString()}`),
    )
    expect(lost).toContainEqual(
      expect.stringMatching(`^ledger: .*task ${second!.task_id} was made for .* no started row`),
    )

    await sql(
      `UPDATE occurrences SET scheduled_for = scheduled_for + interval '500 milliseconds' WHERE schedule_id = $1 AND scheduled_for = $2`,
      [id, first!.scheduled_for],
    )
    expect(await said(options)).toContainEqual(
      expect.stringMatching('in its ledger \\(started\\), which was never due'),
    )

    await sql(
      `INSERT INTO occurrences (schedule_id, scheduled_for, until, decided_at, decision, reason, count) SELECT $1, scheduled_for, max, decided_at, 'missed', 'misfire', 7
      FROM (SELECT $2::timestamptz AS scheduled_for, max(scheduled_for) AS max, max(decided_at) AS decided_at FROM occurrences WHERE schedule_id = $1) o`,
      [id, second!.scheduled_for],
    )
    const spans = await said(options)
    expect(spans).toContainEqual(expect.stringMatching('says 7 due times from'))
    expect(spans).toContainEqual(expect.stringMatching('more than once in its ledger'))
  })

  it('has two tasks for one due time', async () => {
    const { id, options } = await pausedAfter(1)
    const [row] = await ledger(id)
    await sql(`DROP INDEX tasks_due_once`)
    await aTask({
      ...over,
      status: `'completed'`,
      trigger: `'schedule'`,
      schedule_id: `'${id}'`,
      scheduled_for: `'${row!.scheduled_for.toISOString()}'`,
    })
    expect(await said(options)).toContainEqual(expect.stringMatching(`${id} has 2 tasks for`))
    await sql(`DELETE FROM tasks`)
    await sql(`CREATE UNIQUE INDEX tasks_due_once ON tasks (schedule_id, scheduled_for) WHERE trigger = 'schedule'`)
  })

  it('goes to a time that the clock does not show', async () => {
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'cron', schedule_expr: '0 * * * *' }),
    )
    await clean()
    await sql(`UPDATE schedules SET next_due_at = next_due_at + interval '1 minute' WHERE id = $1`, [schedule.id])
    expect(await said()).toContainEqual(
      expect.stringMatching(`${schedule.id} says that .* is next, but by the clock it is`),
    )
  })

  it('moved back', async () => {
    const { id, options } = await pausedAfter(3)
    await sql(`UPDATE schedules SET decided_until = decided_until - interval '1 second' WHERE id = $1`, [id])
    const moved = await said(options)
    expect(moved).toContainEqual(expect.stringMatching(`^order: schedule ${id} moved its decided_until back`))
    expect(moved).toContainEqual(expect.stringMatching(`^order: schedule ${id} is decided until .*, but has`))
    const [first] = await ledger(id)
    await sql(
      `UPDATE occurrences SET decided_at = decided_at + interval '1 minute' WHERE schedule_id = $1 AND scheduled_for = $2`,
      [id, first!.scheduled_for],
    )
    expect(await said(options)).toContainEqual(
      expect.stringMatching(
        `^order: schedule ${id} decided ${first!.scheduled_for.toISOString()} at .*, after the later`,
      ),
    )
  })
})

describe('tasks', () => {
  it('run with a lease that nobody prolongs', async () => {
    const id = await aTask({
      lease_until: `spark_now() - interval '1 minute'`,
      marked_at: `spark_now() + interval '1 hour'`,
    }) // nobody takes it over
    expect(await said()).toEqual([
      expect.stringMatching(`^leases: task ${id} is running \\(calling\\) with a lease that was over at`),
    ])
    expect(await said({ overdue: 120 })).toEqual([])
  })

  it('end without an end, without a winner, without a reason', async () => {
    await sql(`ALTER TABLE tasks DROP CONSTRAINT tasks_finished`)
    const [endless, unwon, silent] = [
      await aTask({ ...over, status: `'cancelled'`, finished_at: 'NULL' }),
      await aTask({ ...over, status: `'completed'`, token: 'NULL' }),
      await aTask({ ...over, status: `'failed'` }),
    ]
    const found = await said()
    expect(found).toContain(`ends: task ${endless} is cancelled and has no finished_at`)
    expect(found).toContain(`ends: task ${unwon} is completed and no attempt of it won`)
    expect(found).toContain(`ends: task ${silent} is failed and does not say why`)
    await sql(`DELETE FROM tasks`)
    await sql(
      `ALTER TABLE tasks ADD CONSTRAINT tasks_finished CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL))`,
    )
  })

  it('share a token between two claims', async () => {
    const token = randomUUID()
    const [one, other] = [await aTask({ token: `'${token}'` }), await aTask({ token: `'${token}'` })]
    expect(await said()).toEqual([
      expect.stringMatching(`^tokens: token ${token} fences two claims.*${[one, other].sort()[0]}`),
    ])
  })

  it('run beside another of their schedule, and beyond the limit of their source', async () => {
    const serial_key = `'${randomUUID()}'`
    await aTask({ serial_key, trigger: `'schedule'` })
    await aTask({ serial_key })
    expect(await said()).toEqual([]) // by hand it may start beside anything
    await aTask({ serial_key, trigger: `'schedule'` })
    await sql(`UPDATE sources SET max_concurrency = 1 WHERE id = $1`, [source_id])
    const found = await said()
    expect(found).toContainEqual(
      expect.stringMatching(`^calls: .*${serial_key.slice(1, -1)} has 2 running tasks, which must not overlap`),
    )
    expect(found).toContainEqual(
      expect.stringMatching(`^calls: .*${source_id} has 3 running tasks, and max_concurrency 1`),
    )
    await sql(`UPDATE sources SET max_concurrency = 40 WHERE id = $1`, [source_id])
  })
})

describe('calls', () => {
  const at = Date.UTC(2026, 0, 1)
  const call = (session_id: string, more: Partial<LoggedCall> = {}): LoggedCall => ({
    session_id,
    at,
    status: 200,
    took_ms: 10,
    ...more,
  })
  const judged = (calls: LoggedCall[]) => said({ log: { source_id, isWhole: true, calls: () => calls } })

  it('are more than one for a task, apart from rejected ones and those that a user asked for', async () => {
    const id = await aTask({ ...over, status: `'completed'` })
    expect(await judged([call(id)])).toEqual([])
    expect(await judged([call(id, { status: 503 }), call(id, { status: 429 }), call(id)])).toEqual([])
    expect(await judged([call(id, { status: null }), call(id)])).toEqual([
      expect.stringMatching(`^calls: task ${id} was called 2 times, 2 of them for good`),
    ])
    await sql(
      `INSERT INTO task_events (task_id, at, type, message, try) VALUES ($1, spark_now(), 'retry_requested', 'once more', 1)`,
      [id],
    )
    expect(await judged([call(id, { status: null }), call(id)])).toEqual([])
    expect(await judged([call(id, { status: 500 }), call(id), call(id)])).not.toEqual([])
  })

  it('may be repeated after a failure where the task says so', async () => {
    const id = await aTask({ ...over, status: `'completed'`, retry_on: `'failure'` })
    expect(await judged([call(id, { status: 500 }), call(id)])).toEqual([])
    expect(await judged([call(id, { status: null }), call(id)])).not.toEqual([])
    await sql(`UPDATE tasks SET retry_on = 'unknown' WHERE id = $1`, [id])
    expect(await judged([call(id, { status: null }), call(id)])).toEqual([])
  })

  it('never came, for a task that is completed', async () => {
    const id = await aTask({ ...over, status: `'completed'` })
    expect(await judged([])).toEqual([`calls: task ${id} is completed, but its flow server never answered it`])
    expect(await said({ log: { source_id, isWhole: false, calls: () => [] } })).toEqual([])
  })

  it('are more at once than the source allows', async () => {
    await sql(`UPDATE sources SET max_concurrency = 2 WHERE id = $1`, [source_id])
    expect(await judged([call('a'), call('b', { at: at + 5 }), call('c', { at: at + 10 })])).toEqual([])
    expect(await judged([call('a'), call('b', { at: at + 5 }), call('c', { at: at + 9 })])).toEqual([
      expect.stringMatching(`^calls: source ${source_id} was called 3 times at once`),
    ])
    await sql(`UPDATE sources SET max_concurrency = 40 WHERE id = $1`, [source_id])
  })
})

it('a wake-up is missing', async () => {
  const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '20s' }))
  await clean()
  armed = async () => []
  expect(await said()).toEqual([
    `wake_ups: nothing wakes Spark at ${schedule.next_run_at!.toISOString()}, when something is due`,
  ])
})

describe('without a worker', () => {
  beforeAll(() => stack.stopWorker(worker))

  it('due times are not decided', async () => {
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'cron', schedule_expr: '0 * * * *' }),
    )
    await sql(`UPDATE schedules SET next_run_at = '2020-06-01' WHERE id = $1`, [schedule.id])
    expect(await said()).toEqual([
      `ledger: schedule ${schedule.id} should have started at 2020-06-01T00:00:00.000Z, and nothing is decided`,
    ])
    await sql(`UPDATE sources SET status = 'inactive'`)
    expect(await said()).toEqual([])
    await sql(`UPDATE sources SET status = 'active'`)
  })

  it('ready tasks are not claimed', async () => {
    const pending = {
      status: `'pending'`,
      phase: 'NULL',
      lease_until: 'NULL',
      token: 'NULL',
      started_at: 'NULL',
      ready_at: `spark_now() - interval '1 minute'`,
      updated_at: `spark_now() - interval '1 minute'`,
    }
    const id = await aTask(pending)
    expect(await said()).toEqual([expect.stringMatching(`^leases: task ${id} is ready since .*, and nobody claims it`)])
    const serial_key = `'${randomUUID()}'`
    await sql(`DELETE FROM tasks`)
    await aTask({ serial_key })
    await aTask({ ...pending, serial_key })
    expect(await said()).toEqual([])
  })
})
