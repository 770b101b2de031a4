import { randomUUID } from 'node:crypto'
import { useFixture } from '@automagik-spark/testing/fixture'
import { beforeAll, expect, it } from 'vitest'
import { claim } from '../src/index.ts'
import { addSource, addTask, addWorkflow, isBlocked, openTestDb, taskRow } from './fixtures.ts'

const t = useFixture(openTestDb)
let workflow_id: string
beforeAll(async () => {
  workflow_id = await addWorkflow(t.sql, await addSource(t.sql))
})

it('a cancel that meets a claim waits for it, and asks the worker to stop', async () => {
  const id = await addTask(t.sql, workflow_id)
  let cancelling: Promise<string | null> | undefined
  await t.sql.transaction(async (tx) => {
    await claim(tx, { worker_id: randomUUID(), token: randomUUID(), slots: 1, leaseMs: 60_000 })
    cancelling = t.db.tasks.cancel(id)
    await isBlocked(t.sql)
  })
  expect(await cancelling).toBe('running')
  expect((await taskRow(t.sql, id))?.status).toBe('running')
})

it('of two retries at the same time one is done', async () => {
  const id = await addTask(t.sql, workflow_id)
  await t.db.tasks.cancel(id)
  let second: ReturnType<typeof t.db.tasks.retry> | undefined
  await t.sql.transaction(async (tx) => {
    await tx.query(
      `UPDATE tasks SET status = 'pending', tries_before = tries, token = NULL, finished_at = NULL, cancel_requested_at = NULL WHERE id = $1`,
      [id],
    )
    second = t.db.tasks.retry(id)
    await isBlocked(t.sql)
  })
  expect(await second).toEqual({ was: 'pending', row: null })
  expect((await t.db.tasks.events(id)).map((event) => event.type)).not.toContain('retry_requested')
})
