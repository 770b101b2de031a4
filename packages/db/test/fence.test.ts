import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Settlement, Sql } from '../src/index.ts'
import {
  claim,
  claimedBy,
  markCalling,
  prolongLeases,
  releaseTasks,
  settle,
  settledBy,
  takeOver as takeOverWith,
} from '../src/index.ts'
import { addTask, isBlocked, taskRow } from './fixtures.ts'
import { done, LEASE_MS, useQueue } from './queue-fixture.ts'

const t = useQueue()
const takeOver = (sql: Sql, graceMs: number) => takeOverWith(sql, graceMs, () => 0)

describe('the fence', () => {
  it.each([
    ['markCalling', async (pair: { id: string; token: string }) => (await markCalling(t.sql, [pair])).size],
    ['prolong', async (pair: { id: string; token: string }) => (await prolongLeases(t.sql, [pair], LEASE_MS)).length],
    ['settle', async (pair: { id: string; token: string }) => (await settle(t.sql, [done(pair)])).length],
    ['releaseTasks', async (pair: { id: string; token: string }) => (await releaseTasks(t.sql, [pair], 'test')).length],
  ])('%s does nothing with a token that is not the task’s, and its work with the right one', async (_, act) => {
    const task = await t.takeOne()
    const before = await taskRow(t.sql, task.id)
    expect(await act({ id: task.id, token: randomUUID() })).toBe(0)
    expect(await taskRow(t.sql, task.id)).toEqual(before)
    expect(await act(task)).toBe(1)
  })

  it.each([
    ['markCalling', async (pair: { id: string; token: string }) => (await markCalling(t.sql, [pair])).size],
    ['prolong', async (pair: { id: string; token: string }) => (await prolongLeases(t.sql, [pair], LEASE_MS)).length],
    ['releaseTasks', async (pair: { id: string; token: string }) => (await releaseTasks(t.sql, [pair], 'test')).length],
  ])('%s does nothing to a task that is over or waits again, although it has still that token', async (_, act) => {
    const over = await t.takeOne()
    await settle(t.sql, [done(over)])
    const again = await t.takeOne()
    await t.expire(again.id)
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

  it('refuses the call of a task whose cancel was requested', async () => {
    const task = await t.takeOne()
    await t.db.tasks.cancel(task.id)
    expect((await markCalling(t.sql, [task])).size).toBe(0)
    expect((await taskRow(t.sql, task.id))!.phase).toBe('claimed')
  })

  it('asks a task to stop whose cancel came during its claim, and does not cancel it behind its worker', async () => {
    const id = await addTask(t.sql, t.workflow_id)
    const { cancelling } = await t.sql.transaction(async (tx) => {
      await claim(tx, { worker_id: randomUUID(), token: randomUUID(), slots: 1, leaseMs: LEASE_MS })
      const cancel = t.db.tasks.cancel(id)
      await Promise.race([cancel, isBlocked(t.sql)])
      return { cancelling: cancel }
    })
    expect(await cancelling).toBe('running')
    expect((await taskRow(t.sql, id))!.status).toBe('running')
  })

  it('recognizes a settle by task, token, status and error', async () => {
    const task = await t.takeOne()
    const failed = done(task, { status: 'failed', output: null, error: 'x', error_code: 'flow_failed' })
    await settle(t.sql, [failed])
    const known = async (one: Settlement) => (await settledBy(t.sql, [one])).size
    expect(await known(failed)).toBe(1)
    expect(await known({ ...failed, token: randomUUID() })).toBe(0)
    expect(await known({ ...failed, error_code: 'timeout' })).toBe(0)
    expect(await known({ ...failed, status: 'cancelled' })).toBe(0)
  })

  it('leaves no token on a released task, and gives its try back', async () => {
    const task = await t.takeOne()
    await releaseTasks(t.sql, [task], 'test')
    expect(await taskRow(t.sql, task.id)).toMatchObject({ status: 'pending', token: null, tries: 0 })
  })

  it('keeps a worker that lost its task from overwriting the result of the next one', async () => {
    const stale = await t.takeOne()
    await t.expire(stale.id)
    await takeOver(t.sql, 10_000)
    const [fresh] = await t.take(1)
    expect(fresh!.id).toBe(stale.id)
    expect(await settle(t.sql, [done(stale, { output: '{"result":"stale"}' })])).toEqual([])
    expect(await settle(t.sql, [done(fresh!)])).toEqual(
      [{ id: fresh!.id, status: 'completed', sent: '' }].map(({ id, status }) =>
        expect.objectContaining({ id, status }),
      ),
    )
  })

  it('lets a result settle once: the second finds the task finished', async () => {
    const task = await t.takeOne()
    expect(await settle(t.sql, [done(task)])).toHaveLength(1)
    expect(await settle(t.sql, [done(task, { status: 'failed', error: 'x', error_code: 'flow_failed' })])).toEqual([])
    expect([...(await settledBy(t.sql, [done(task)]))]).toEqual([task.id])
    expect([...(await settledBy(t.sql, [done(task, { status: 'failed' })]))]).toEqual([])
    const failed = await t.takeOne()
    expect(
      await settle(t.sql, [done(failed, { status: 'failed', error: 'x', error_code: 'flow_failed' })]),
    ).toHaveLength(1)
    expect(await settle(t.sql, [done(failed)])).toEqual([])
  })
})
