import { MINUTE, SECOND } from '@automagik-spark/core'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  claimHealthChecks,
  findSourceWork,
  markCalling,
  recordDown,
  recordNotChecked,
  recordUp,
  settle,
  settlementOf,
  showReachedAsUp,
  sqlNow,
} from '../src/index.ts'
import { addSchedule, addSource } from './fixtures.ts'
import { useQueue } from './queue-fixture.ts'
import { makeSourceSteps, REASON } from './source-fixture.ts'

const t = useQueue()
const { addTasks, nextCheck, seenDown, seenUp, set, source, suspend } = makeSourceSteps(t)

describe('health checks', () => {
  const wanted = () => claimHealthChecks(t.sql, MINUTE, 0, 10)
  /** As if the last one had begun so long ago. */
  const agoS = (seconds: number) => set(`check_began_at = spark_now() - ${seconds} * interval '1 second'`)
  beforeEach(async () => {
    await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
  })

  it('are made of sources with an active schedule and of suspended ones, each by one worker, a minute apart', async () => {
    const before = await sqlNow(t.sql)
    const taken = (await Promise.all(Array.from({ length: 10 }, wanted))).flat()
    expect(taken).toMatchObject([
      { source_id: t.source_id, suspended: false, source_type: 'langflow', url: `http://${t.source_id}.test` },
    ])
    expect(taken[0]!.check_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + 0.9 * MINUTE)
    await recordUp(t.sql, taken[0]!, {})
    await agoS(2)
    expect(await wanted()).toEqual([])
    await set(`check_at = check_at + interval '1 hour'`) // the clock was set back
    expect(await wanted()).toHaveLength(1)
    await t.sql.query(`UPDATE schedules SET status = 'paused', next_run_at = NULL`)
    expect(await nextCheck()).toBeUndefined()
    await suspend()
    expect(await nextCheck()).toMatchObject({ source_id: t.source_id, suspended: true })
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    expect(await nextCheck()).toBeUndefined()
  })

  it('are claimed by one of two workers that claim at the same time, and neither waits', async () => {
    await t.sql.transaction(async (tx) => {
      expect(await claimHealthChecks(tx, MINUTE, 0, 10)).toHaveLength(1)
      expect(await wanted()).toEqual([])
    })
  })

  it('are one at a time and one a second for all, whatever wants them; one that was lost is made again', async () => {
    const [check] = await wanted()
    await set('suspect_at = spark_now()')
    await agoS(2)
    expect(await wanted()).toEqual([]) // it is under way
    await set(`checking_until = spark_now() - interval '1 second'`)
    const again = await wanted()
    expect(again).toHaveLength(1)
    expect(await recordUp(t.sql, check!, {})).toBeNull() // the lost one speaks for nobody
    await recordUp(t.sql, again[0]!, {})
    await set('suspect_at = spark_now()')
    expect(await wanted()).toEqual([]) // within the same second
    await agoS(1)
    expect((await Promise.all(Array.from({ length: 10 }, wanted))).flat()).toHaveLength(1)
  })

  it('come every 2 to 3 s in the first two minutes of a suspension, each source at its own pace, then after 5, 10, 20, 40 and every 60 s', async () => {
    const delayAt = async (heldS: number, id = t.source_id) => {
      await t.sql.query(
        `UPDATE sources SET hold_from = spark_now() - $2 * interval '1 second', hold_until = NULL, checking_until = NULL, check_began_at = NULL, check_at = NULL WHERE id = $1`,
        [id, heldS],
      )
      const before = (await sqlNow(t.sql)).getTime()
      return (
        ((await claimHealthChecks(t.sql, MINUTE, 0, 10)).find((one) => one.source_id === id)!.check_at.getTime() -
          before) /
        SECOND
      )
    }
    const delays = [await delayAt(0), await delayAt(60), await delayAt(119)]
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(2)
      expect(delay).toBeLessThan(3.5)
    }
    const rounded: number[] = []
    for (const held of [121, 126, 136, 156, 200, 100_000]) rounded.push(Math.floor(await delayAt(held)))
    expect(rounded).toEqual([5, 10, 20, 40, 60, 60])
    const others = await Promise.all(Array.from({ length: 8 }, () => addSource(t.sql)))
    const paces = new Set<number>()
    for (const id of others) paces.add(Math.round((await delayAt(1, id)) * 10))
    expect(paces.size).toBeGreaterThan(2)
  })

  it('suspend a source at the third failure in a row, when every call was sent', async () => {
    expect(await seenDown()).toMatchObject({ down: false, failures: 1 })
    expect(await seenDown()).toMatchObject({ down: false, failures: 2 })
    expect(await source()).toMatchObject({ health: 'unknown', hold_from: null })
    expect(await seenDown()).toMatchObject({ down: true, began: true, failures: 3 })
    const down = await source()
    expect(down).toMatchObject({
      health: 'down',
      health_reason: REASON,
      hold_until: null,
      hold_from: expect.any(Date) as Date,
      version: 1,
    })
    await addTasks(1)
    expect(await t.take()).toEqual([])
    expect(await seenDown()).toMatchObject({ down: true, began: false })
    expect((await source()).hold_from).toEqual(down.hold_from)
  })

  it('are counted from 0 again after a success', async () => {
    await seenDown()
    await seenDown()
    expect(await seenUp()).toEqual({ resumed: false, cleared: false })
    await seenDown()
    await seenDown()
    expect(await source()).toMatchObject({ health: 'up', hold_from: null, check_failures: 2 })
  })

  it('resume a source at the first success; a call that gets through resumes nothing', async () => {
    await addTasks(1)
    const [sent] = await t.take()
    await suspend()
    await settle(t.sql, [settlementOf(sent!, { status: 'completed', reached: true })])
    if ((await findSourceWork(t.sql)).seen_up) await showReachedAsUp(t.sql)
    expect(await source()).toMatchObject({ health: 'down', hold_until: null })
    expect(await seenUp()).toEqual({ resumed: true, cleared: false })
    expect(await source()).toMatchObject({
      health: 'up',
      health_reason: null,
      hold_until: expect.any(Date) as Date,
      check_failures: 0,
      version_info: { version: '1' },
      version: 1,
    })
  })

  it('that take too long or are put off suspend nothing while a call runs there or one got through in the last minute', async () => {
    const [id] = await addTasks(1)
    const [task] = await t.take()
    await markCalling(t.sql, [task!])
    await set('suspect_at = spark_now()')
    expect(await seenDown(true)).toMatchObject({ down: false, failures: 0 })
    expect((await source()).suspect_at).toBeNull() // calls go on
    await settle(t.sql, [settlementOf({ id: id!, token: task!.token }, { status: 'completed', reached: true })])
    await set('suspect_at = spark_now()')
    expect(await seenDown(true)).toMatchObject({ down: false, failures: 0 })
    await t.sql.query(`UPDATE source_outcomes SET reached_at = spark_now() - interval '61 seconds'`)
    await set('suspect_at = spark_now()')
    expect(await seenDown(true)).toMatchObject({ down: true, began: true })
  })

  it('that are refused suspend a source whose calls go on', async () => {
    await addTasks(1)
    const [task] = await t.take()
    await markCalling(t.sql, [task!])
    expect(await suspend()).toMatchObject({ down: true })
  })

  it('want another one when a call could not be sent since they began', async () => {
    await set('suspect_at = spark_now()')
    const check = await nextCheck()
    await set(`suspect_at = check_began_at + interval '1 millisecond'`)
    expect(await recordUp(t.sql, check, {})).toEqual({ resumed: false, cleared: false })
    await addTasks(1)
    expect(await t.take()).toEqual([])
    expect(await seenUp()).toMatchObject({ cleared: true })
    expect(await t.take()).toHaveLength(1)
  })

  it('count for nothing when the source was moved or switched off meanwhile, or was validated', async () => {
    const moved = await nextCheck()
    await set(`url = url || '/elsewhere'`)
    expect(await recordDown(t.sql, moved, 'x', false)).toBeNull()
    await set('checking_until = NULL')
    const off = await nextCheck()
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    expect(await recordUp(t.sql, off, {})).toBeNull()
    await t.db.sources.update(t.source_id, { status: 'active' })
    const validated = await nextCheck()
    await t.db.sources.seenUp(t.source_id, { version: '2' })
    expect(await recordDown(t.sql, validated, 'x', false)).toBeNull()
    expect(await source()).toMatchObject({ health: 'up', check_failures: 0 })
  })

  it('are taken in the order in which they are due, after what somebody waits for', async () => {
    const others = await Promise.all([1, 2, 3].map(() => addSource(t.sql)))
    const [late, later, suspect] = others as [string, string, string]
    await t.sql.query(
      `UPDATE sources SET hold_from = spark_now(), check_at = spark_now() - interval '1 second' WHERE id <> $1`,
      [suspect],
    )
    await t.sql.query(`UPDATE sources SET check_at = spark_now() - interval '10 seconds' WHERE id = $1`, [late])
    await t.sql.query(`UPDATE sources SET check_at = spark_now() - interval '5 seconds' WHERE id = $1`, [later])
    await t.sql.query(
      `UPDATE sources SET suspect_at = spark_now(), check_at = spark_now() + interval '1 minute' WHERE id = $1`,
      [suspect],
    )
    const taken: string[] = []
    for (let i = 0; i < 4; i++) taken.push((await claimHealthChecks(t.sql, MINUTE, 0, 1))[0]!.source_id)
    expect(taken).toEqual([suspect, late, later, t.source_id])
  })

  it('that could not be made let somebody else make them at once, or let calls go on where nobody can', async () => {
    await set('suspect_at = spark_now()')
    await recordNotChecked(t.sql, await nextCheck(), false)
    expect(await source()).toMatchObject({ checking_until: null, suspect_at: expect.any(Date) as Date })
    await recordNotChecked(t.sql, await nextCheck(), true)
    expect(await source()).toMatchObject({ checking_until: null, suspect_at: null, hold_from: null })
  })
})
