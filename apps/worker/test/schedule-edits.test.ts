import { randomUUID } from 'node:crypto'
import { HOUR, MINUTE } from '@automagik-spark/core'
import { lockSchedule, sqlNow, writeLedger } from '@automagik-spark/db'
import { beforeAll, describe, expect, it } from 'vitest'
import { moveClock, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const stack = useStack()
let workflow_id: string
let source_id: string
beforeAll(async () => {
  const { workflow, source } = await stack.sync()
  workflow_id = workflow.id
  source_id = source.id
})

const create = (fields: Partial<Parameters<typeof newSchedule>[0]> = {}) =>
  stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr: '10m', ...fields }))
const ledger = async (id: string) =>
  (await stack.engine.schedules.occurrences(id, PAGE)).items.map(({ decision, reason, count }) => ({
    decision,
    reason,
    count,
  }))

describe('an edit that moves times', () => {
  it('records what a suspended source left undecided as superseded', async () => {
    const schedule = await create()
    await stack.engine.sources.update(source_id, { status: 'inactive' })
    await moveClock(stack, 35 * MINUTE)
    const edited = await stack.engine.schedules.update(schedule.id, { schedule_expr: '1h' })
    expect(await ledger(schedule.id)).toEqual([{ decision: 'superseded', reason: 'edited', count: 3 }])
    expect(edited.next_due_at!.getTime()).toBeGreaterThan(edited.updated_at.getTime())
    await moveClock(stack, 0)
    await stack.engine.sources.update(source_id, { status: 'active' })
  })

  it('of a paused schedule records what passed under the old plan as paused, and what passes later under the new one', async () => {
    const schedule = await create()
    await stack.engine.schedules.disable(schedule.id, null)
    await moveClock(stack, 35 * MINUTE)
    expect(await stack.engine.schedules.update(schedule.id, { schedule_expr: '1h' })).toMatchObject({
      status: 'paused',
      next_due_at: null,
      next_run_at: null,
    })
    expect(await ledger(schedule.id)).toEqual([{ decision: 'skipped', reason: 'paused', count: 3 }])
    await moveClock(stack, 35 * MINUTE + 2 * HOUR)
    await stack.engine.schedules.enable(schedule.id)
    expect(await ledger(schedule.id)).toEqual([
      { decision: 'skipped', reason: 'paused', count: 2 },
      { decision: 'skipped', reason: 'paused', count: 3 },
    ])
    await moveClock(stack, 0)
  })

  it('wakes the workers at the new times', async () => {
    await stack.addWorker({ fallback: false })
    const schedule = await create({ schedule_expr: '1h' })
    await stack.engine.schedules.update(schedule.id, { schedule_expr: '1s', max_runs: 1 })
    await until(
      () => stack.engine.schedules.get(schedule.id),
      (seen) => seen.status === 'completed',
    )
  })
})

describe('a schedule', () => {
  it('cannot be given a workflow that is not there, and stays as it was', async () => {
    const schedule = await create()
    await expect(
      stack.engine.schedules.update(schedule.id, { workflow_id: '00000000-0000-7000-8000-000000000000', name: 'lost' }),
    ).rejects.toThrow('Workflow not found')
    expect(await stack.engine.schedules.get(schedule.id)).toMatchObject({ workflow_id, name: null })
  })

  it('that is completed cannot be disabled', async () => {
    const { id } = await create()
    await stack.db.sql.query(
      `UPDATE schedules SET status = 'completed', next_due_at = NULL, next_run_at = NULL WHERE id = $1`,
      [id],
    )
    await expect(stack.engine.schedules.disable(id, null)).rejects.toThrow('The schedule is completed')
  })

  it('that is deleted while it starts a run takes that run with it', async () => {
    const schedule = await create()
    const task_id = randomUUID()
    const scheduled_for = schedule.next_due_at!
    const { removing } = await stack.db.sql.transaction(async (tx) => {
      await lockSchedule(tx, schedule.id)
      const removal = stack.engine.schedules.remove(schedule.id)
      const isBlocked = until(
        () =>
          stack.db.sql.query<{ n: number }>(
            `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          ),
        ({ rows }) => rows[0]!.n > 0,
      )
      await Promise.race([removal, isBlocked])
      const started = {
        schedule_id: schedule.id,
        scheduled_for,
        until: null,
        count: 1,
        count_at_least: false,
        decision: 'started',
        reason: null,
        task_id,
        ready_at: scheduled_for,
      } as const
      await writeLedger(tx, [started], await sqlNow(tx), 60)
      return { removing: removal }
    })
    await removing
    expect(await stack.engine.tasks.get(task_id)).toMatchObject({ status: 'cancelled', schedule_id: null })
  })
})
