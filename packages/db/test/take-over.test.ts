import { randomUUID } from 'node:crypto'
import type { SourceType } from '@automagik-spark/core'
import { SECOND } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import type { ClaimedTask, Sql } from '../src/index.ts'
import {
  lostCallsOf,
  markCalling,
  markExpired,
  markRecovering,
  prolongLeases,
  settle,
  sqlNow,
  takeOver as takeOverWith,
} from '../src/index.ts'
import { addSchedule, addTask, taskRow } from './fixtures.ts'
import { done, LEASE_MS, useQueue } from './queue-fixture.ts'

const t = useQueue()
const takeOver = (sql: Sql, graceMs: number) => takeOverWith(sql, graceMs, () => 0)
const takeRetryable = (options: Parameters<typeof addTask>[2] = {}): Promise<ClaimedTask> =>
  t.takeOne({ max_retries: 3, ...options })

describe('take-over', () => {
  it('leaves a task alone whose lease has just run out, and one whose worker has a heartbeat again', async () => {
    const task = await t.takeOne()
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 second' WHERE id = $1`, [task.id])
    expect(await markExpired(t.sql)).toBe(1)
    expect(await takeOver(t.sql, 10_000)).toEqual([])
    await prolongLeases(t.sql, [task], LEASE_MS)
    expect(await markExpired(t.sql)).toBe(0)
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 second' WHERE id = $1`, [task.id])
    expect(await takeOver(t.sql, 0)).toEqual([])
    expect((await taskRow(t.sql, task.id))!.status).toBe('running')
  })

  it('leaves a task alone until it was marked for long enough', async () => {
    const task = await t.takeOne()
    await t.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 minute' WHERE id = $1`, [task.id])
    expect(await takeOver(t.sql, 0)).toEqual([]) // not marked at all
    await markExpired(t.sql)
    await t.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '5 seconds' WHERE id = $1`, [task.id])
    expect(await markExpired(t.sql)).toBe(0) // marked once, or its time would never come
    expect(await takeOver(t.sql, 10_000)).toEqual([])
    expect(await takeOver(t.sql, 1_000)).toHaveLength(1)
  })

  it('marks only what runs with its lease over, and takes only that', async () => {
    const task = await t.takeOne()
    expect(await markExpired(t.sql)).toBe(0)
    await t.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '1 minute' WHERE id = $1`, [task.id])
    expect(await takeOver(t.sql, 10_000)).toEqual([])
  })

  it('is done by one of two that do it at the same time, and neither waits', async () => {
    const [unmarked, marked] = [await t.takeOne(), await t.takeOne()]
    await t.expire(marked.id)
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
    const task = await t.takeOne()
    await t.expire(task.id)
    await takeOver(t.sql, 10_000)
    expect((await t.db.tasks.events(task.id)).map(({ type, try: attempt }) => ({ type, attempt }))).toEqual([
      { type: 'taken_over', attempt: 1 },
    ])
  })

  it('releases a task that was not called yet, with its try', async () => {
    const task = await t.takeOne()
    await t.expire(task.id)
    await takeOver(t.sql, 10_000)
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'pending', tries: 0, crashes: 1 })
  })

  it('ends a task whose workers died three times before the call', async () => {
    await addTask(t.sql, t.workflow_id)
    let id = ''
    for (let i = 0; i < 3; i++) {
      const [task] = await t.take(1)
      id = task!.id
      await t.expire(id)
      await takeOver(t.sql, 10_000)
    }
    expect(await taskRow(t.sql, id)).toMatchObject({ status: 'failed', error_code: 'worker_lost' })
  })

  it('ends a task whose worker died during the call as unknown, and lets that very attempt still report', async () => {
    const task = await t.takeOne()
    await markCalling(t.sql, [task])
    await t.expire(task.id)
    expect((await takeOver(t.sql, 10_000)).map(({ id, status }) => ({ id, status }))).toEqual([
      { id: task.id, status: 'failed' },
    ])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    expect(await settle(t.sql, [done({ id: task.id, token: randomUUID() })])).toEqual([])
    expect(await settle(t.sql, [done(task, { status: 'cancelled' })])).toEqual([])
    expect(await settle(t.sql, [done(task, { status: 'failed', error: 'x', error_code: 'outcome_unknown' })])).toEqual(
      [],
    )
    expect(await settle(t.sql, [done(task)])).toHaveLength(1)
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'completed', error_code: null })
  })

  it('counts a task once that ended as unknown and then as failed, and remembers a success that came late', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
    const counted = async () => (await t.db.schedules.find(schedule))!
    const lost = async () => {
      const task = await t.takeOne()
      await t.sql.query(`UPDATE tasks SET schedule_id = $2, trigger = 'schedule' WHERE id = $1`, [task.id, schedule])
      await markCalling(t.sql, [task])
      await t.expire(task.id)
      await takeOver(t.sql, 10_000)
      return task
    }
    const failed = await lost()
    expect((await counted()).consecutive_failures).toBe(1)
    const ended = await taskRow(t.sql, failed.id)
    expect(
      await settle(t.sql, [done(failed, { status: 'failed', output: null, error: 'x', error_code: 'flow_failed' })]),
    ).toHaveLength(1)
    expect(await taskRow(t.sql, failed.id)).toMatchObject({
      status: 'failed',
      error_code: 'flow_failed',
      finished_at: ended!.finished_at,
    })
    expect((await counted()).consecutive_failures).toBe(1)
    await settle(t.sql, [done(await lost())])
    expect(await counted()).toMatchObject({ consecutive_failures: 0, last_success_at: expect.any(Date) as Date })
  })

  it('gives a lost call to a worker that can recover its outcome, with a lease; the token stays valid for the attempt, too', async () => {
    const [asker, other] = [randomUUID(), randomUUID()]
    const ask = (by: string, source_types: SourceType[] = ['langflow']) =>
      takeOverWith(t.sql, 10_000, () => 0, { worker_id: by, leaseMs: LEASE_MS, source_types })
    const task = await t.takeOne()
    await markCalling(t.sql, [task])
    await t.expire(task.id)
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
    expect(await prolongLeases(t.sql, [asked!], LEASE_MS)).toHaveLength(1)
    // The asker dies as well.
    await t.expire(task.id)
    expect(await ask(other)).toMatchObject([{ id: task.id, status: 'running' }])
    expect(await lostCallsOf(t.sql, other)).toHaveLength(1)
    expect(await settle(t.sql, [done(task)])).toHaveLength(1) // the call itself has come back
    expect(await settle(t.sql, [done(asked!)])).toEqual([])
  })

  it('recovers outcomes only where the server can tell, of nothing that was not sent or is being cancelled, and not for ever', async () => {
    const ask = (source_types: SourceType[]) =>
      takeOverWith(t.sql, 10_000, () => 0, { worker_id: randomUUID(), leaseMs: LEASE_MS, source_types })
    const lost = async () => {
      const task = await t.takeOne()
      await markCalling(t.sql, [task])
      return task
    }
    const [stranger, unsent] = [await lost(), await t.takeOne()]
    await t.expire(stranger.id)
    await ask(['automagik-hive'])
    expect(await taskRow(t.sql, stranger.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    await t.expire(unsent.id)
    await ask(['langflow'])
    expect((await taskRow(t.sql, unsent.id))!.status).toBe('pending')
    await t.sql.query('DELETE FROM tasks')
    const [cancelled, third] = [await lost(), await lost()]
    await t.db.tasks.cancel(cancelled.id)
    await t.sql.query('UPDATE tasks SET crashes = 2 WHERE id = $1', [third.id])
    for (const { id } of [cancelled, third]) await t.expire(id)
    await ask(['langflow'])
    expect((await taskRow(t.sql, cancelled.id))!.status).toBe('cancelled')
    expect(await taskRow(t.sql, third.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
  })

  it('notes that an outcome is being recovered only for the holder of the token, and only after the call was sent', async () => {
    const task = await t.takeOne()
    const phaseNow = async () => (await taskRow(t.sql, task.id))!.phase
    await markRecovering(t.sql, task)
    expect(await phaseNow()).toBe('claimed')
    await markCalling(t.sql, [task])
    await markRecovering(t.sql, { id: task.id, token: randomUUID() })
    expect(await phaseNow()).toBe('calling')
    await markRecovering(t.sql, task)
    expect(await phaseNow()).toBe('asking')
  })

  it('cancels a task whose cancel was requested of the dead worker', async () => {
    const task = await t.takeOne()
    await t.db.tasks.cancel(task.id)
    await t.expire(task.id)
    await takeOver(t.sql, 10_000)
    expect((await taskRow(t.sql, task.id))!.status).toBe('cancelled')
  })
})

describe('take-over during the call', () => {
  const die = async (task: { id: string; token: string }, random = 0) => {
    await markCalling(t.sql, [task])
    await t.expire(task.id)
    return takeOverWith(t.sql, 10_000, () => random)
  }

  it('tries again with retry_on unknown, after a pause, and says that the outcome is unknown', async () => {
    const task = await takeRetryable({ retry_on: 'unknown' })
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
    expect((await t.events(task.id)).map(({ type }) => type)).toEqual([
      'attempt_started',
      'taken_over',
      'attempt_failed',
    ])
    expect((await t.events(task.id))[2]!.message).toMatch(/nobody knows what became of it\. Next try at 20.*Z\.$/)
    expect(await settle(t.sql, [done(task)])).toEqual([])
  })

  it.each([['safe'], ['failure']] as const)('does not with retry_on %s', async (retry_on) => {
    const task = await takeRetryable({ retry_on })
    expect(await die(task)).toMatchObject([{ status: 'failed', next_retry_at: null }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
  })

  it('does not when no tries are left', async () => {
    const task = await takeRetryable({ retry_on: 'unknown', max_retries: 0 })
    expect(await die(task)).toMatchObject([{ status: 'failed' }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ error_code: 'outcome_unknown' })
  })

  it('ends a task over which three workers died', async () => {
    let task = await takeRetryable({ retry_on: 'unknown', max_retries: 10 })
    for (let i = 0; i < 2; i++) {
      await die(task)
      await t.comes(task.id)
      task = (await t.take())[0]!
    }
    expect(await die(task)).toMatchObject([{ status: 'failed' }])
    expect(await taskRow(t.sql, task.id)).toMatchObject({ tries: 3, error_code: 'worker_lost' })
  })
})
