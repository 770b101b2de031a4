import { randomUUID } from 'node:crypto'
import type { SourceType } from '@automagik-spark/core'
import { TASK_EDGES, TASK_STATUSES } from '@automagik-spark/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Settlement, Sql } from '../src/index.ts'
import {
  claim,
  claimedBy,
  lostCallsOf,
  makeQueueDb,
  markCalling,
  markExpired,
  markRecovering,
  prolongLeases,
  releaseTasks,
  settle,
  settledBy,
  settlementOf,
  takeOver as takeOverWith,
} from '../src/index.ts'
import { addSchedule, addSource, addTask, addWorkflow, isBlocked, openTestDb, taskRow } from './fixtures.ts'

let t: Awaited<ReturnType<typeof openTestDb>>
let source_id: string
let workflow_id: string
beforeAll(async () => {
  t = await openTestDb()
})
beforeEach(async () => {
  await t.sql.query('DELETE FROM sources')
  source_id = await addSource(t.sql)
  workflow_id = await addWorkflow(t.sql, source_id)
})
afterAll(() => t.close())

const LEASE = 30_000
const worker_id = randomUUID()
const take = async (slots = 10, leaseMs = LEASE) => claim(t.sql, { worker_id, token: randomUUID(), slots, leaseMs })
const takeOne = async (leaseMs = LEASE) => {
  await addTask(t.sql, workflow_id)
  const [task] = await take(1, leaseMs)
  return task!
}
const end = (task: { id: string; token: string }, more: Partial<Settlement> = {}): Settlement =>
  settlementOf(task, { status: 'completed', output: '{"result":"x"}', ...more })
const takeOver = (sql: Sql, graceMs: number) => takeOverWith(sql, graceMs, () => 0)
/** As if its worker had died: the lease is over, and long marked. */
const expire = async (id: string) => {
  await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 minute' WHERE id = $1`, [id])
  await markExpired(t.sql)
  await t.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '1 minute' WHERE id = $1`, [id])
}

describe('claim', () => {
  it('gives each task to one of many that claim at once, and each claim a token of its own', async () => {
    for (let i = 0; i < 30; i++) await addTask(t.sql, workflow_id)
    const claims = await Promise.all(Array.from({ length: 12 }, () => take(5)))
    const ids = claims.flat().map((task) => task.id)
    expect(ids).toHaveLength(30)
    expect(new Set(ids).size).toBe(30)
    for (const claimed of claims) expect(new Set(claimed.map((task) => task.token)).size).toBeLessThanOrEqual(1)
  })

  it('never lets a source run more than its limit, however many claim at once', async () => {
    await t.sql.query('UPDATE sources SET max_concurrency = 3 WHERE id = $1', [source_id])
    for (let i = 0; i < 20; i++) await addTask(t.sql, workflow_id)
    await Promise.all(Array.from({ length: 12 }, () => take(5)))
    const { rows } = await t.sql.query<{ running: number }>(
      `SELECT count(*)::int AS running FROM tasks WHERE status = 'running'`,
    )
    expect(rows[0]!.running).toBe(3)
  })

  it('waits for a claim that is under way at the same source, so that what it takes is counted', async () => {
    await t.sql.query('UPDATE sources SET max_concurrency = 3 WHERE id = $1', [source_id])
    for (let i = 0; i < 3; i++) await addTask(t.sql, workflow_id, { priority: 1 })
    const { waiting } = await t.sql.transaction(async (tx) => {
      expect(await claim(tx, { worker_id, token: randomUUID(), slots: 3, leaseMs: LEASE })).toHaveLength(3)
      await addTask(t.sql, workflow_id, { priority: 0 }) // the other claim would begin with this one
      const other = take(3)
      await Promise.race([other, isBlocked(t.sql)])
      return { waiting: other }
    })
    expect(await waiting).toEqual([])
  })

  it('walks little more than what it takes, also by a plan that was made while hardly anything was open', async () => {
    const [COUNT, SLOTS] = [2_000, 20]
    const queueDb = makeQueueDb({ url: t.url, name: 'test', onError: () => undefined })
    const takeByIndex = () => claim(queueDb.claim, { worker_id, token: randomUUID(), slots: SLOTS, leaseMs: LEASE })
    /** A task of each schedule, in the order of their ids. */
    const addMany = (status: 'pending' | 'completed') =>
      t.sql.query(
        `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, serial_key, schedule_id, timeout, ready_at, scheduled_for, finished_at, created_at, updated_at)
         SELECT gen_random_uuid(), w.id, w.source_id, $2::text, 'schedule', 1, s.id, s.id, 60, n.at, n.at, CASE WHEN $2::text = 'completed' THEN n.at END, n.at, n.at
         FROM schedules s JOIN workflows w ON w.id = s.workflow_id, (SELECT spark_now() AS at) n WHERE w.id = $1 ORDER BY s.id`,
        [workflow_id, status],
      )
    /** How many rows the claim's own connection has fetched by an index and not yet told the statistics. */
    const fetched = async (): Promise<number> => {
      const { rows } = await queueDb.claim.query<{ n: number }>(
        `SELECT idx_tup_fetch::int AS n FROM pg_stat_xact_user_tables WHERE relname = 'tasks'`,
      )
      return rows[0]!.n
    }
    try {
      for (let i = 0; i < COUNT; i++) await addSchedule(t.sql, workflow_id)
      await addMany('completed')
      await t.sql.query('VACUUM (ANALYZE) tasks') // by then the indexes of open tasks are empty
      for (let i = 0; i < 10; i++) {
        await addTask(t.sql, workflow_id, { serial_key: randomUUID(), dueInSeconds: -1 })
        expect(await takeByIndex()).toHaveLength(1) // from the sixth time on the plan is kept
      }
      await addMany('pending')
      await queueDb.claim.query('BEGIN') // within a transaction nothing is told
      const before = await fetched()
      expect(await takeByIndex()).toHaveLength(SLOTS)
      expect((await fetched()) - before).toBeLessThan(COUNT / 4)
      await queueDb.claim.query('COMMIT')
    } finally {
      await queueDb.close()
    }
  })

  it('leaves room beside its rows: saying that they are called writes no index', async () => {
    const COUNT = 200
    await t.sql.query('UPDATE sources SET max_concurrency = $1', [COUNT])
    for (let i = 0; i < COUNT; i++) await addTask(t.sql, workflow_id)
    const tasks = await take(COUNT)
    expect(tasks).toHaveLength(COUNT)
    const { rows } = await t.sql.transaction(async (tx) => {
      await markCalling(tx, tasks)
      return tx.query<{ hot: number }>(
        `SELECT n_tup_hot_upd::int AS hot FROM pg_stat_xact_user_tables WHERE relname = 'tasks'`,
      )
    })
    expect(rows[0]!.hot).toBeGreaterThan(COUNT * 0.7)
  })

  it('leaves a task that is cancelled at this very moment, and takes the others', async () => {
    const [cancelled, other] = [
      await addTask(t.sql, workflow_id, { readyInSeconds: -10 }),
      await addTask(t.sql, workflow_id),
    ]
    const { waiting } = await t.sql.transaction(async (tx) => {
      await tx.query(`UPDATE tasks SET status = 'cancelled', finished_at = spark_now() WHERE id = $1`, [cancelled])
      const blocked = take()
      await Promise.race([blocked, isBlocked(t.sql)])
      return { waiting: blocked }
    })
    expect((await waiting).map((task) => task.id)).toEqual([other])
  })

  it('gives no more than was asked for, from all sources together', async () => {
    const other = await addWorkflow(t.sql, await addSource(t.sql))
    for (let i = 0; i < 3; i++) await Promise.all([addTask(t.sql, workflow_id), addTask(t.sql, other)])
    expect(await take(4)).toHaveLength(4)
    expect(await take(4)).toHaveLength(2)
  })

  it('takes manual runs first, then the oldest', async () => {
    const old = await addTask(t.sql, workflow_id, { priority: 1, readyInSeconds: -50 })
    const older = await addTask(t.sql, workflow_id, { priority: 1, readyInSeconds: -60 })
    const manual = await addTask(t.sql, workflow_id, { priority: 0, readyInSeconds: -1 })
    const order = [...(await take(1)), ...(await take(1)), ...(await take(1))].map((task) => task.id)
    expect(order).toEqual([manual, older, old])
  })

  it('takes manual runs first whichever source they are of', async () => {
    const other = await addWorkflow(t.sql, await addSource(t.sql))
    for (const [here, there] of [
      [workflow_id, other],
      [other, workflow_id],
    ] as const) {
      const manual = await addTask(t.sql, here)
      const older = await addTask(t.sql, there, { priority: 1, readyInSeconds: -60 })
      expect((await take(1)).map((task) => task.id)).toEqual([manual])
      expect((await take(1)).map((task) => task.id)).toEqual([older])
    }
  })

  it('takes what a full source would hide behind its own tasks from another one', async () => {
    await t.sql.query('UPDATE sources SET max_concurrency = 1 WHERE id = $1', [source_id])
    for (let i = 0; i < 5; i++) await addTask(t.sql, workflow_id, { readyInSeconds: -100 })
    const other = await addTask(t.sql, await addWorkflow(t.sql, await addSource(t.sql)))
    expect((await take(10)).map((task) => task.id)).toContain(other)
  })

  it('runs the tasks of one schedule one at a time, oldest first', async () => {
    const serial_key = randomUUID()
    const second = await addTask(t.sql, workflow_id, { serial_key, dueInSeconds: -5 })
    const first = await addTask(t.sql, workflow_id, { serial_key, dueInSeconds: -10 })
    const [one, ...none] = await take()
    expect(one!.id).toBe(first)
    expect(none).toEqual([])
    expect(await take()).toEqual([])
    await settle(t.sql, [end(one!)])
    expect((await take()).map((task) => task.id)).toEqual([second])
  })

  it('lets a run by hand start beside the others of its schedule, and what the schedule makes later wait for it', async () => {
    const serial_key = randomUUID()
    const older = await addTask(t.sql, workflow_id, { serial_key, dueInSeconds: -10 })
    const byHand = await addTask(t.sql, workflow_id, { serial_key })
    const later = await addTask(t.sql, workflow_id, { serial_key, dueInSeconds: -5 })
    await t.sql.query(`UPDATE tasks SET trigger = 'manual' WHERE id = $1`, [byHand])
    // Within one millisecond the ids would decide, and here they are random.
    for (const [at, id] of [older, byHand, later].entries())
      await t.sql.query(`UPDATE tasks SET created_at = spark_now() + $2 * interval '1 minute' WHERE id = $1`, [id, at])
    const both = await take()
    expect(both.map((task) => task.id).sort()).toEqual([older, byHand].sort())
    const [first, hand] = both.sort((a, b) => (a.id === older ? -1 : b.id === older ? 1 : 0))
    await settle(t.sql, [end(first!)])
    expect(await take()).toEqual([])
    await settle(t.sql, [end(hand!)])
    expect((await take()).map((task) => task.id)).toEqual([later])
  })

  it('leaves what is not ready, and what belongs to an inactive or deleted source or a deleted workflow', async () => {
    await addTask(t.sql, workflow_id, { readyInSeconds: 60 })
    expect(await take()).toEqual([])
    const waiting = await addTask(t.sql, workflow_id)
    const other = await addWorkflow(t.sql, await addSource(t.sql))
    for (const [away, back] of [
      [
        `UPDATE sources SET status = 'inactive' WHERE id = '${source_id}'`,
        `UPDATE sources SET status = 'active' WHERE id = '${source_id}'`,
      ],
      [
        `UPDATE sources SET deleted_at = spark_now() WHERE id = '${source_id}'`,
        `UPDATE sources SET deleted_at = NULL WHERE id = '${source_id}'`,
      ],
      [
        `UPDATE workflows SET deleted_at = spark_now() WHERE id = '${workflow_id}'`,
        `UPDATE workflows SET deleted_at = NULL WHERE id = '${workflow_id}'`,
      ],
    ]) {
      await t.sql.query(away!)
      expect(await take()).toEqual([])
      const beside = await addTask(t.sql, other)
      expect((await take()).map((task) => task.id)).toEqual([beside])
      await t.sql.query(back!)
    }
    expect((await take()).map((task) => task.id)).toEqual([waiting])
  })

  it('counts a try, holds for the lease, and can be read back by its token', async () => {
    const task = await takeOne()
    expect(task.tries).toBe(1)
    const { rows } = await t.sql.query(
      `SELECT lease_until - started_at = $2 * interval '1 millisecond' AS exact FROM tasks WHERE id = $1`,
      [task.id, LEASE],
    )
    expect(rows).toEqual([{ exact: true }])
    expect((await claimedBy(t.sql, task.token)).map(({ id }) => id)).toEqual([task.id])
    expect(await claimedBy(t.sql, randomUUID())).toEqual([])
  })
})

describe('the fence', () => {
  it.each([
    ['markCalling', async (pair: { id: string; token: string }) => (await markCalling(t.sql, [pair])).size],
    ['prolong', async (pair: { id: string; token: string }) => (await prolongLeases(t.sql, [pair], LEASE)).length],
    ['settle', async (pair: { id: string; token: string }) => (await settle(t.sql, [end(pair)])).length],
    ['releaseTasks', async (pair: { id: string; token: string }) => (await releaseTasks(t.sql, [pair], 'test')).length],
  ])('%s does nothing with a token that is not the task’s, and its work with the right one', async (_, act) => {
    const task = await takeOne()
    const before = await taskRow(t.sql, task.id)
    expect(await act({ id: task.id, token: randomUUID() })).toBe(0)
    expect(await taskRow(t.sql, task.id)).toEqual(before)
    expect(await act(task)).toBe(1)
  })

  it.each([
    ['markCalling', async (pair: { id: string; token: string }) => (await markCalling(t.sql, [pair])).size],
    ['prolong', async (pair: { id: string; token: string }) => (await prolongLeases(t.sql, [pair], LEASE)).length],
    ['releaseTasks', async (pair: { id: string; token: string }) => (await releaseTasks(t.sql, [pair], 'test')).length],
  ])('%s does nothing to a task that is over or waits again, although it has still that token', async (_, act) => {
    const over = await takeOne()
    await settle(t.sql, [end(over)])
    const again = await takeOne()
    await expire(again.id)
    await takeOver(t.sql, 10_000)
    for (const task of [over, again]) {
      const before = await taskRow(t.sql, task.id)
      expect(before!.token).toBe(task.token)
      expect(await act(task)).toBe(0)
      expect(await taskRow(t.sql, task.id)).toEqual(before)
    }
    expect(await claimedBy(t.sql, over.token)).toEqual([])
    expect(await claimedBy(t.sql, again.token)).toEqual([])
  })

  it('refuses the call of a task whose cancel was asked for', async () => {
    const task = await takeOne()
    await t.db.tasks.cancel(task.id)
    expect((await markCalling(t.sql, [task])).size).toBe(0)
    expect((await taskRow(t.sql, task.id))!.phase).toBe('claimed')
  })

  it('is asked to stop when the cancel came during its claim, and is not called cancelled over its head', async () => {
    const id = await addTask(t.sql, workflow_id)
    const { cancelling } = await t.sql.transaction(async (tx) => {
      await claim(tx, { worker_id, token: randomUUID(), slots: 1, leaseMs: LEASE })
      const cancel = t.db.tasks.cancel(id)
      await Promise.race([cancel, isBlocked(t.sql)])
      return { cancelling: cancel }
    })
    expect(await cancelling).toBe('running')
    expect((await taskRow(t.sql, id))!.status).toBe('running')
  })

  it('knows a settle as its own by task, token, status and error', async () => {
    const task = await takeOne()
    const failed = end(task, { status: 'failed', output: null, error: 'x', error_code: 'flow_failed' })
    await settle(t.sql, [failed])
    const known = async (one: Settlement) => (await settledBy(t.sql, [one])).size
    expect(await known(failed)).toBe(1)
    expect(await known({ ...failed, token: randomUUID() })).toBe(0)
    expect(await known({ ...failed, error_code: 'timeout' })).toBe(0)
    expect(await known({ ...failed, status: 'cancelled' })).toBe(0)
  })

  it('leaves no token on a task that was handed back, and gives its try back', async () => {
    const task = await takeOne()
    await releaseTasks(t.sql, [task], 'test')
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'pending', token: null, tries: 0 })
  })

  it('keeps a worker that lost its task from overwriting what the next one made of it', async () => {
    const stale = await takeOne()
    await expire(stale.id)
    await takeOver(t.sql, 10_000)
    const [fresh] = await take(1)
    expect(fresh!.id).toBe(stale.id)
    expect(await settle(t.sql, [end(stale, { output: '{"result":"stale"}' })])).toEqual([])
    expect(await settle(t.sql, [end(fresh!)])).toEqual(
      [{ id: fresh!.id, status: 'completed', sent: '' }].map(({ id, status }) =>
        expect.objectContaining({ id, status }),
      ),
    )
  })

  it('lets a result settle once: the second finds the task finished', async () => {
    const task = await takeOne()
    expect(await settle(t.sql, [end(task)])).toHaveLength(1)
    expect(await settle(t.sql, [end(task, { status: 'failed', error: 'x', error_code: 'flow_failed' })])).toEqual([])
    expect([...(await settledBy(t.sql, [end(task)]))]).toEqual([task.id])
    expect([...(await settledBy(t.sql, [end(task, { status: 'failed' })]))]).toEqual([])
    const failed = await takeOne()
    expect(
      await settle(t.sql, [end(failed, { status: 'failed', error: 'x', error_code: 'flow_failed' })]),
    ).toHaveLength(1)
    expect(await settle(t.sql, [end(failed)])).toEqual([])
  })
})

describe('take-over', () => {
  it('leaves a task alone whose lease has just run out, and one whose worker beats again', async () => {
    const task = await takeOne()
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 second' WHERE id = $1`, [task.id])
    expect(await markExpired(t.sql)).toBe(1)
    expect(await takeOver(t.sql, 10_000)).toEqual([])
    await prolongLeases(t.sql, [task], LEASE)
    expect(await markExpired(t.sql)).toBe(0)
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 second' WHERE id = $1`, [task.id])
    expect(await takeOver(t.sql, 0)).toEqual([])
    expect((await taskRow(t.sql, task.id))!.status).toBe('running')
  })

  it('leaves a task alone until it was marked for long enough', async () => {
    const task = await takeOne()
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 minute' WHERE id = $1`, [task.id])
    expect(await takeOver(t.sql, 0)).toEqual([]) // not marked at all
    await markExpired(t.sql)
    await t.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '5 seconds' WHERE id = $1`, [task.id])
    expect(await markExpired(t.sql)).toBe(0) // marked once, or its time would never come
    expect(await takeOver(t.sql, 10_000)).toEqual([])
    expect(await takeOver(t.sql, 1_000)).toHaveLength(1)
  })

  it('marks only what runs with its lease over, and takes only that', async () => {
    const task = await takeOne()
    expect(await markExpired(t.sql)).toBe(0)
    await t.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '1 minute' WHERE id = $1`, [task.id])
    expect(await takeOver(t.sql, 10_000)).toEqual([])
  })

  it('is done by one of two that do it at the same time, and neither waits', async () => {
    const [unmarked, marked] = [await takeOne(), await takeOne()]
    await expire(marked.id)
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 minute' WHERE id = $1`, [unmarked.id])
    await t.sql.transaction(async (tx) => {
      expect(await markExpired(tx)).toBe(1)
      expect(await markExpired(t.sql)).toBe(0)
      expect(await takeOver(tx, 10_000)).toHaveLength(1)
      expect(await takeOver(t.sql, 10_000)).toEqual([])
    })
    expect(await taskRow(t.sql, marked.id)).toMatchObject({ status: 'pending', crashes: 1 })
  })

  it('is on record', async () => {
    const task = await takeOne()
    await expire(task.id)
    await takeOver(t.sql, 10_000)
    expect((await t.db.tasks.events(task.id)).map(({ type, try: attempt }) => ({ type, attempt }))).toEqual([
      { type: 'taken_over', attempt: 1 },
    ])
  })

  it('gives a task back that was not called yet, with its try', async () => {
    const task = await takeOne()
    await expire(task.id)
    await takeOver(t.sql, 10_000)
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'pending', tries: 0, crashes: 1 })
  })

  it('ends a task whose workers died three times before the call', async () => {
    await addTask(t.sql, workflow_id)
    let id = ''
    for (let i = 0; i < 3; i++) {
      const [task] = await take(1)
      id = task!.id
      await expire(id)
      await takeOver(t.sql, 10_000)
    }
    expect(await taskRow(t.sql, id)).toMatchObject({ status: 'failed', error_code: 'worker_lost' })
  })

  it('ends a task whose worker died during the call as unknown, and lets that very attempt still report', async () => {
    const task = await takeOne()
    await markCalling(t.sql, [task])
    await expire(task.id)
    expect((await takeOver(t.sql, 10_000)).map(({ id, status }) => ({ id, status }))).toEqual([
      { id: task.id, status: 'failed' },
    ])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    expect(await settle(t.sql, [end({ id: task.id, token: randomUUID() })])).toEqual([])
    expect(await settle(t.sql, [end(task, { status: 'cancelled' })])).toEqual([])
    expect(await settle(t.sql, [end(task, { status: 'failed', error: 'x', error_code: 'outcome_unknown' })])).toEqual(
      [],
    )
    expect(await settle(t.sql, [end(task)])).toHaveLength(1)
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'completed', error_code: null })
  })

  it('counts a task once that ended as unknown and then as failed, and remembers a success that came late', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    const counted = async () => (await t.db.schedules.find(schedule))!
    const lost = async () => {
      const task = await takeOne()
      await t.sql.query(`UPDATE tasks SET schedule_id = $2, trigger = 'schedule' WHERE id = $1`, [task.id, schedule])
      await markCalling(t.sql, [task])
      await expire(task.id)
      await takeOver(t.sql, 10_000)
      return task
    }
    const failed = await lost()
    expect((await counted()).consecutive_failures).toBe(1)
    const ended = await taskRow(t.sql, failed.id)
    expect(
      await settle(t.sql, [end(failed, { status: 'failed', output: null, error: 'x', error_code: 'flow_failed' })]),
    ).toHaveLength(1)
    expect(await taskRow(t.sql, failed.id)).toMatchObject({
      status: 'failed',
      error_code: 'flow_failed',
      finished_at: ended!.finished_at,
    })
    expect((await counted()).consecutive_failures).toBe(1)
    await settle(t.sql, [end(await lost())])
    expect(await counted()).toMatchObject({ consecutive_failures: 0, last_success_at: expect.any(Date) as Date })
  })

  it('hands a lost call to who can ask its server, with a lease; its token stays, and so does its attempt', async () => {
    const [asker, other] = [randomUUID(), randomUUID()]
    const ask = (by: string, source_types: SourceType[] = ['langflow']) =>
      takeOverWith(t.sql, 10_000, () => 0, { worker_id: by, leaseMs: LEASE, source_types })
    const task = await takeOne()
    await markCalling(t.sql, [task])
    await expire(task.id)
    expect(await ask(asker)).toMatchObject([{ id: task.id, status: 'running' }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({
      status: 'running',
      phase: 'asking',
      token: task.token,
      crashes: 1,
      finished_at: null,
      error_code: null,
    })
    expect(await lostCallsOf(t.sql, other)).toEqual([])
    const [asked] = await lostCallsOf(t.sql, asker)
    expect(asked).toMatchObject({ id: task.id, token: task.token, tries: 1 })
    expect(asked!.left_ms).toBeGreaterThan(0)
    expect(await prolongLeases(t.sql, [asked!], LEASE)).toHaveLength(1)
    // The asker dies as well.
    await expire(task.id)
    expect(await ask(other)).toMatchObject([{ id: task.id, status: 'running' }])
    expect(await lostCallsOf(t.sql, other)).toHaveLength(1)
    expect(await settle(t.sql, [end(task)])).toHaveLength(1) // the call itself has come back
    expect(await settle(t.sql, [end(asked!)])).toEqual([])
  })

  it('asks only servers that can be asked, for nothing that was not sent or is to be cancelled, and not for ever', async () => {
    const ask = (source_types: SourceType[]) =>
      takeOverWith(t.sql, 10_000, () => 0, { worker_id: randomUUID(), leaseMs: LEASE, source_types })
    const lost = async () => {
      const task = await takeOne()
      await markCalling(t.sql, [task])
      return task
    }
    const [stranger, unsent] = [await lost(), await takeOne()]
    await expire(stranger.id)
    await ask(['automagik-hive'])
    expect(await taskRow(t.sql, stranger.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    await expire(unsent.id)
    await ask(['langflow'])
    expect((await taskRow(t.sql, unsent.id))!.status).toBe('pending')
    await t.sql.query('DELETE FROM tasks')
    const [cancelled, third] = [await lost(), await lost()]
    await t.db.tasks.cancel(cancelled.id)
    await t.sql.query('UPDATE tasks SET crashes = 2 WHERE id = $1', [third.id])
    for (const { id } of [cancelled, third]) await expire(id)
    await ask(['langflow'])
    expect((await taskRow(t.sql, cancelled.id))!.status).toBe('cancelled')
    expect(await taskRow(t.sql, third.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
  })

  it('writes that a call is asked for in the name of its token alone, and only once it was sent', async () => {
    const task = await takeOne()
    const phaseNow = async () => (await taskRow(t.sql, task.id))!.phase
    await markRecovering(t.sql, task)
    expect(await phaseNow()).toBe('claimed')
    await markCalling(t.sql, [task])
    await markRecovering(t.sql, { id: task.id, token: randomUUID() })
    expect(await phaseNow()).toBe('calling')
    await markRecovering(t.sql, task)
    expect(await phaseNow()).toBe('asking')
  })

  it('carries out a cancel that the dead worker was asked for', async () => {
    const task = await takeOne()
    await t.db.tasks.cancel(task.id)
    await expire(task.id)
    await takeOver(t.sql, 10_000)
    expect((await taskRow(t.sql, task.id))!.status).toBe('cancelled')
  })
})

describe('outcomes of a schedule', () => {
  it('counts failures in a row by plan, and forgets them at a success', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    const finish = async (status: Settlement['status'], trigger = 'schedule') => {
      const task = await takeOne()
      await t.sql.query('UPDATE tasks SET schedule_id = $2, trigger = $3 WHERE id = $1', [task.id, schedule, trigger])
      await settle(t.sql, [
        end(task, { status, ...(status === 'failed' && { error: 'x', error_code: 'flow_failed' as const }) }),
      ])
      return (await t.db.schedules.find(schedule))!
    }
    await finish('failed')
    expect(await finish('failed')).toMatchObject({ consecutive_failures: 2, last_success_at: null })
    expect(await finish('failed', 'manual')).toMatchObject({ consecutive_failures: 2 })
    expect(await finish('cancelled')).toMatchObject({ consecutive_failures: 2 })
    const success = await finish('completed')
    expect(success.consecutive_failures).toBe(0)
    expect(success.last_success_at).toBeInstanceOf(Date)
  })
})

describe('the edges between statuses', () => {
  const cases = TASK_STATUSES.flatMap((from) =>
    TASK_STATUSES.filter((to) => to !== from).map((to) => [from, to, TASK_EDGES[from].includes(to)] as const),
  )
  it.each(cases)('%s → %s: %s', async (from, to, allowed) => {
    const id = await addTask(t.sql, workflow_id)
    const set = (status: string) =>
      t.sql.query(
        `UPDATE tasks SET status = $2, finished_at = CASE WHEN $2 IN ('completed', 'failed', 'cancelled') THEN spark_now() END,
           error_code = CASE WHEN $2 <> 'failed' THEN NULL WHEN status = 'pending' THEN 'source_unreachable' ELSE 'outcome_unknown' END,
           token = CASE WHEN $2 <> 'pending' THEN $3::uuid END, lease_until = spark_now(), phase = 'claimed', tries_before = tries WHERE id = $1`,
        [id, status, randomUUID()],
      )
    if (from !== 'pending') {
      if (from !== 'cancelled') await set('running')
      if (from !== 'running') await set(from)
    }
    if (allowed) await set(to)
    else await expect(set(to)).rejects.toThrow(`a task cannot go from ${from} to ${to}`)
  })

  it('lead from pending to failed not for another reason than that nothing can be sent', async () => {
    const id = await addTask(t.sql, workflow_id)
    await expect(
      t.sql.query(
        `UPDATE tasks SET status = 'failed', finished_at = spark_now(), error_code = 'internal' WHERE id = $1`,
        [id],
      ),
    ).rejects.toThrow('a task cannot go from pending to failed')
  })

  it.each(['failed', 'cancelled'] as const)(
    'lead out of %s back to pending only by a retry by hand',
    async (status) => {
      const task = await takeOne()
      await settle(t.sql, [
        end(task, status === 'failed' ? { status, error: 'x', error_code: 'flow_failed' } : { status }),
      ])
      const back = (more: string) =>
        t.sql.query(`UPDATE tasks SET status = 'pending', finished_at = NULL ${more} WHERE id = $1`, [task.id])
      for (const lacking of [
        '',
        ', token = NULL',
        ', tries_before = tries',
        ', token = NULL, tries_before = tries, tries = tries + 1',
      ]) {
        await expect(back(lacking)).rejects.toThrow(`a task cannot go from ${status} to pending`)
      }
      expect(await t.db.tasks.retry(task.id)).toMatchObject({ was: status, row: { id: task.id, status: 'pending' } })
      expect((await taskRow(t.sql, task.id))!.status).toBe('pending')
    },
  )

  it('lead to completed out of failed only when the outcome was unknown', async () => {
    const task = await takeOne()
    await settle(t.sql, [end(task, { status: 'failed', error: 'x', error_code: 'flow_failed' })])
    await expect(t.sql.query(`UPDATE tasks SET status = 'completed' WHERE id = $1`, [task.id])).rejects.toThrow(
      'a task cannot go from failed to completed',
    )
  })
})
