import { randomUUID } from 'node:crypto'
import { jsonText } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import type { ClaimedTask } from '../src/index.ts'
import { countOpen, markCalling, settle, takeOver } from '../src/index.ts'
import { addSchedule, addTask, taskRow } from './fixtures.ts'
import { again, done, useQueue } from './queue-fixture.ts'

const t = useQueue()
const takeOne = (options: Parameters<typeof addTask>[2] = {}): Promise<ClaimedTask> =>
  t.takeOne({ max_retries: 3, ...options })

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
    expect(await t.events(task.id)).toEqual([
      { type: 'attempt_started', message: 'attempt 1 started', try: 1 },
      { type: 'failed', message: 'No.', try: 1 },
      { type: 'retry_requested', message: 'to be tried again by hand', try: 1 },
    ])
    expect(await t.take()).toMatchObject([{ id: task.id, tries: 2, tries_before: 1, max_retries: 3 }])
  })

  it('takes the token from an attempt whose outcome was unknown, and says that the flow may run twice', async () => {
    const task = await takeOne()
    await markCalling(t.sql, [task])
    await t.expire(task.id)
    await takeOver(t.sql, 10_000, () => 0)
    await t.db.tasks.retry(task.id)
    expect(await settle(t.sql, [done(task)])).toEqual([])
    expect((await t.events(task.id)).at(-1)).toMatchObject({
      type: 'retry_requested',
      message: expect.stringContaining('the flow may run twice'),
    })
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'pending', crashes: 0 })
  })

  it('takes a cancelled one, also one that never started', async () => {
    const id = await addTask(t.sql, t.workflow_id, { readyInSeconds: 60 })
    await t.db.tasks.cancel(id)
    expect(await t.db.tasks.retry(id)).toMatchObject({ was: 'cancelled' })
    expect(await t.take()).toMatchObject([{ id, tries: 1, tries_before: 0 }])
    const { rows } = await t.sql.query('SELECT cancel_requested_at FROM tasks WHERE id = $1', [id])
    expect(rows).toEqual([{ cancel_requested_at: null }])
  })

  it('changes nothing of what is pending, running or completed, of an inactive source, or gone', async () => {
    const pending = await addTask(t.sql, t.workflow_id)
    expect(await t.db.tasks.retry(pending)).toMatchObject({ was: 'pending' })
    const [task] = await t.take()
    expect(await t.db.tasks.retry(pending)).toMatchObject({ was: 'running' })
    await settle(t.sql, [done(task!)])
    expect(await t.db.tasks.retry(pending)).toMatchObject({ was: 'completed' })
    expect((await taskRow(t.sql, pending))!.status).toBe('completed')
    expect(await t.db.tasks.retry(randomUUID())).toBeNull()

    const failed = await takeOne()
    await settle(t.sql, [again(failed, { retry_in_ms: null })])
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    expect(await t.db.tasks.retry(failed.id)).toBe('inactive')
    expect((await taskRow(t.sql, failed.id))!.status).toBe('failed')
    await t.db.sources.hide(t.source_id)
    expect(await t.db.tasks.retry(failed.id)).toBeNull()
  })

  it('is done once when it is asked for twice at the same time', async () => {
    const task = await takeOne()
    await settle(t.sql, [again(task, { retry_in_ms: null })])
    const found = await Promise.all([t.db.tasks.retry(task.id), t.db.tasks.retry(task.id)])
    expect(found.map((one) => (one as { was: string }).was).sort()).toEqual(['failed', 'pending'])
    expect((await t.events(task.id)).filter(({ type }) => type === 'retry_requested')).toHaveLength(1)
  })
})

describe('a replay', () => {
  const original = async () => {
    const id = await addTask(t.sql, t.workflow_id, { max_retries: 7, retry_on: 'failure' })
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
    const claimed = (await t.take()).find((task) => task.id === row!.id)
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
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    expect(await t.db.tasks.replay(id, { id: randomUUID(), input: null })).toBeNull()
  })

  it('stands beside the runs of its schedule: it is not open for overlap, blocks nobody and counts nowhere', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
    const id = await original()
    await t.sql.query(
      `UPDATE tasks SET schedule_id = $2, serial_key = $2, trigger = 'schedule', status = 'cancelled', finished_at = spark_now() WHERE id = $1`,
      [id, schedule],
    )
    const replay = await t.db.tasks.replay(id, { id: randomUUID(), input: null })
    expect(replay!.schedule_id).toBe(schedule)
    expect(await countOpen(t.sql, [schedule])).toEqual([])
    const later = await addTask(t.sql, t.workflow_id, { serial_key: schedule })
    const claimed = await t.take()
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
