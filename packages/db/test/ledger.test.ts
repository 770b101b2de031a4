import { randomUUID } from 'node:crypto'
import { useFixture } from '@automagik-spark/testing/fixture'
import { beforeAll, describe, expect, it } from 'vitest'
import type { LedgerEntry } from '../src/index.ts'
import { cancelOpen, countOpen, lockDue, lockSchedule, moveSchedules, sqlNow, writeLedger } from '../src/index.ts'
import { addSchedule, addSource, addTask, addWorkflow, isBlocked, openTestDb } from './fixtures.ts'

const t = useFixture(openTestDb)
let workflow_id: string
beforeAll(async () => {
  workflow_id = await addWorkflow(t.sql, await addSource(t.sql))
})

const started = (schedule_id: string, scheduled_for: Date): LedgerEntry => ({
  schedule_id,
  scheduled_for,
  until: null,
  count: 1,
  count_at_least: false,
  decision: 'started',
  reason: null,
  task_id: randomUUID(),
  ready_at: scheduled_for,
})
const tasksOf = async (schedule_id: string) =>
  (await t.sql.query<{ id: string }>('SELECT id FROM tasks WHERE schedule_id = $1', [schedule_id])).rows.map(
    (row) => row.id,
  )

describe('writeLedger', () => {
  it('starts one task for a due time, however often that due time is decided', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    const due = new Date('2026-01-01T08:00:00Z')
    const now = await sqlNow(t.sql)
    const first = await writeLedger(t.sql, [started(schedule, due)], now, 60)
    const again = await writeLedger(t.sql, [started(schedule, due)], now, 60)
    expect(first).toHaveLength(1)
    expect(again).toEqual([])
    expect(await tasksOf(schedule)).toEqual(first)
  })

  it('starts one task for a due time when forty decide it at once', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    const due = new Date('2026-01-01T08:00:00Z')
    const now = await sqlNow(t.sql)
    const made = await Promise.all(
      Array.from({ length: 40 }, () => writeLedger(t.sql, [started(schedule, due)], now, 60)),
    )
    expect(made.flat()).toHaveLength(1)
    expect(await tasksOf(schedule)).toHaveLength(1)
  })

  it('keeps a row for what did not start, and makes no task of it', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    const skipped: LedgerEntry = {
      ...started(schedule, new Date('2026-01-01T08:00:00Z')),
      decision: 'skipped',
      reason: 'overlap',
      task_id: null,
      ready_at: null,
    }
    await writeLedger(t.sql, [skipped], await sqlNow(t.sql), 60)
    const { rows } = await t.sql.query('SELECT decision, reason, task_id FROM occurrences WHERE schedule_id = $1', [
      schedule,
    ])
    expect(rows).toEqual([{ decision: 'skipped', reason: 'overlap', task_id: null }])
    expect(await tasksOf(schedule)).toEqual([])
  })

  it('commits the ledger row and its task together or not at all', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    const due = new Date('2026-01-01T08:00:00Z')
    await expect(
      t.sql.transaction(async (tx) => {
        await writeLedger(tx, [started(schedule, due)], await sqlNow(tx), 60)
        throw new Error('crash before the commit')
      }),
    ).rejects.toThrow('crash')
    expect(await tasksOf(schedule)).toEqual([])
    expect((await writeLedger(t.sql, [started(schedule, due)], await sqlNow(t.sql), 60)).length).toBe(1)
  })

  it('copies input and options of the schedule into the task', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    await t.sql.query(
      `UPDATE schedules SET input_value = '{"a": [1]}', session_id = 's', tweaks = '{"x": {}}', timeout = 7, max_retries = 9, retry_on = 'unknown' WHERE id = $1`,
      [schedule],
    )
    const [id] = await writeLedger(
      t.sql,
      [started(schedule, new Date('2026-01-01T08:00:00Z'))],
      await sqlNow(t.sql),
      60,
    )
    const { rows } = await t.sql.query(
      'SELECT input, session_id, tweaks, timeout, max_retries, retry_on, trigger, status, serial_key FROM tasks WHERE id = $1',
      [id],
    )
    expect(rows).toEqual([
      {
        input: '{"a": [1]}',
        session_id: 's',
        tweaks: '{"x": {}}',
        timeout: 7,
        max_retries: 9,
        retry_on: 'unknown',
        trigger: 'schedule',
        status: 'pending',
        serial_key: schedule,
      },
    ])
  })

  it('lets the runs of a schedule with overlap allow go side by side', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { overlap: 'allow' })
    const [id] = await writeLedger(
      t.sql,
      [started(schedule, new Date('2026-01-01T08:00:00Z'))],
      await sqlNow(t.sql),
      60,
    )
    expect((await t.sql.query('SELECT serial_key FROM tasks WHERE id = $1', [id])).rows).toEqual([{ serial_key: null }])
  })
})

describe('cancel_previous', () => {
  const statusOf = async (id: string | undefined) =>
    (
      await t.sql.query<{ status: string; asked: boolean }>(
        `SELECT status, cancel_requested_at IS NOT NULL AS asked FROM tasks WHERE id = $1`,
        [id],
      )
    ).rows[0]
  const notesOf = async (id: string | undefined) =>
    (await t.sql.query(`SELECT type FROM task_events WHERE task_id = $1 AND message LIKE '%cancel_previous%'`, [id]))
      .rowCount

  it('makes the task of a due time that a later one of the same decision replaces as cancelled', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { overlap: 'cancel_previous' })
    const entries = [
      { ...started(schedule, new Date('2026-01-01T08:00:00Z')), cancelled: true },
      started(schedule, new Date('2026-01-01T08:01:00Z')),
    ]
    const ids = await writeLedger(t.sql, entries, await sqlNow(t.sql), 60)
    expect(ids).toHaveLength(2)
    expect(await statusOf(entries[0]!.task_id!)).toEqual({ status: 'cancelled', asked: false })
    expect(await notesOf(entries[0]!.task_id!)).toBe(1)
    expect(await statusOf(entries[1]!.task_id!)).toEqual({ status: 'pending', asked: false })
  })

  it('cancels pending scheduled runs, asks running ones to stop, and leaves manual runs and backfills alone', async () => {
    const [schedule, other] = [await addSchedule(t.sql, workflow_id), await addSchedule(t.sql, workflow_id)]
    const make = async (trigger: string, status: string, of = schedule) => {
      const id = await addTask(t.sql, workflow_id)
      const running =
        status === 'running' ? `, phase = 'calling', token = gen_random_uuid(), lease_until = spark_now()` : ''
      await t.sql.query(`UPDATE tasks SET trigger = $2, schedule_id = $3, status = $4${running} WHERE id = $1`, [
        id,
        trigger,
        of,
        status,
      ])
      return id
    }
    const [pending, running] = [await make('schedule', 'pending'), await make('schedule', 'running')]
    const spared = [
      await make('manual', 'pending'),
      await make('manual', 'running'),
      await make('backfill', 'pending'),
      await make('replay', 'running'),
      await make('schedule', 'pending', other),
    ]
    await t.sql.transaction((tx) => cancelOpen(tx, [schedule]))
    expect(await statusOf(pending)).toEqual({ status: 'cancelled', asked: true })
    expect(await statusOf(running)).toEqual({ status: 'running', asked: true })
    for (const id of spared) expect((await statusOf(id))!.asked).toBe(false)
    expect([await notesOf(pending), await notesOf(running)]).toEqual([1, 1])
    await t.sql.transaction((tx) => cancelOpen(tx, [schedule])) // asked once is enough
    expect(await notesOf(running)).toBe(1)
    await t.sql.query('DELETE FROM tasks')
  })
})

describe('a due time of a schedule', () => {
  it('has one task, also when one is written past the ledger', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    const due = new Date('2026-01-01T08:00:00Z')
    const write = async (trigger: string) => {
      const id = await addTask(t.sql, workflow_id)
      await t.sql.query(`UPDATE tasks SET trigger = $4, schedule_id = $2, scheduled_for = $3 WHERE id = $1`, [
        id,
        schedule,
        due,
        trigger,
      ])
    }
    await write('schedule')
    await expect(write('schedule')).rejects.toThrow('tasks_due_once')
    await expect(write('backfill')).rejects.toThrow('tasks_due_once')
  })

  it('has one row in the ledger, also when one is written past the statement', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    const write = () =>
      t.sql.query(
        `INSERT INTO occurrences (schedule_id, scheduled_for, decided_at, decision, count, count_at_least) VALUES ($1, '2026-01-01T08:00:00Z', spark_now(), 'skipped', 1, false)`,
        [schedule],
      )
    await write()
    await expect(write()).rejects.toThrow('occurrences_pkey')
  })
})

describe('lockSchedule', () => {
  it('waits for whoever has the schedule, and sees what became of it', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    const second = await t.sql.transaction(async (first) => {
      await lockSchedule(first, schedule)
      const waiting = t.sql.transaction((tx) => lockSchedule(tx, schedule))
      await Promise.race([waiting, isBlocked(t.sql)])
      await first.query('UPDATE schedules SET run_count = 7 WHERE id = $1', [schedule])
      return { waiting } // in an object, so that this transaction ends first
    })
    expect(await second.waiting).toMatchObject({ id: schedule, run_count: 7 })
  })

  it('lets runs of the schedule be written meanwhile', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    await t.sql.transaction(async (tx) => {
      await lockSchedule(tx, schedule)
      const id = await addTask(t.sql, workflow_id)
      await t.sql.query('UPDATE tasks SET schedule_id = $2 WHERE id = $1', [id, schedule])
    })
  })

  it('finds none whose workflow or source is deleted', async () => {
    const source = await addSource(t.sql)
    const workflow = await addWorkflow(t.sql, source)
    const schedule = await addSchedule(t.sql, workflow, { dueInSeconds: -1 })
    const found = () =>
      t.sql.transaction(async (tx) => [
        (await lockSchedule(tx, schedule))?.id,
        (await lockDue(tx, 500)).some((row) => row.id === schedule),
      ])
    expect(await found()).toEqual([schedule, true])
    await t.sql.query('UPDATE workflows SET deleted_at = spark_now() WHERE id = $1', [workflow])
    expect(await found()).toEqual([undefined, false])
    await t.sql.query('UPDATE workflows SET deleted_at = NULL WHERE id = $1', [workflow])
    await t.sql.query('UPDATE sources SET deleted_at = spark_now() WHERE id = $1', [source])
    expect(await found()).toEqual([undefined, false])
  })
})

describe('lockDue', () => {
  it('gives a due schedule to one of two that fire at the same time', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: -1 })
    await t.sql.transaction(async (one) => {
      expect((await lockDue(one, 500)).map((row) => row.id)).toContain(schedule)
      await t.sql.transaction(async (other) => {
        expect((await lockDue(other, 500)).map((row) => row.id)).not.toContain(schedule)
      })
    })
    await t.sql.query('UPDATE schedules SET next_run_at = NULL WHERE id = $1', [schedule])
  })

  it('leaves what is not due yet, is paused, or belongs to an inactive source', async () => {
    const source = await addSource(t.sql)
    const workflow = await addWorkflow(t.sql, source)
    const due = await addSchedule(t.sql, workflow, { dueInSeconds: -1 })
    const later = await addSchedule(t.sql, workflow, { dueInSeconds: 60 })
    const paused = await addSchedule(t.sql, workflow, { dueInSeconds: -1 })
    await t.sql.query(`UPDATE schedules SET status = 'paused', next_run_at = NULL WHERE id = $1`, [paused])
    const locked = () => t.sql.transaction(async (tx) => (await lockDue(tx, 500)).map((row) => row.id))
    expect(await locked()).toContain(due)
    expect(await locked()).not.toContain(later)
    expect(await locked()).not.toContain(paused)
    await t.db.sources.update(source, { status: 'inactive' })
    expect(await locked()).not.toContain(due)
  })
})

describe('moveSchedules', () => {
  it('moves the watermark, the next times, the count and the status, and dates the last run only when one started', async () => {
    const [a, b] = [await addSchedule(t.sql, workflow_id), await addSchedule(t.sql, workflow_id)]
    const now = await sqlNow(t.sql)
    const at = new Date('2026-01-01T08:00:00Z')
    const move = {
      decided_until: at,
      next_due_at: null,
      next_run_at: null,
      run_count: 3,
      status: 'completed' as const,
      paused_reason: null,
    }
    await moveSchedules(
      t.sql,
      [
        { ...move, id: a, started: true },
        { ...move, id: b, started: false },
      ],
      now,
    )
    const { rows } = await t.sql.query<{ id: string }>(
      'SELECT id, decided_until, next_run_at, run_count, status, last_run_at FROM schedules WHERE id = ANY ($1)',
      [[a, b]],
    )
    expect(rows.find((row) => row.id === a)).toEqual({
      id: a,
      decided_until: at,
      next_run_at: null,
      run_count: 3,
      status: 'completed',
      last_run_at: now,
    })
    expect(rows.find((row) => row.id === b)).toMatchObject({ last_run_at: null })
  })
})

describe('countOpen', () => {
  it('counts what is pending or running of each schedule', async () => {
    const schedule = await addSchedule(t.sql, workflow_id)
    expect(await countOpen(t.sql, [schedule])).toEqual([])
    await writeLedger(t.sql, [started(schedule, new Date('2026-01-01T08:00:00Z'))], await sqlNow(t.sql), 60)
    expect(await countOpen(t.sql, [schedule])).toEqual([{ schedule_id: schedule, open: 1, pending: 1 }])
    await t.sql.query(
      `UPDATE tasks SET status = 'running', phase = 'claimed', token = $2, lease_until = spark_now() WHERE schedule_id = $1`,
      [schedule, randomUUID()],
    )
    expect(await countOpen(t.sql, [schedule])).toEqual([{ schedule_id: schedule, open: 1, pending: 0 }])
    const byHand = await addTask(t.sql, workflow_id)
    await t.sql.query('UPDATE tasks SET schedule_id = $2 WHERE id = $1', [byHand, schedule])
    expect(await countOpen(t.sql, [schedule])).toEqual([{ schedule_id: schedule, open: 2, pending: 0 }]) // a pending one by hand waits behind nobody
    await t.sql.query(`UPDATE tasks SET status = 'cancelled', finished_at = spark_now() WHERE schedule_id = $1`, [
      schedule,
    ])
    expect(await countOpen(t.sql, [schedule])).toEqual([])
  })
})
