import { randomUUID } from 'node:crypto'
import { jsonText } from '@automagik-spark/core'
import { useFixture } from '@automagik-spark/testing/fixture'
import { beforeAll, describe, expect, it } from 'vitest'
import { openEngineStack, silentLogger } from '../src/testing/index.ts'
import { makeWaiters } from '../src/waiters.ts'

const NEVER_MS = 3_600_000
const LONG_MS = 60_000
const stack = useFixture(openEngineStack)
let workflow_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
})

/** Waiters of their own, who hear nothing but what a test tells them. */
const withWaiters = async <T>(
  pollMs: number,
  work: (waiters: ReturnType<typeof makeWaiters>) => Promise<T>,
): Promise<T> => {
  const waiters = makeWaiters({ db: stack.db, logger: silentLogger, pollMs })
  try {
    return await work(waiters)
  } finally {
    waiters.close()
  }
}
const pending = async () => (await stack.engine.workflows.run(workflow_id, 'x', { wait: false })).task.id

describe('whoever waits for a run', () => {
  it('hears of its end by the announcement alone', () =>
    withWaiters(NEVER_MS, async (waiters) => {
      const id = await pending()
      const { over, begun } = waiters.wait(id, LONG_MS)
      begun()
      await stack.engine.tasks.cancel(id)
      waiters.onDone(`00000000-0000-7000-8000-000000000000,${id}`)
      expect(await over).toMatchObject({ id, status: 'cancelled' })
    }))

  it('finds out by looking when the announcement was missed', () =>
    withWaiters(50, async (waiters) => {
      const id = await pending()
      const { over, begun } = waiters.wait(id, LONG_MS)
      begun()
      await stack.engine.tasks.cancel(id)
      expect(await over).toMatchObject({ id, status: 'cancelled' })
    }))

  it('looks when the connection for announcements is back', () =>
    withWaiters(NEVER_MS, async (waiters) => {
      const id = await pending()
      const { over, begun } = waiters.wait(id, LONG_MS)
      begun()
      await stack.engine.tasks.cancel(id)
      waiters.onUp()
      expect(await over).toMatchObject({ id, status: 'cancelled' })
    }))

  it('waits on when the run is not over, whatever is announced', () =>
    withWaiters(NEVER_MS, async (waiters) => {
      const id = await pending()
      const { over, begun } = waiters.wait(id, LONG_MS)
      begun()
      waiters.onDone(id)
      await stack.engine.tasks.cancel(id)
      waiters.onDone(id)
      expect(await over).toMatchObject({ id, status: 'cancelled' })
    }))

  it('is told at once when the run is gone', () =>
    withWaiters(NEVER_MS, async (waiters) => {
      const id = await pending()
      const { over, begun } = waiters.wait(id, LONG_MS)
      begun()
      await stack.engine.tasks.remove(id)
      waiters.onDone(id)
      expect(await over).toBeNull()
    }))

  it('waits no longer than was agreed', () =>
    withWaiters(NEVER_MS, async (waiters) => {
      expect(await waiters.wait(await pending(), 20).over).toBeNull()
    }))

  it('is not told that a run is gone which is only being inserted', () =>
    withWaiters(NEVER_MS, async (waiters) => {
      const id = randomUUID()
      const { over, begun } = waiters.wait(id, LONG_MS)
      waiters.onUp()
      await stack.db.tasks.findMany([id])
      await stack.db.tasks.insertRuns([
        {
          id,
          workflow_id,
          schedule_id: null,
          input: jsonText('x'),
          session_id: null,
          tweaks: null,
          timeout: 60,
          max_retries: 0,
          retry_on: 'safe' as const,
        },
      ])
      begun()
      await stack.engine.tasks.cancel(id)
      waiters.onUp()
      expect(await over).toMatchObject({ id, status: 'cancelled' })
    }))
})
