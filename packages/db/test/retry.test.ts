import { randomUUID } from 'node:crypto'
import { MINUTE, SECOND } from '@automagik-spark/core'
import { afterAll, describe, expect, it } from 'vitest'
import type { ClaimedTask } from '../src/index.ts'
import {
  countOpen,
  dueSeconds,
  listen,
  markCalling,
  prolongLeases,
  releaseTasks,
  settle,
  settledBy,
  sqlNow,
  takeOver,
  writeLedger,
} from '../src/index.ts'
import { addSchedule, addTask, taskRow } from './fixtures.ts'
import { again, done, LEASE_MS, useQueue } from './queue-fixture.ts'

const t = useQueue()
const takeOne = (options: Parameters<typeof addTask>[2] = {}): Promise<ClaimedTask> =>
  t.takeOne({ max_retries: 3, ...options })
const closing: (() => Promise<void>)[] = []
afterAll(() => Promise.all(closing.map((close) => close())))

describe('a failed attempt that may be tried again', () => {
  it('puts its task back to pending for a whole second, and says what failed', async () => {
    const task = await takeOne()
    const before = await sqlNow(t.sql)
    const [settled] = await settle(t.sql, [again(task, { retry_in_ms: 90_500 })])
    const row = (await taskRow(t.sql, task.id))!
    expect(settled).toMatchObject({ id: task.id, status: 'pending', next_retry_at: row.next_retry_at })
    expect(row).toMatchObject({
      status: 'pending',
      phase: null,
      tries: 1,
      error: 'It is busy.',
      error_code: 'source_busy',
      lease_until: null,
      started_at: null,
      finished_at: null,
    })
    expect(row.ready_at).toEqual(row.next_retry_at)
    const at = row.next_retry_at!.getTime()
    expect(at % SECOND).toBe(0)
    expect(at).toBeGreaterThanOrEqual(before.getTime() + 90_500)
    expect(at).toBeLessThan((await sqlNow(t.sql)).getTime() + 91_500)
    expect(await t.events(task.id)).toEqual([
      { type: 'attempt_started', message: 'attempt 1 started', try: 1 },
      {
        type: 'attempt_failed',
        message: `It is busy. Next try at ${row.next_retry_at!.toISOString().replace('.000', '')}.`,
        try: 1,
      },
    ])
  })

  it('is not claimed before its time, then with a token of its own and nothing left of the last attempt', async () => {
    const task = await takeOne()
    await settle(t.sql, [again(task, { retry_in_ms: MINUTE })])
    expect(await t.take()).toEqual([])
    await t.comes(task.id)
    const [next] = await t.take()
    expect(next).toMatchObject({ id: task.id, tries: 2, tries_before: 0, max_retries: 3, retry_on: 'safe' })
    expect(next!.token).not.toBe(task.token)
    expect(await taskRow(t.sql, task.id)).toMatchObject({
      status: 'running',
      error: null,
      error_code: null,
      next_retry_at: null,
    })
  })

  it('is written like any other, alone or beside a run that is over and one whose answer is large', async () => {
    const kinds = {
      over: { settle: done, status: 'completed', events: 0, large: 0 },
      again: { settle: again, status: 'pending', events: 2, large: 0 },
      large: {
        settle: (task: ClaimedTask) => ({ ...done(task), full_output: '{"result":"all of x"}' }),
        status: 'completed',
        events: 0,
        large: 1,
      },
    }
    for (const together of [['over'], ['again'], ['large'], ['over', 'large'], ['again', 'over', 'large']] as const) {
      const tasks = new Map<keyof typeof kinds, ClaimedTask>()
      for (const kind of together) tasks.set(kind, await takeOne())
      expect(
        await settle(
          t.sql,
          [...tasks].map(([kind, task]) => kinds[kind].settle(task)),
        ),
      ).toHaveLength(together.length)
      for (const [kind, { id }] of tasks) {
        const large = await t.sql.query('SELECT FROM task_outputs WHERE task_id = $1', [id])
        expect({
          kind,
          status: (await taskRow(t.sql, id))!.status,
          events: (await t.events(id)).length,
          large: large.rowCount,
        }).toEqual({ kind, status: kinds[kind].status, events: kinds[kind].events, large: kinds[kind].large })
      }
    }
  })

  it('is not notified as ended; a task that ends in the same statement is', async () => {
    const [task, other] = [await takeOne(), await takeOne()]
    const heard: string[] = []
    await new Promise<void>((up) => {
      const listener = listen({
        url: t.url,
        name: 'test',
        channels: ['spark_done'],
        onError: () => undefined,
        onUp: up,
        onMessage: (_channel, payload) => void heard.push(...payload.split(',')),
      })
      closing.push(listener.close)
    })
    await settle(t.sql, [again(task), done(other)])
    await expect.poll(() => heard).toEqual([other.id])
  })

  it.each([
    ['markCalling', async (pair: { id: string; token: string }) => (await markCalling(t.sql, [pair])).size],
    ['prolong', async (pair: { id: string; token: string }) => (await prolongLeases(t.sql, [pair], LEASE_MS)).length],
    ['settle', async (pair: { id: string; token: string }) => (await settle(t.sql, [done(pair)])).length],
    ['settle again', async (pair: { id: string; token: string }) => (await settle(t.sql, [again(pair)])).length],
    ['releaseTasks', async (pair: { id: string; token: string }) => (await releaseTasks(t.sql, [pair], 'test')).length],
  ])('takes all from its attempt: %s does nothing while the task waits, nor when it is tried again', async (_, act) => {
    const task = await takeOne()
    await settle(t.sql, [again(task)])
    const waiting = await taskRow(t.sql, task.id)
    expect(await act(task)).toBe(0)
    expect(await taskRow(t.sql, task.id)).toEqual(waiting)
    await t.comes(task.id)
    await t.take()
    const running = await taskRow(t.sql, task.id)
    expect(await act(task)).toBe(0)
    expect(await taskRow(t.sql, task.id)).toEqual(running)
  })

  it('needs the token of the task', async () => {
    const task = await takeOne()
    const before = await taskRow(t.sql, task.id)
    expect(await settle(t.sql, [again({ id: task.id, token: randomUUID() })])).toEqual([])
    expect(await taskRow(t.sql, task.id)).toEqual(before)
    expect(await t.events(task.id)).toEqual([])
  })

  it('can be read back when the commit was in doubt', async () => {
    const task = await takeOne()
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([])
    await settle(t.sql, [again(task)])
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([task.id])
    expect([...(await settledBy(t.sql, [again({ ...task, token: randomUUID() })]))]).toEqual([])
    await t.comes(task.id)
    await t.take()
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([])
  })

  it('ends as cancelled when a cancel was requested meanwhile', async () => {
    const task = await takeOne()
    await t.db.tasks.cancel(task.id)
    expect(await settle(t.sql, [again(task)])).toMatchObject([{ status: 'cancelled', next_retry_at: null }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'cancelled', error: null, error_code: null })
    expect(await t.events(task.id)).toEqual([
      { type: 'attempt_failed', message: 'It is busy. Not tried again: a cancel was requested.', try: 1 },
    ])
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([task.id])
  })

  it('is cancelled at once while it waits', async () => {
    const task = await takeOne()
    await settle(t.sql, [again(task)])
    expect(await t.db.tasks.cancel(task.id)).toBe('pending')
    expect(await taskRow(t.sql, task.id)).toMatchObject({
      status: 'cancelled',
      tries: 1,
      error: null,
      error_code: null,
      next_retry_at: null,
    })
  })

  it('stays failed when the task had ended as unknown already', async () => {
    const task = await takeOne()
    await markCalling(t.sql, [task])
    await t.expire(task.id)
    await takeOver(t.sql, 10_000, () => 0)
    expect(await settle(t.sql, [again(task)])).toMatchObject([{ status: 'failed', next_retry_at: null }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({
      status: 'failed',
      error_code: 'source_busy',
      next_retry_at: null,
    })
  })

  it('counts for its schedule only when it was the last', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
    const failures = async () => (await t.db.schedules.find(schedule))!.consecutive_failures
    const task = await takeOne()
    await t.sql.query(`UPDATE tasks SET schedule_id = $2, trigger = 'schedule' WHERE id = $1`, [task.id, schedule])
    await settle(t.sql, [again(task)])
    expect(await failures()).toBe(0)
    await t.comes(task.id)
    const [last] = await t.take()
    await settle(t.sql, [again(last!, { retry_in_ms: null })])
    expect(await failures()).toBe(1)
  })
})

describe('the order of the runs of one schedule', () => {
  it('lets no younger run overtake one that waits for its next try', async () => {
    const serial_key = randomUUID()
    const older = await takeOne({ serial_key, dueInSeconds: -20 })
    const younger = await addTask(t.sql, t.workflow_id, { serial_key, dueInSeconds: -10 })
    expect(await t.take()).toEqual([])
    await settle(t.sql, [again(older, { retry_in_ms: MINUTE })])
    expect(await t.take()).toEqual([])
    await t.comes(older.id)
    const [next] = await t.take()
    expect(next!.id).toBe(older.id)
    await settle(t.sql, [done(next!)])
    expect((await t.take()).map((task) => task.id)).toEqual([younger])
  })

  it('counts one that waits for its next try as open', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id)
    const [id] = await writeLedger(
      t.sql,
      [
        {
          schedule_id: schedule,
          scheduled_for: new Date('2026-01-01T08:00:00Z'),
          until: null,
          count: 1,
          count_at_least: false,
          decision: 'started',
          reason: null,
          task_id: randomUUID(),
          ready_at: new Date('2026-01-01T08:00:00Z'),
        },
      ],
      await sqlNow(t.sql),
      60,
    )
    const [task] = await t.take()
    expect(task!.id).toBe(id)
    await settle(t.sql, [again(task!, { retry_in_ms: MINUTE })])
    expect(await countOpen(t.sql, [schedule])).toEqual([{ schedule_id: schedule, open: 1, pending: 1 }])
  })
})

describe('the seconds that need a wake-up', () => {
  it('are those of retries too, as long as they are waited for', async () => {
    const [one, other] = [await takeOne(), await takeOne()]
    await settle(t.sql, [again(one, { retry_in_ms: 10_000 }), again(other, { retry_in_ms: 2 * MINUTE })])
    const now = await sqlNow(t.sql)
    const within = (ms: number) => dueSeconds(t.sql, now, new Date(now.getTime() + ms))
    const { next_retry_at } = (await taskRow(t.sql, one.id))!
    expect(await within(MINUTE)).toEqual([next_retry_at])
    expect(await within(3 * MINUTE)).toHaveLength(2)
    await t.db.tasks.cancel(one.id)
    expect(await within(MINUTE)).toEqual([])
  })
})
