import { randomUUID } from 'node:crypto'
import { jsonText, MINUTE, SECOND } from '@automagik-spark/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  checkedDown, checkedUp, claim, claimChecks, dueSeconds, lockDue, lockSchedule, markCalling, settle, settlementOf, sqlNow, tendBreakers, turnAway,
} from '../src/index.ts'
import type { Check, ClaimedTask, Settlement } from '../src/index.ts'
import { addSchedule, addSource, addTask, addWorkflow, openTestDb, taskRow } from './fixtures.ts'

let t: Awaited<ReturnType<typeof openTestDb>>
let source_id: string
let workflow_id: string
beforeAll(async () => {
  t = await openTestDb()
})
beforeEach(async () => {
  await t.sql.query('DELETE FROM sources')
  source_id = await addSource(t.sql)
  workflow_id = await addWorkflow(t.sql, source_id)
})
afterAll(() => t.close())

const BREAKER = 30 * SECOND
const take = (slots = 50) => claim(t.sql, { worker_id: randomUUID(), token: randomUUID(), slots, leaseMs: MINUTE })
const addTasks = (count: number) => Promise.all(Array.from({ length: count }, () => addTask(t.sql, workflow_id)))
type Outcome = 'reached' | 'not sent' | 'unclear'
const ended = (task: { id: string; token: string }, outcome: Outcome): Settlement =>
  settlementOf(task, outcome === 'reached'
    ? { status: 'completed', reached: true }
    : { status: 'failed', error: 'Nobody is there.', error_code: 'source_unreachable', reached: outcome === 'not sent' ? false : null })
/** Calls that end one after the other, whatever the breaker says. */
const calls = async (...outcomes: Outcome[]) => {
  for (const outcome of outcomes) {
    const [id] = await addTasks(1)
    const token = randomUUID()
    await t.sql.query(`UPDATE tasks SET status = 'running', phase = 'calling', tries = 1, token = $2, lease_until = spark_now(), started_at = spark_now() WHERE id = $1`, [id, token])
    await settle(t.sql, [ended({ id: id!, token }, outcome)])
  }
}
const FIVE: Outcome[] = Array.from({ length: 5 }, () => 'not sent')
const tend = () => tendBreakers(t.sql, BREAKER)
const source = async () => {
  const { rows } = await t.sql.query<{
    status: string; health: string; health_reason: string | null; hold_from: Date | null; hold_until: Date | null
    breaker_until: Date | null; breaker_opens: number; check_at: Date | null; check_failures: number; version: number
  }>('SELECT * FROM sources WHERE id = $1', [source_id])
  return rows[0]!
}
/** As if the breaker had been open for its time. */
const halfOpen = async () => {
  await t.sql.query(`UPDATE sources SET breaker_until = spark_now() - interval '1 second' WHERE id = $1`, [source_id])
}

describe('the breaker of a source', () => {
  it('opens for 30 seconds at the fifth call in a row that was not sent, and says what was seen', async () => {
    await calls('not sent', 'not sent', 'not sent', 'not sent')
    expect(await tend()).toEqual([])
    await calls('not sent')
    const before = await sqlNow(t.sql)
    const [turn] = await tend()
    expect(turn).toMatchObject({ source_id, held: true, reason: 'Nobody is there.' })
    const open = await source()
    expect(open).toMatchObject({ health: 'down', health_reason: 'Nobody is there.', hold_until: null, breaker_until: turn!.until, check_at: turn!.until, version: 1 })
    expect(open.hold_from!.getTime()).toBeGreaterThanOrEqual(before.getTime())
    expect(turn!.until!.getTime() % SECOND).toBe(0)
    expect(turn!.until!.getTime()).toBeGreaterThanOrEqual(before.getTime() + BREAKER)
    expect(turn!.until!.getTime()).toBeLessThan((await sqlNow(t.sql)).getTime() + BREAKER + SECOND)
    expect(await tend()).toEqual([])
  })

  it('stays closed when a call got through in between, whatever became of it', async () => {
    await calls('not sent', 'not sent', 'not sent', 'not sent', 'reached', 'not sent')
    expect(await tend()).toEqual([])
    expect(await source()).toMatchObject({ health: 'unknown', hold_from: null })
  })

  it('makes nothing of calls of which nobody knows whether they got through', async () => {
    await calls('not sent', 'not sent', 'unclear', 'not sent', 'not sent', 'unclear', 'not sent')
    expect(await tend()).toHaveLength(1)
  })

  it('counts calls that end together', async () => {
    await addTasks(5)
    await settle(t.sql, (await take()).map((task) => ended(task, 'not sent')))
    expect(await tend()).toHaveLength(1)
  })

  it('opens once when many workers see it at once', async () => {
    await calls(...FIVE)
    const turns = await Promise.all(Array.from({ length: 10 }, tend))
    expect(turns.flat()).toHaveLength(1)
    expect((await source()).breaker_opens).toBe(1)
  })

  it('lets nothing be claimed while it is open, from the fifth outcome on, and burns no try', async () => {
    const waiting = await addTasks(3)
    await t.sql.query(`UPDATE tasks SET trigger = 'schedule' WHERE id = ANY ($1::uuid[])`, [waiting])
    await calls(...FIVE)
    expect(await take()).toEqual([])
    await tend()
    expect(await take()).toEqual([])
    for (const id of waiting) expect(await taskRow(t.sql, id)).toMatchObject({ status: 'pending', tries: 0 })
  })

  it('hides no task of another source', async () => {
    await calls(...FIVE)
    await tend()
    await addTasks(3)
    const other = await addTask(t.sql, await addWorkflow(t.sql, await addSource(t.sql)))
    expect((await take(1)).map(({ id }) => id)).toEqual([other])
  })

  it('has room for one call when its time is over, however many ask', async () => {
    await calls(...FIVE)
    await tend()
    await addTasks(10)
    await halfOpen()
    const claimed = (await Promise.all(Array.from({ length: 10 }, () => take()))).flat()
    expect(claimed).toHaveLength(1)
    expect(await source()).toMatchObject({ hold_until: null })
  })

  it('does not count calls for that room which were sent before it opened', async () => {
    await addTasks(2)
    const [before] = await take(1)
    await markCalling(t.sql, [before!])
    await calls(...FIVE)
    await tend()
    await halfOpen()
    await t.sql.query(`UPDATE tasks SET started_at = spark_now() - interval '1 minute' WHERE id = $1`, [before!.id])
    expect(await take()).toHaveLength(1)
  })

  it('opens again for twice as long when that call is not sent either, up to ten minutes', async () => {
    await calls(...FIVE)
    await tend()
    const { hold_from } = await source()
    for (const factor of [2, 4, 8, 16, 20, 20]) {
      await halfOpen()
      await addTasks(2)
      const [trial] = await take()
      await settle(t.sql, [ended(trial!, 'not sent')])
      expect(await take()).toEqual([]) // from this outcome on, not only from when it is written down
      const before = await sqlNow(t.sql)
      const [turn] = await tend()
      expect(turn).toMatchObject({ held: true })
      expect(Math.floor((turn!.until!.getTime() - before.getTime()) / (BREAKER * factor))).toBe(1)
    }
    expect((await source()).hold_from).toEqual(hold_from) // one hold from the first to the last
  })

  it('closes when that call gets through, and begins anew with 30 seconds', async () => {
    await calls(...FIVE)
    await tend()
    await halfOpen()
    await addTasks(5)
    const [trial] = await take()
    await settle(t.sql, [ended(trial!, 'reached')])
    expect(await tend()).toEqual([{ source_id, held: false, until: null, reason: null }])
    const closed = await source()
    expect(closed).toMatchObject({ health: 'up', health_reason: null, breaker_until: null, breaker_opens: 0 })
    expect(closed.hold_until!.getTime()).toBeGreaterThanOrEqual(closed.hold_from!.getTime())
    expect(await take()).toHaveLength(4)
    await calls(...FIVE)
    const [turn] = await tend()
    expect(turn!.until!.getTime()).toBeLessThan((await sqlNow(t.sql)).getTime() + BREAKER + SECOND)
  })

  it('closes also when a call that was sent before gets its answer', async () => {
    await calls(...FIVE)
    await tend()
    await calls('reached')
    expect(await tend()).toMatchObject([{ held: false }])
  })

  it('forgets a server that was seen down once a call gets through', async () => {
    await t.db.sources.seenDown(source_id, 'It was asked by hand.')
    expect(await source()).toMatchObject({ health: 'down', hold_from: null })
    await calls('reached')
    await tend()
    expect(await source()).toMatchObject({ health: 'up', health_reason: null, hold_from: null, hold_until: null })
  })
})

describe('what is written of calls that get through', () => {
  it('is written at once after failures, and now and then else', async () => {
    const [first, second, third] = await addTasks(3)
    const claimed = new Map((await take()).map((task): [string, ClaimedTask] => [task.id, task]))
    const changed = async (id: string, outcome: Outcome) => (await settle(t.sql, [ended(claimed.get(id)!, outcome)])).map((row) => row.outcomes_changed)
    expect(await changed(first!, 'reached')).toEqual([true])
    expect(await changed(second!, 'reached')).toEqual([false])
    await t.sql.query(`UPDATE source_outcomes SET reached_at = reached_at - interval '11 seconds' WHERE source_id = $1`, [source_id])
    expect(await changed(third!, 'reached')).toEqual([true])
  })
})

describe('a held source', () => {
  const hold = async () => {
    await calls(...FIVE)
    await tend()
  }

  it('keeps its schedules undecided, and its due times wait', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: -10 })
    const due = () => t.sql.transaction(async (tx) => (await lockDue(tx, 10)).map(({ id }) => id))
    expect(await due()).toEqual([schedule])
    await hold()
    expect(await due()).toEqual([])
    await t.sql.transaction(async (tx) => {
      expect(await lockSchedule(tx, schedule)).toMatchObject({ held: true, hold_from: (await source()).hold_from, hold_until: null })
    })
    await halfOpen()
    expect(await due()).toEqual([])
    await calls('reached')
    await tend()
    expect(await due()).toEqual([schedule])
    await t.sql.transaction(async (tx) => {
      expect(await lockSchedule(tx, schedule)).toMatchObject({ held: false, hold_until: expect.any(Date) as Date })
    })
  })

  it('turns away what was asked for by hand; what a schedule made waits, and so does what waits for its next try', async () => {
    const [manual, replay, scheduled, retrying] = await addTasks(4)
    await t.sql.query(`UPDATE tasks SET trigger = 'replay' WHERE id = $1`, [replay])
    await t.sql.query(`UPDATE tasks SET trigger = 'schedule' WHERE id = $1`, [scheduled])
    await t.sql.query(`UPDATE tasks SET tries = 1, next_retry_at = spark_now() WHERE id = $1`, [retrying])
    expect(await turnAway(t.sql)).toEqual([])
    await hold()
    expect((await turnAway(t.sql)).sort()).toEqual([manual, replay].sort())
    for (const id of [manual!, replay!]) {
      const row = await taskRow(t.sql, id)
      expect(row).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0, finished_at: expect.any(Date) as Date })
      expect(row!.error).toContain('Nobody is there.')
    }
    for (const id of [scheduled!, retrying!]) expect((await taskRow(t.sql, id))!.status).toBe('pending')
  })

  it('ends a run by hand as it comes in; half-open it may be the one that tries', async () => {
    const run = () => t.db.tasks.insertRuns([{ id: randomUUID(), workflow_id, schedule_id: null, input: jsonText('x'), session_id: null, tweaks: null, timeout: 60, max_retries: 3, retry_on: 'safe' }])
    const [fine] = await run()
    expect(fine!.status).toBe('pending')
    await hold()
    const [refused] = await run()
    expect(refused).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0, finished_at: expect.any(Date) as Date })
    expect(await t.db.tasks.replay(refused!.id, { id: randomUUID(), input: null })).toMatchObject({ status: 'failed', error_code: 'source_unreachable', replay_of: refused!.id })
    await halfOpen()
    expect((await run())[0]!.status).toBe('pending')
    expect(await turnAway(t.sql)).toEqual([])
  })

  it('wants to be woken when one call may try, and when it is to be asked', async () => {
    const now = await sqlNow(t.sql)
    const to = new Date(now.getTime() + 10 * MINUTE)
    const check_at = new Date(Math.floor(now.getTime() / SECOND) * SECOND + 7 * SECOND)
    await t.sql.query('UPDATE sources SET check_at = $2 WHERE id = $1', [source_id, check_at])
    expect(await dueSeconds(t.sql, now, to)).toEqual([])
    await hold()
    expect(await dueSeconds(t.sql, now, to)).toEqual([check_at, (await source()).breaker_until])
  })
})

describe('the switch of a source', () => {
  it('is a hold while it is off', async () => {
    const [manual] = await addTasks(1)
    expect(await t.db.sources.update(source_id, { status: 'inactive' })).toEqual({ due: false })
    const held = await source()
    expect(held).toMatchObject({ hold_from: expect.any(Date) as Date, hold_until: null })
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await source()).toMatchObject({ hold_from: held!.hold_from, hold_until: null })
    expect(await turnAway(t.sql)).toEqual([manual])
    expect((await taskRow(t.sql, manual!))!.error).toContain('is inactive')
    expect(await t.db.sources.update(source_id, { status: 'active' })).toEqual({ due: true })
    expect((await source()).hold_until).toBeInstanceOf(Date)
  })

  it('goes on with a hold that there was, and forgets with either what had been counted', async () => {
    await calls(...FIVE)
    await tend()
    const { hold_from } = await source()
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await source()).toMatchObject({ hold_from, hold_until: null, breaker_until: null })
    await calls(...FIVE)
    expect(await tend()).toEqual([])
    await t.db.sources.update(source_id, { status: 'active' })
    expect(await source()).toMatchObject({ hold_from, hold_until: expect.any(Date) as Date, check_failures: 0 })
    await addTasks(2)
    expect(await take()).toHaveLength(2)
  })
})

describe('health checks', () => {
  const claimed = async () => (await claimChecks(t.sql, MINUTE, 0.5, 10))[0]
  const next = async (): Promise<Check> => {
    await t.sql.query(`UPDATE sources SET check_at = spark_now() - interval '1 second' WHERE id = $1`, [source_id])
    return (await claimed())!
  }
  const fail = async (late = false) => checkedDown(t.sql, await next(), 'It is not healthy.', late)
  beforeEach(async () => {
    await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
  })

  it('are made of sources with an active schedule and of held ones, each by one worker, a minute apart', async () => {
    const before = await sqlNow(t.sql)
    const taken = (await Promise.all(Array.from({ length: 10 }, () => claimChecks(t.sql, MINUTE, 0, 10)))).flat()
    expect(taken).toMatchObject([{ source_id, held: false, source_type: 'langflow', url: `http://${source_id}.test` }])
    expect(taken[0]!.check_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + 0.9 * MINUTE)
    expect(await claimed()).toBeUndefined()
    await t.sql.query(`UPDATE sources SET check_at = check_at + interval '1 hour'`) // the clock was set back
    expect(await claimed()).toBeDefined()
    await t.sql.query(`UPDATE schedules SET status = 'paused', next_run_at = NULL`)
    expect(await next()).toBeUndefined()
    await calls(...FIVE)
    await tend()
    expect(await next()).toMatchObject({ source_id, held: true })
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await next()).toBeUndefined()
  })

  it('hold a source at the third that fails in a row, not at the second', async () => {
    expect(await fail()).toEqual({ failures: 1, began: false })
    expect(await fail()).toEqual({ failures: 2, began: false })
    expect(await source()).toMatchObject({ health: 'unknown', hold_from: null })
    expect(await fail()).toEqual({ failures: 3, began: true })
    const down = await source()
    expect(down).toMatchObject({ health: 'down', health_reason: 'It is not healthy.', hold_until: null, hold_from: expect.any(Date) as Date, version: 1 })
    await addTasks(1)
    expect(await take()).toEqual([])
    expect(await fail()).toEqual({ failures: 4, began: false })
    expect((await source()).hold_from).toEqual(down.hold_from)
  })

  it('begin anew after one that went well', async () => {
    await fail()
    await fail()
    expect(await checkedUp(t.sql, await next(), { version: '1' })).toEqual({ released: false })
    await fail()
    await fail()
    expect(await source()).toMatchObject({ health: 'up', hold_from: null, check_failures: 2 })
  })

  it('release a source at the first that goes well', async () => {
    await fail()
    await fail()
    await fail()
    expect(await checkedUp(t.sql, await next(), { version: '1' })).toEqual({ released: true })
    expect(await source()).toMatchObject({ health: 'up', health_reason: null, hold_until: expect.any(Date) as Date, check_failures: 0, version_info: { version: '1' }, version: 1 })
    await addTasks(1)
    expect(await take()).toHaveLength(1)
  })

  it('close the breaker as well', async () => {
    await calls(...FIVE)
    await tend()
    expect(await checkedUp(t.sql, await next(), {})).toEqual({ released: true })
    expect(await source()).toMatchObject({ breaker_until: null, breaker_opens: 0 })
    expect(await tend()).toEqual([])
    await addTasks(2)
    expect(await take()).toHaveLength(2)
  })

  it('leave no call to half-open while they fail', async () => {
    await calls(...FIVE)
    await tend()
    for (let i = 0; i < 3; i++) await fail()
    await halfOpen()
    await addTasks(1)
    expect(await take()).toEqual([])
  })

  it('make nothing of a late answer while the server has calls to work on, or took one lately', async () => {
    await addTasks(1)
    const [task] = await take()
    expect(await fail(true)).toMatchObject({ failures: 1 }) // claimed only
    await markCalling(t.sql, [task!])
    expect(await fail(true)).toBeNull()
    expect(await fail()).toMatchObject({ failures: 2 }) // refused, not late
    await settle(t.sql, [ended(task!, 'reached')])
    expect(await fail(true)).toBeNull()
    await t.sql.query(`UPDATE source_outcomes SET reached_at = spark_now() - interval '61 seconds'`)
    expect(await fail(true)).toMatchObject({ failures: 3, began: true })
  })

  it('count for nothing when another was begun, or the source was moved or switched off meanwhile', async () => {
    const old = await next()
    await t.sql.query(`UPDATE sources SET check_at = check_at + interval '1 second'`)
    expect(await checkedUp(t.sql, old, {})).toBeNull()
    expect(await checkedDown(t.sql, old, 'x', false)).toBeNull()
    const moved = await next()
    await t.sql.query(`UPDATE sources SET url = url || '/elsewhere'`)
    expect(await checkedDown(t.sql, moved, 'x', false)).toBeNull()
    const off = await next()
    await t.sql.query(`UPDATE sources SET status = 'inactive'`)
    expect(await checkedUp(t.sql, off, {})).toBeNull()
    expect(await source()).toMatchObject({ health: 'unknown', check_failures: 0 })
  })
})
