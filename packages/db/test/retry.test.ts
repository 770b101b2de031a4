import { randomUUID } from 'node:crypto'
import { jsonText, MINUTE, SECOND } from '@automagik-spark/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedTask, Settlement } from '../src/index.ts'
import {
  claim,
  countOpen,
  dueSeconds,
  listen,
  markCalling,
  markExpired,
  prolongLeases,
  releaseTasks,
  settle,
  settledBy,
  settlementOf,
  sqlNow,
  takeOver,
  writeLedger,
} from '../src/index.ts'
import { addSchedule, addSource, addTask, addWorkflow, openTestDb, taskRow } from './fixtures.ts'

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
const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  await Promise.all(closing.map((close) => close()))
  await t.close()
})

const LEASE = 30_000
const take = async (slots = 10) => claim(t.sql, { worker_id: randomUUID(), token: randomUUID(), slots, leaseMs: LEASE })
const takeOne = async (options: Parameters<typeof addTask>[2] = {}): Promise<ClaimedTask> => {
  const id = await addTask(t.sql, workflow_id, { max_retries: 3, ...options })
  return (await take()).find((task) => task.id === id)!
}
/** A failure that may be tried again, at once unless told otherwise. */
const again = (task: { id: string; token: string }, more: Partial<Settlement> = {}): Settlement =>
  settlementOf(task, { status: 'failed', error: 'It is busy.', error_code: 'source_busy', retry_in_ms: 0, ...more })
const done = (task: { id: string; token: string }): Settlement =>
  settlementOf(task, { status: 'completed', output: '{"result":"x"}' })
const events = async (id: string) =>
  (await t.db.tasks.events(id)).map(({ type, message, try: n }) => ({ type, message, try: n }))
/** As if its next try had come. */
const comes = (id: string) =>
  t.sql.query(
    `UPDATE tasks SET ready_at = spark_now() - interval '1 second', next_retry_at = spark_now() - interval '1 second' WHERE id = $1`,
    [id],
  )
const expire = async (id: string) => {
  await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 minute' WHERE id = $1`, [id])
  await markExpired(t.sql)
  await t.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '1 minute' WHERE id = $1`, [id])
}

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
    expect(await events(task.id)).toEqual([
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
    expect(await take()).toEqual([])
    await comes(task.id)
    const [next] = await take()
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
          events: (await events(id)).length,
          large: large.rowCount,
        }).toEqual({ kind, status: kinds[kind].status, events: kinds[kind].events, large: kinds[kind].large })
      }
    }
  })

  it('is not announced as over; what settles beside it is', async () => {
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
    ['prolong', async (pair: { id: string; token: string }) => (await prolongLeases(t.sql, [pair], LEASE)).length],
    ['settle', async (pair: { id: string; token: string }) => (await settle(t.sql, [done(pair)])).length],
    ['settle again', async (pair: { id: string; token: string }) => (await settle(t.sql, [again(pair)])).length],
    ['releaseTasks', async (pair: { id: string; token: string }) => (await releaseTasks(t.sql, [pair], 'test')).length],
  ])('leaves nothing to its attempt: %s does nothing while it waits, nor when it is tried again', async (_, act) => {
    const task = await takeOne()
    await settle(t.sql, [again(task)])
    const waiting = await taskRow(t.sql, task.id)
    expect(await act(task)).toBe(0)
    expect(await taskRow(t.sql, task.id)).toEqual(waiting)
    await comes(task.id)
    await take()
    const running = await taskRow(t.sql, task.id)
    expect(await act(task)).toBe(0)
    expect(await taskRow(t.sql, task.id)).toEqual(running)
  })

  it('needs the token of the task', async () => {
    const task = await takeOne()
    const before = await taskRow(t.sql, task.id)
    expect(await settle(t.sql, [again({ id: task.id, token: randomUUID() })])).toEqual([])
    expect(await taskRow(t.sql, task.id)).toEqual(before)
    expect(await events(task.id)).toEqual([])
  })

  it('can be read back when the commit was in doubt', async () => {
    const task = await takeOne()
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([])
    await settle(t.sql, [again(task)])
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([task.id])
    expect([...(await settledBy(t.sql, [again({ ...task, token: randomUUID() })]))]).toEqual([])
    await comes(task.id)
    await take()
    expect([...(await settledBy(t.sql, [again(task)]))]).toEqual([])
  })

  it('ends as cancelled when a cancel was requested meanwhile', async () => {
    const task = await takeOne()
    await t.db.tasks.cancel(task.id)
    expect(await settle(t.sql, [again(task)])).toMatchObject([{ status: 'cancelled', next_retry_at: null }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'cancelled', error: null, error_code: null })
    expect(await events(task.id)).toEqual([
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
    await expire(task.id)
    await takeOver(t.sql, 10_000, () => 0)
    expect(await settle(t.sql, [again(task)])).toMatchObject([{ status: 'failed', next_retry_at: null }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({
      status: 'failed',
      error_code: 'source_busy',
      next_retry_at: null,
    })
  })

  it('counts for its schedule only when it was the last', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    const failures = async () => (await t.db.schedules.find(schedule))!.consecutive_failures
    const task = await takeOne()
    await t.sql.query(`UPDATE tasks SET schedule_id = $2, trigger = 'schedule' WHERE id = $1`, [task.id, schedule])
    await settle(t.sql, [again(task)])
    expect(await failures()).toBe(0)
    await comes(task.id)
    const [last] = await take()
    await settle(t.sql, [again(last!, { retry_in_ms: null })])
    expect(await failures()).toBe(1)
  })
})

describe('the order of the runs of one schedule', () => {
  it('lets no younger run overtake one that waits for its next try', async () => {
    const serial_key = randomUUID()
    const older = await takeOne({ serial_key, dueInSeconds: -20 })
    const younger = await addTask(t.sql, workflow_id, { serial_key, dueInSeconds: -10 })
    expect(await take()).toEqual([])
    await settle(t.sql, [again(older, { retry_in_ms: MINUTE })])
    expect(await take()).toEqual([])
    await comes(older.id)
    const [next] = await take()
    expect(next!.id).toBe(older.id)
    await settle(t.sql, [done(next!)])
    expect((await take()).map((task) => task.id)).toEqual([younger])
  })

  it('counts one that waits for its next try as open', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
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
    const [task] = await take()
    expect(task!.id).toBe(id)
    await settle(t.sql, [again(task!, { retry_in_ms: MINUTE })])
    expect(await countOpen(t.sql, [schedule])).toEqual([{ schedule_id: schedule, open: 1, pending: 1 }])
  })
})

describe('the seconds that want a wake-up', () => {
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

describe('take-over during the call', () => {
  const die = async (task: { id: string; token: string }, random = 0) => {
    await markCalling(t.sql, [task])
    await expire(task.id)
    return takeOver(t.sql, 10_000, () => random)
  }

  it('tries again with retry_on unknown, after a pause, and says that the outcome is unknown', async () => {
    const task = await takeOne({ retry_on: 'unknown' })
    const now = await sqlNow(t.sql)
    const [taken] = await die(task, 0.5)
    const row = (await taskRow(t.sql, task.id))!
    expect(taken).toMatchObject({ id: task.id, status: 'pending', next_retry_at: row.next_retry_at })
    expect(row).toMatchObject({
      status: 'pending',
      tries: 1,
      crashes: 1,
      error_code: 'outcome_unknown',
      started_at: null,
      finished_at: null,
    })
    expect(row.ready_at).toEqual(row.next_retry_at)
    expect(row.next_retry_at!.getTime()).toBeGreaterThanOrEqual(now.getTime() + 5 * SECOND)
    expect(row.next_retry_at!.getTime()).toBeLessThan(now.getTime() + 30 * SECOND)
    expect((await events(task.id)).map(({ type }) => type)).toEqual(['attempt_started', 'taken_over', 'attempt_failed'])
    expect((await events(task.id))[2]!.message).toMatch(/nobody knows what became of it\. Next try at 20.*Z\.$/)
    expect(await settle(t.sql, [done(task)])).toEqual([])
  })

  it.each([['safe'], ['failure']] as const)('does not with retry_on %s', async (retry_on) => {
    const task = await takeOne({ retry_on })
    expect(await die(task)).toMatchObject([{ status: 'failed', next_retry_at: null }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
  })

  it('does not when no tries are left', async () => {
    const task = await takeOne({ retry_on: 'unknown', max_retries: 0 })
    expect(await die(task)).toMatchObject([{ status: 'failed' }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ error_code: 'outcome_unknown' })
  })

  it('ends a task over which three workers died', async () => {
    let task = await takeOne({ retry_on: 'unknown', max_retries: 10 })
    for (let i = 0; i < 2; i++) {
      await die(task)
      await comes(task.id)
      task = (await take())[0]!
    }
    expect(await die(task)).toMatchObject([{ status: 'failed' }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ tries: 3, error_code: 'worker_lost' })
  })
})

describe('a retry by hand', () => {
  it('runs the same task again: a fresh max_retries, tries go on, and the log keeps how it ended', async () => {
    const task = await takeOne()
    await settle(t.sql, [again(task, { retry_in_ms: null, error: 'No.', error_code: 'bad_request' })])
    expect(await t.db.tasks.retry(task.id)).toMatchObject({ was: 'failed' })
    expect(await taskRow(t.sql, task.id)).toMatchObject({
      status: 'pending',
      tries: 1,
      tries_before: 1,
      token: null,
      error: null,
      error_code: null,
      finished_at: null,
      next_retry_at: null,
    })
    expect(await events(task.id)).toEqual([
      { type: 'attempt_started', message: 'attempt 1 started', try: 1 },
      { type: 'failed', message: 'No.', try: 1 },
      { type: 'retry_requested', message: 'to be tried again by hand', try: 1 },
    ])
    expect(await take()).toMatchObject([{ id: task.id, tries: 2, tries_before: 1, max_retries: 3 }])
  })

  it('takes the token from an attempt whose outcome was unknown, and says that the flow may run twice', async () => {
    const task = await takeOne()
    await markCalling(t.sql, [task])
    await expire(task.id)
    await takeOver(t.sql, 10_000, () => 0)
    await t.db.tasks.retry(task.id)
    expect(await settle(t.sql, [done(task)])).toEqual([])
    expect((await events(task.id)).at(-1)).toMatchObject({
      type: 'retry_requested',
      message: expect.stringContaining('the flow may run twice'),
    })
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'pending', crashes: 0 })
  })

  it('takes a cancelled one, also one that never started', async () => {
    const id = await addTask(t.sql, workflow_id, { readyInSeconds: 60 })
    await t.db.tasks.cancel(id)
    expect(await t.db.tasks.retry(id)).toMatchObject({ was: 'cancelled' })
    expect(await take()).toMatchObject([{ id, tries: 1, tries_before: 0 }])
    const { rows } = await t.sql.query('SELECT cancel_requested_at FROM tasks WHERE id = $1', [id])
    expect(rows).toEqual([{ cancel_requested_at: null }])
  })

  it('changes nothing of what is pending, running or completed, of an inactive source, or gone', async () => {
    const pending = await addTask(t.sql, workflow_id)
    expect(await t.db.tasks.retry(pending)).toMatchObject({ was: 'pending' })
    const [task] = await take()
    expect(await t.db.tasks.retry(pending)).toMatchObject({ was: 'running' })
    await settle(t.sql, [done(task!)])
    expect(await t.db.tasks.retry(pending)).toMatchObject({ was: 'completed' })
    expect((await taskRow(t.sql, pending))!.status).toBe('completed')
    expect(await t.db.tasks.retry(randomUUID())).toBeNull()

    const failed = await takeOne()
    await settle(t.sql, [again(failed, { retry_in_ms: null })])
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await t.db.tasks.retry(failed.id)).toBe('inactive')
    expect((await taskRow(t.sql, failed.id))!.status).toBe('failed')
    await t.db.sources.hide(source_id)
    expect(await t.db.tasks.retry(failed.id)).toBeNull()
  })

  it('is done once when it is asked for twice at the same time', async () => {
    const task = await takeOne()
    await settle(t.sql, [again(task, { retry_in_ms: null })])
    const found = await Promise.all([t.db.tasks.retry(task.id), t.db.tasks.retry(task.id)])
    expect(found.map((one) => (one as { was: string }).was).sort()).toEqual(['failed', 'pending'])
    expect((await events(task.id)).filter(({ type }) => type === 'retry_requested')).toHaveLength(1)
  })
})

describe('a replay', () => {
  const original = async () => {
    const id = await addTask(t.sql, workflow_id, { max_retries: 7, retry_on: 'failure' })
    await t.sql.query(
      `UPDATE tasks SET input = '{"a": 1}', session_id = 's', tweaks = '{"x": {}}', timeout = 9 WHERE id = $1`,
      [id],
    )
    return id
  }

  it('is a new task with the input and options of the other', async () => {
    const id = await original()
    const row = await t.db.tasks.replay(id, { id: randomUUID(), input: null })
    expect(row).toMatchObject({
      status: 'pending',
      trigger: 'replay',
      replay_of: id,
      input: '{"a": 1}',
      timeout: 9,
      max_retries: 7,
      retry_on: 'failure',
      tries: 0,
      scheduled_for: null,
    })
    const claimed = (await take()).find((task) => task.id === row!.id)
    expect(claimed).toMatchObject({ session_id: 's', tweaks: '{"x": {}}', input: '{"a": 1}' })
  })

  it.each([
    ['text', 'hello'],
    ['an object', { b: [2] }],
    ['null', null],
    ['false', false],
  ])('takes %s as another input', async (_, value) => {
    expect(
      await t.db.tasks.replay(await original(), {
        id: randomUUID(),
        input: { value: value === null ? null : jsonText(value) },
      }),
    ).toMatchObject({ input: value === null ? null : JSON.stringify(value) })
  })

  it('is none of an inactive source, or of a task that is gone', async () => {
    const id = await original()
    expect(await t.db.tasks.replay(randomUUID(), { id: randomUUID(), input: null })).toBeNull()
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await t.db.tasks.replay(id, { id: randomUUID(), input: null })).toBeNull()
  })

  it('stands beside the runs of its schedule: it is not open for overlap, blocks nobody and counts nowhere', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    const id = await original()
    await t.sql.query(
      `UPDATE tasks SET schedule_id = $2, serial_key = $2, trigger = 'schedule', status = 'cancelled', finished_at = spark_now() WHERE id = $1`,
      [id, schedule],
    )
    const replay = await t.db.tasks.replay(id, { id: randomUUID(), input: null })
    expect(replay!.schedule_id).toBe(schedule)
    expect(await countOpen(t.sql, [schedule])).toEqual([])
    const later = await addTask(t.sql, workflow_id, { serial_key: schedule })
    const claimed = await take()
    expect(claimed.map((task) => task.id).sort()).toEqual([replay!.id, later].sort())
    await settle(t.sql, [
      again(
        claimed.find((task) => task.id === replay!.id)!,
        { retry_in_ms: null },
      ),
    ])
    expect((await t.db.schedules.find(schedule))!.consecutive_failures).toBe(0)
  })
})
