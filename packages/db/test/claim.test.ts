import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { claim, claimedBy, makeQueueDb, markCalling, settle } from '../src/index.ts'
import { addSchedule, addSource, addTask, addWorkflow, isBlocked } from './fixtures.ts'
import { done, LEASE_MS, useQueue } from './queue-fixture.ts'

const t = useQueue()
const worker_id = randomUUID()

describe('claim', () => {
  it('gives each task to one of many that claim at once, and each claim a token of its own', async () => {
    for (let i = 0; i < 30; i++) await addTask(t.sql, t.workflow_id)
    const claims = await Promise.all(Array.from({ length: 12 }, () => t.take(5)))
    const ids = claims.flat().map((task) => task.id)
    expect(ids).toHaveLength(30)
    expect(new Set(ids).size).toBe(30)
    for (const claimed of claims) expect(new Set(claimed.map((task) => task.token)).size).toBeLessThanOrEqual(1)
  })

  it('never lets a source run more than its limit, however many claim at once', async () => {
    await t.sql.query('UPDATE sources SET max_concurrency = 3 WHERE id = $1', [t.source_id])
    for (let i = 0; i < 20; i++) await addTask(t.sql, t.workflow_id)
    await Promise.all(Array.from({ length: 12 }, () => t.take(5)))
    const { rows } = await t.sql.query<{ running: number }>(
      `SELECT count(*)::int AS running FROM tasks WHERE status = 'running'`,
    )
    expect(rows[0]!.running).toBe(3)
  })

  it('waits for a claim that is under way at the same source, so that what it takes is counted', async () => {
    await t.sql.query('UPDATE sources SET max_concurrency = 3 WHERE id = $1', [t.source_id])
    for (let i = 0; i < 3; i++) await addTask(t.sql, t.workflow_id, { priority: 1 })
    const { waiting } = await t.sql.transaction(async (tx) => {
      expect(await claim(tx, { worker_id, token: randomUUID(), slots: 3, leaseMs: LEASE_MS })).toHaveLength(3)
      await addTask(t.sql, t.workflow_id, { priority: 0 }) // the other claim would begin with this one
      const other = t.take(3)
      await Promise.race([other, isBlocked(t.sql)])
      return { waiting: other }
    })
    expect(await waiting).toEqual([])
  })

  it('reads little more than it takes, even by a plan that was made while hardly any task was open', async () => {
    const [COUNT, SLOTS] = [2_000, 20]
    const queueDb = makeQueueDb({ url: t.url, name: 'test', onError: () => undefined })
    const takeByIndex = () => claim(queueDb.claim, { worker_id, token: randomUUID(), slots: SLOTS, leaseMs: LEASE_MS })
    /** A task of each schedule, in the order of their ids. */
    const addMany = (status: 'pending' | 'completed') =>
      t.sql.query(
        `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, serial_key, schedule_id, timeout, ready_at, scheduled_for, finished_at, created_at, updated_at)
         SELECT gen_random_uuid(), w.id, w.source_id, $2::text, 'schedule', 1, s.id, s.id, 60, n.at, n.at, CASE WHEN $2::text = 'completed' THEN n.at END, n.at, n.at
         FROM schedules s JOIN workflows w ON w.id = s.workflow_id, (SELECT spark_now() AS at) n WHERE w.id = $1 ORDER BY s.id`,
        [t.workflow_id, status],
      )
    /** How many rows the claim's own connection has fetched by an index and not yet told the statistics. */
    const fetched = async (): Promise<number> => {
      const { rows } = await queueDb.claim.query<{ n: number }>(
        `SELECT idx_tup_fetch::int AS n FROM pg_stat_xact_user_tables WHERE relname = 'tasks'`,
      )
      return rows[0]!.n
    }
    try {
      for (let i = 0; i < COUNT; i++) await addSchedule(t.sql, t.workflow_id)
      await addMany('completed')
      await t.sql.query('VACUUM (ANALYZE) tasks') // by then the indexes of open tasks are empty
      for (let i = 0; i < 10; i++) {
        await addTask(t.sql, t.workflow_id, { serial_key: randomUUID(), dueInSeconds: -1 })
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

  it('leaves room beside its rows, so that the intent writes no index', async () => {
    const COUNT = 200
    await t.sql.query('UPDATE sources SET max_concurrency = $1', [COUNT])
    for (let i = 0; i < COUNT; i++) await addTask(t.sql, t.workflow_id)
    const tasks = await t.take(COUNT)
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
      await addTask(t.sql, t.workflow_id, { readyInSeconds: -10 }),
      await addTask(t.sql, t.workflow_id),
    ]
    const { waiting } = await t.sql.transaction(async (tx) => {
      await tx.query(`UPDATE tasks SET status = 'cancelled', finished_at = spark_now() WHERE id = $1`, [cancelled])
      const blocked = t.take()
      await Promise.race([blocked, isBlocked(t.sql)])
      return { waiting: blocked }
    })
    expect((await waiting).map((task) => task.id)).toEqual([other])
  })

  it('gives no more than was asked for, from all sources together', async () => {
    const other = await addWorkflow(t.sql, await addSource(t.sql))
    for (let i = 0; i < 3; i++) await Promise.all([addTask(t.sql, t.workflow_id), addTask(t.sql, other)])
    expect(await t.take(4)).toHaveLength(4)
    expect(await t.take(4)).toHaveLength(2)
  })

  it('takes manual runs first, then the oldest', async () => {
    const old = await addTask(t.sql, t.workflow_id, { priority: 1, readyInSeconds: -50 })
    const older = await addTask(t.sql, t.workflow_id, { priority: 1, readyInSeconds: -60 })
    const manual = await addTask(t.sql, t.workflow_id, { priority: 0, readyInSeconds: -1 })
    const order = [...(await t.take(1)), ...(await t.take(1)), ...(await t.take(1))].map((task) => task.id)
    expect(order).toEqual([manual, older, old])
  })

  it('takes manual runs first whichever source they are of', async () => {
    const other = await addWorkflow(t.sql, await addSource(t.sql))
    for (const [here, there] of [
      [t.workflow_id, other],
      [other, t.workflow_id],
    ] as const) {
      const manual = await addTask(t.sql, here)
      const older = await addTask(t.sql, there, { priority: 1, readyInSeconds: -60 })
      expect((await t.take(1)).map((task) => task.id)).toEqual([manual])
      expect((await t.take(1)).map((task) => task.id)).toEqual([older])
    }
  })

  it('takes tasks of another source that come after many of a full one', async () => {
    await t.sql.query('UPDATE sources SET max_concurrency = 1 WHERE id = $1', [t.source_id])
    for (let i = 0; i < 5; i++) await addTask(t.sql, t.workflow_id, { readyInSeconds: -100 })
    const other = await addTask(t.sql, await addWorkflow(t.sql, await addSource(t.sql)))
    expect((await t.take(10)).map((task) => task.id)).toContain(other)
  })

  it('runs the tasks of one schedule one at a time, oldest first', async () => {
    const serial_key = randomUUID()
    const second = await addTask(t.sql, t.workflow_id, { serial_key, dueInSeconds: -5 })
    const first = await addTask(t.sql, t.workflow_id, { serial_key, dueInSeconds: -10 })
    const [one, ...none] = await t.take()
    expect(one!.id).toBe(first)
    expect(none).toEqual([])
    expect(await t.take()).toEqual([])
    await settle(t.sql, [done(one!)])
    expect((await t.take()).map((task) => task.id)).toEqual([second])
  })

  it('lets a manual run start beside the others of its schedule, and what the schedule makes later wait for it', async () => {
    const serial_key = randomUUID()
    const older = await addTask(t.sql, t.workflow_id, { serial_key, dueInSeconds: -10 })
    const byHand = await addTask(t.sql, t.workflow_id, { serial_key })
    const later = await addTask(t.sql, t.workflow_id, { serial_key, dueInSeconds: -5 })
    await t.sql.query(`UPDATE tasks SET trigger = 'manual' WHERE id = $1`, [byHand])
    // Within one millisecond the ids would decide, and here they are random.
    for (const [at, id] of [older, byHand, later].entries())
      await t.sql.query(`UPDATE tasks SET created_at = spark_now() + $2 * interval '1 minute' WHERE id = $1`, [id, at])
    const both = await t.take()
    expect(both.map((task) => task.id).sort()).toEqual([older, byHand].sort())
    const [first, hand] = both.sort((a, b) => (a.id === older ? -1 : b.id === older ? 1 : 0))
    await settle(t.sql, [done(first!)])
    expect(await t.take()).toEqual([])
    await settle(t.sql, [done(hand!)])
    expect((await t.take()).map((task) => task.id)).toEqual([later])
  })

  it('leaves tasks that are not ready, or belong to an inactive or deleted source or a deleted workflow', async () => {
    await addTask(t.sql, t.workflow_id, { readyInSeconds: 60 })
    expect(await t.take()).toEqual([])
    const waiting = await addTask(t.sql, t.workflow_id)
    const other = await addWorkflow(t.sql, await addSource(t.sql))
    for (const [away, back] of [
      [
        `UPDATE sources SET status = 'inactive' WHERE id = '${t.source_id}'`,
        `UPDATE sources SET status = 'active' WHERE id = '${t.source_id}'`,
      ],
      [
        `UPDATE sources SET deleted_at = spark_now() WHERE id = '${t.source_id}'`,
        `UPDATE sources SET deleted_at = NULL WHERE id = '${t.source_id}'`,
      ],
      [
        `UPDATE workflows SET deleted_at = spark_now() WHERE id = '${t.workflow_id}'`,
        `UPDATE workflows SET deleted_at = NULL WHERE id = '${t.workflow_id}'`,
      ],
    ]) {
      await t.sql.query(away!)
      expect(await t.take()).toEqual([])
      const beside = await addTask(t.sql, other)
      expect((await t.take()).map((task) => task.id)).toEqual([beside])
      await t.sql.query(back!)
    }
    expect((await t.take()).map((task) => task.id)).toEqual([waiting])
  })

  it('counts a try, has a lease, and can be read back by its token', async () => {
    const task = await t.takeOne()
    expect(task.tries).toBe(1)
    const { rows } = await t.sql.query(
      `SELECT lease_until - started_at = $2 * interval '1 millisecond' AS exact FROM tasks WHERE id = $1`,
      [task.id, LEASE_MS],
    )
    expect(rows).toEqual([{ exact: true }])
    expect((await claimedBy(t.sql, task.token)).map(({ id }) => id)).toEqual([task.id])
    expect(await claimedBy(t.sql, randomUUID())).toEqual([])
  })
})
