import { randomUUID } from 'node:crypto'
import { MINUTE, SECOND } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import {
  claimHealthChecks,
  healthSince,
  recordDown,
  recordUp,
  releaseTasks,
  settle,
  settlementOf,
  sqlNow,
} from '../src/index.ts'
import { addSource, addTask, addWorkflow, taskRow } from './fixtures.ts'
import { useQueue } from './queue-fixture.ts'
import { makeSourceSteps, REASON } from './source-fixture.ts'

const t = useQueue()
const { addTasks, fail, nextCheck, notSent, scheduled, seenDown, seenUp, set, source } = makeSourceSteps(t)

describe('a call that could not be sent', () => {
  it('releases its task with its try, and has its source checked at once', async () => {
    const [id] = await addTasks(1)
    await set(`check_at = spark_now() + interval '1 minute'`)
    expect(await claimHealthChecks(t.sql, MINUTE, 0, 10)).toEqual([])
    const before = await sqlNow(t.sql)
    const given = await fail(id!)
    expect(given).toMatchObject({ id, becomes: 'again' })
    expect(given.next_retry_at!.getTime() % SECOND).toBe(0)
    expect(given.next_retry_at!.getTime()).toBeGreaterThanOrEqual(before.getTime() + SECOND)
    expect(await taskRow(t.sql, id!)).toMatchObject({
      status: 'pending',
      tries: 0,
      token: null,
      error: REASON,
      error_code: 'source_unreachable',
      next_retry_at: given.next_retry_at,
      ready_at: given.next_retry_at,
    })
    expect((await t.db.tasks.events(id!)).map(({ type, try: n }) => [type, n])).toEqual([['handed_back', 1]])
    expect(await claimHealthChecks(t.sql, MINUTE, 0, 10)).toMatchObject([{ source_id: t.source_id, suspended: false }])
  })

  it('lets nothing be claimed of its source before that check is over, and everything of others', async () => {
    await addTasks(1)
    const [task] = await t.take()
    await notSent(task!)
    await addTasks(3)
    const elsewhere = await addTask(t.sql, await addWorkflow(t.sql, await addSource(t.sql)))
    expect((await t.take()).map(({ id }) => id)).toEqual([elsewhere])
    expect(await t.take()).toEqual([])
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10)
    expect(await t.take()).toEqual([])
    expect(await recordUp(t.sql, check!, {})).toEqual({ resumed: false, cleared: true })
    expect(await t.take()).toHaveLength(3)
  })

  it('suspends its source when that check fails: one such call is enough', async () => {
    const [id] = await addTasks(1)
    await scheduled(id!)
    await fail(id!)
    const before = await sqlNow(t.sql)
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10)
    const seen = await recordDown(t.sql, check!, REASON, false)
    expect(seen).toMatchObject({ down: true, began: true, failures: 1 })
    expect(seen!.next_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + 2 * SECOND)
    expect(seen!.next_at.getTime()).toBeLessThan((await sqlNow(t.sql)).getTime() + 3 * SECOND)
    const held = await source()
    expect(held).toMatchObject({
      health: 'down',
      health_reason: REASON,
      hold_until: null,
      suspect_at: null,
      version: 1,
    })
    expect(held.hold_from!.getTime()).toBeGreaterThanOrEqual(before.getTime())
    expect(await t.take()).toEqual([])
    expect(await taskRow(t.sql, id!)).toMatchObject({ status: 'pending', tries: 0 })
  })

  it('waits 1, then 2 s beside checks that went well, and the third in a row stays in hand until a check has spoken', async () => {
    const [id] = await addTasks(1)
    for (const seconds of [1, 2]) {
      const before = await sqlNow(t.sql)
      const { becomes, next_retry_at } = await fail(id!)
      expect([becomes, Math.floor((next_retry_at!.getTime() - before.getTime()) / SECOND)]).toEqual(['again', seconds])
      await seenUp()
    }
    const last = await fail(id!)
    expect(last).toMatchObject({ becomes: 'last', next_retry_at: null })
    expect(await taskRow(t.sql, id!)).toMatchObject({ status: 'running', phase: 'claimed', tries: 1 })
    expect(await healthSince(t.sql, t.source_id, last.at)).toBeNull()
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10).then(async (found) =>
      found.length > 0 ? found : [await nextCheck()],
    )
    expect(await healthSince(t.sql, t.source_id, check!.began_at)).toBeNull()
    await recordUp(t.sql, check!, {})
    expect(await healthSince(t.sql, t.source_id, check!.began_at)).toBe('up')
  })

  it('is counted from 0 again when its source was suspended, when its task is released, and after a failed try', async () => {
    const unsentOf = async (id: string) =>
      (await t.sql.query<{ unsent: number }>('SELECT unsent FROM tasks WHERE id = $1', [id])).rows[0]!.unsent
    const [id] = await addTasks(1)
    await scheduled(id!)
    await fail(id!)
    expect(await unsentOf(id!)).toBe(1)
    await seenDown()
    expect(await unsentOf(id!)).toBe(0)
    expect(await seenUp()).toEqual({ resumed: true, cleared: false })
    await set('ramp_from = NULL')
    const again = await fail(id!)
    expect(again).toMatchObject({ becomes: 'again' })
    await seenUp()
    await addTasks(1)
    await t.sql.query('UPDATE tasks SET unsent = 2, ready_at = spark_now()')
    const [first, second] = await t.take()
    await releaseTasks(t.sql, [first!], 'its source is down')
    await settle(t.sql, [
      settlementOf(second!, { status: 'failed', error: REASON, error_code: 'source_unreachable', retry_in_ms: 0 }),
    ])
    expect([await unsentOf(first!.id), await unsentOf(second!.id)]).toEqual([0, 0])
  })

  it('is cancelled with its task when somebody asked for that, and changes nothing of a task that its token no longer holds', async () => {
    const [id, other] = await addTasks(2)
    const claimed = await t.take()
    await t.db.tasks.cancel(id!)
    const given = await notSent(...claimed.map((task) => (task.id === other ? { ...task, token: randomUUID() } : task)))
    expect(given).toMatchObject([{ id, becomes: 'cancelled' }])
    expect(await taskRow(t.sql, id!)).toMatchObject({
      status: 'cancelled',
      error: null,
      finished_at: expect.any(Date) as Date,
    })
    expect(await taskRow(t.sql, other!)).toMatchObject({ status: 'running', tries: 1 })
  })

  it('of a source that was switched off meanwhile waits, without a check', async () => {
    const [id] = await addTasks(1)
    const [task] = await t.take()
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    await notSent(task!)
    expect(await taskRow(t.sql, id!)).toMatchObject({ status: 'pending', tries: 0 })
    expect((await source()).suspect_at).toBeNull()
  })
})
