import { randomUUID } from 'node:crypto'
import { useFixture } from '@automagik-spark/testing/fixture'
import { beforeEach } from 'vitest'
import type { ClaimedTask, Settlement } from '../src/index.ts'
import { claim, markExpired, settlementOf } from '../src/index.ts'
import { addSource, addTask, addWorkflow, openTestDb } from './fixtures.ts'

export const LEASE_MS = 30_000

/** A database for a test file of the queue; before each test it has nothing but a new source with a workflow. */
export const useQueue = () => {
  const opened = useFixture(openTestDb)
  const queue = {
    get url() {
      return opened.url
    },
    get db() {
      return opened.db
    },
    get sql() {
      return opened.sql
    },
    source_id: '',
    workflow_id: '',
    take: (slots = 50, leaseMs = LEASE_MS): Promise<ClaimedTask[]> =>
      claim(queue.sql, { worker_id: randomUUID(), token: randomUUID(), slots, leaseMs }),
    /** Adds a task and claims it. */
    async takeOne(options: Parameters<typeof addTask>[2] = {}): Promise<ClaimedTask> {
      const id = await addTask(queue.sql, queue.workflow_id, options)
      return (await queue.take()).find((task) => task.id === id)!
    },
    /** As if its worker had died: the lease is over, and has been marked for a minute. */
    async expire(id: string): Promise<void> {
      await queue.sql.query(`UPDATE tasks SET lease_until = spark_now() - interval '1 minute' WHERE id = $1`, [id])
      await markExpired(queue.sql)
      await queue.sql.query(`UPDATE tasks SET marked_at = spark_now() - interval '1 minute' WHERE id = $1`, [id])
    },
    /** As if the next try of a task had come. */
    async comes(id: string): Promise<void> {
      await queue.sql.query(
        `UPDATE tasks SET ready_at = spark_now() - interval '1 second', next_retry_at = spark_now() - interval '1 second' WHERE id = $1`,
        [id],
      )
    },
    /** The log of a task. */
    events: async (id: string) =>
      (await queue.db.tasks.events(id)).map(({ type, message, try: n }) => ({ type, message, try: n })),
  }
  beforeEach(async () => {
    await queue.sql.query('DELETE FROM sources')
    queue.source_id = await addSource(queue.sql)
    queue.workflow_id = await addWorkflow(queue.sql, queue.source_id)
  })
  return queue
}
export type Queue = ReturnType<typeof useQueue>

type Held = { id: string; token: string }

export const done = (task: Held, more: Partial<Settlement> = {}): Settlement =>
  settlementOf(task, { status: 'completed', output: '{"result":"x"}', ...more })

/** A failure that may be tried again, at once unless told otherwise. */
export const again = (task: Held, more: Partial<Settlement> = {}): Settlement =>
  settlementOf(task, { status: 'failed', error: 'It is busy.', error_code: 'source_busy', retry_in_ms: 0, ...more })
