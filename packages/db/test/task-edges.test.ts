import { randomUUID } from 'node:crypto'
import { TASK_EDGES, TASK_STATUSES } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { settle } from '../src/index.ts'
import { addTask, taskRow } from './fixtures.ts'
import { done, useQueue } from './queue-fixture.ts'

const t = useQueue()

describe('the edges between statuses', () => {
  const cases = TASK_STATUSES.flatMap((from) =>
    TASK_STATUSES.filter((to) => to !== from).map((to) => [from, to, TASK_EDGES[from].includes(to)] as const),
  )
  it.each(cases)('%s → %s: %s', async (from, to, allowed) => {
    const id = await addTask(t.sql, t.workflow_id)
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
    const id = await addTask(t.sql, t.workflow_id)
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
      const task = await t.takeOne()
      await settle(t.sql, [
        done(task, status === 'failed' ? { status, error: 'x', error_code: 'flow_failed' } : { status }),
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
    const task = await t.takeOne()
    await settle(t.sql, [done(task, { status: 'failed', error: 'x', error_code: 'flow_failed' })])
    await expect(t.sql.query(`UPDATE tasks SET status = 'completed' WHERE id = $1`, [task.id])).rejects.toThrow(
      'a task cannot go from failed to completed',
    )
  })
})
