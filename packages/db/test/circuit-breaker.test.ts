import { randomUUID } from 'node:crypto'
import { MINUTE, SECOND } from '@automagik-spark/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { HealthCheck } from '../src/index.ts'
import {
  claim,
  claimHealthChecks,
  dueSeconds,
  failManualRuns,
  failOverdue,
  findSourceWork,
  healthSince,
  lockDue,
  lockSchedule,
  markCalling,
  recordDown,
  recordNotChecked,
  recordUp,
  releaseTasks,
  releaseUnsent,
  settle,
  settlementOf,
  showReachedAsUp,
  sqlNow,
} from '../src/index.ts'
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

const REASON = 'Nobody is there.'
const take = (slots = 50) => claim(t.sql, { worker_id: randomUUID(), token: randomUUID(), slots, leaseMs: MINUTE })
const addTasks = (count: number) => Promise.all(Array.from({ length: count }, () => addTask(t.sql, workflow_id)))
const scheduled = async (...ids: string[]) => {
  await t.sql.query(`UPDATE tasks SET trigger = 'schedule' WHERE id = ANY ($1::uuid[])`, [ids])
}
type Shown = {
  status: string
  health: string
  health_reason: string | null
  hold_from: Date | null
  hold_until: Date | null
  suspect_at: Date | null
  check_at: Date | null
  check_began_at: Date | null
  checking_until: Date | null
  check_failures: number
  version: number
}
const source = async () => (await t.sql.query<Shown>('SELECT * FROM sources WHERE id = $1', [source_id])).rows[0]!
const set = (what: string) => t.sql.query(`UPDATE sources SET ${what} WHERE id = $1`, [source_id])
/** The next check, as if its time had come. */
const nextCheck = async (): Promise<HealthCheck> => {
  await set(
    `checking_until = NULL, check_at = spark_now() - interval '1 second', check_began_at = check_began_at - interval '2 seconds', suspect_at = suspect_at - interval '2 seconds'`,
  )
  return (await claimHealthChecks(t.sql, MINUTE, 0.5, 10))[0]!
}
const seenDown = async (busy = false) => recordDown(t.sql, await nextCheck(), REASON, busy)
const seenUp = async () => recordUp(t.sql, await nextCheck(), { version: '1' })
/** Calls that could not be sent, as their worker writes it. */
const notSent = async (...tasks: { id: string; token: string }[]) =>
  releaseUnsent(
    t.sql,
    tasks.map(({ id, token }) => ({ id, token, source_id, error: REASON, error_code: 'source_unreachable' as const })),
  )
/** A call that is not sent. */
const fail = async (id: string) => {
  await t.sql.query(`UPDATE tasks SET ready_at = spark_now() WHERE id = $1`, [id])
  const task = (await take()).find((one) => one.id === id)!
  return (await notSent(task))[0]!
}
const hold = async () => {
  await set('suspect_at = spark_now()')
  return seenDown()
}
const due = () => t.sql.transaction(async (tx) => (await lockDue(tx, 10)).map(({ id }) => id))

describe('a call that could not be sent', () => {
  it('gives its task back with its try, and has its source checked at once', async () => {
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
    expect(await claimHealthChecks(t.sql, MINUTE, 0, 10)).toMatchObject([{ source_id, suspended: false }])
  })

  it('lets nothing be claimed of its source before that check is over, and everything of others', async () => {
    await addTasks(1)
    const [task] = await take()
    await notSent(task!)
    await addTasks(3)
    const elsewhere = await addTask(t.sql, await addWorkflow(t.sql, await addSource(t.sql)))
    expect((await take()).map(({ id }) => id)).toEqual([elsewhere])
    expect(await take()).toEqual([])
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10)
    expect(await take()).toEqual([])
    expect(await recordUp(t.sql, check!, {})).toEqual({ resumed: false, cleared: true })
    expect(await take()).toHaveLength(3)
  })

  it('holds its source when that check says that it is down: one outcome is enough', async () => {
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
    expect(await take()).toEqual([])
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
    expect(await healthSince(t.sql, source_id, last.at)).toBeNull()
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10).then(async (found) =>
      found.length > 0 ? found : [await nextCheck()],
    )
    expect(await healthSince(t.sql, source_id, check!.began_at)).toBeNull()
    await recordUp(t.sql, check!, {})
    expect(await healthSince(t.sql, source_id, check!.began_at)).toBe('up')
  })

  it('begins to count anew when its source was held, when it is handed back, and after a failed try', async () => {
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
    const [first, second] = await take()
    await releaseTasks(t.sql, [first!], 'its source is down')
    await settle(t.sql, [
      settlementOf(second!, { status: 'failed', error: REASON, error_code: 'source_unreachable', retry_in_ms: 0 }),
    ])
    expect([await unsentOf(first!.id), await unsentOf(second!.id)]).toEqual([0, 0])
  })

  it('is cancelled with its task when somebody asked for that, and changes nothing of a task that its token no longer holds', async () => {
    const [id, other] = await addTasks(2)
    const claimed = await take()
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
    const [task] = await take()
    await t.db.sources.update(source_id, { status: 'inactive' })
    await notSent(task!)
    expect(await taskRow(t.sql, id!)).toMatchObject({ status: 'pending', tries: 0 })
    expect((await source()).suspect_at).toBeNull()
  })
})

describe('checks', () => {
  const wanted = () => claimHealthChecks(t.sql, MINUTE, 0, 10)
  /** As if the last one had begun so long ago. */
  const agoS = (seconds: number) => set(`check_began_at = spark_now() - ${seconds} * interval '1 second'`)
  beforeEach(async () => {
    await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
  })

  it('are made of sources with an active schedule and of held ones, each by one worker, a minute apart', async () => {
    const before = await sqlNow(t.sql)
    const taken = (await Promise.all(Array.from({ length: 10 }, wanted))).flat()
    expect(taken).toMatchObject([
      { source_id, suspended: false, source_type: 'langflow', url: `http://${source_id}.test` },
    ])
    expect(taken[0]!.check_at.getTime()).toBeGreaterThanOrEqual(before.getTime() + 0.9 * MINUTE)
    await recordUp(t.sql, taken[0]!, {})
    await agoS(2)
    expect(await wanted()).toEqual([])
    await set(`check_at = check_at + interval '1 hour'`) // the clock was set back
    expect(await wanted()).toHaveLength(1)
    await t.sql.query(`UPDATE schedules SET status = 'paused', next_run_at = NULL`)
    expect(await nextCheck()).toBeUndefined()
    await hold()
    expect(await nextCheck()).toMatchObject({ source_id, suspended: true })
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await nextCheck()).toBeUndefined()
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

  it('come every 2 to 3 s in the first two minutes of a hold, each source at its own pace, then after 5, 10, 20, 40 and every 60 s', async () => {
    const delayAt = async (heldS: number, id = source_id) => {
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

  it('hold a source at the third that fails in a row, when every call was sent', async () => {
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
    expect(await take()).toEqual([])
    expect(await seenDown()).toMatchObject({ down: true, began: false })
    expect((await source()).hold_from).toEqual(down.hold_from)
  })

  it('begin anew after one that went well', async () => {
    await seenDown()
    await seenDown()
    expect(await seenUp()).toEqual({ resumed: false, cleared: false })
    await seenDown()
    await seenDown()
    expect(await source()).toMatchObject({ health: 'up', hold_from: null, check_failures: 2 })
  })

  it('release a source at the first that goes well; a call that gets through releases nothing', async () => {
    await addTasks(1)
    const [sent] = await take()
    await hold()
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

  it('that take too long or are put off open nothing while a call runs there or one got through in the last minute', async () => {
    const [id] = await addTasks(1)
    const [task] = await take()
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

  it('that are refused hold a source whose calls run on', async () => {
    await addTasks(1)
    const [task] = await take()
    await markCalling(t.sql, [task!])
    expect(await hold()).toMatchObject({ down: true })
  })

  it('want another one when a call could not be sent since they began', async () => {
    await set('suspect_at = spark_now()')
    const check = await nextCheck()
    await set(`suspect_at = check_began_at + interval '1 millisecond'`)
    expect(await recordUp(t.sql, check, {})).toEqual({ resumed: false, cleared: false })
    await addTasks(1)
    expect(await take()).toEqual([])
    expect(await seenUp()).toMatchObject({ cleared: true })
    expect(await take()).toHaveLength(1)
  })

  it('count for nothing when the source was moved or switched off meanwhile, or was validated', async () => {
    const moved = await nextCheck()
    await set(`url = url || '/elsewhere'`)
    expect(await recordDown(t.sql, moved, 'x', false)).toBeNull()
    await set('checking_until = NULL')
    const off = await nextCheck()
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await recordUp(t.sql, off, {})).toBeNull()
    await t.db.sources.update(source_id, { status: 'active' })
    const validated = await nextCheck()
    await t.db.sources.seenUp(source_id, { version: '2' })
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
    expect(taken).toEqual([suspect, late, later, source_id])
  })

  it('that could not be made let somebody else make them at once, or let calls go on where nobody can', async () => {
    await set('suspect_at = spark_now()')
    await recordNotChecked(t.sql, await nextCheck(), false)
    expect(await source()).toMatchObject({ checking_until: null, suspect_at: expect.any(Date) as Date })
    await recordNotChecked(t.sql, await nextCheck(), true)
    expect(await source()).toMatchObject({ checking_until: null, suspect_at: null, hold_from: null })
  })
})

describe('a held source', () => {
  it('keeps its schedules undecided, and its due times wait', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: -10 })
    expect(await due()).toEqual([schedule])
    await hold()
    expect(await due()).toEqual([])
    await t.sql.transaction(async (tx) => {
      expect(await lockSchedule(tx, schedule)).toMatchObject({
        suspended: true,
        hold_from: (await source()).hold_from,
        hold_until: null,
      })
    })
    await seenUp()
    expect(await due()).toEqual([schedule])
    await t.sql.transaction(async (tx) => {
      expect(await lockSchedule(tx, schedule)).toMatchObject({ suspended: false, hold_until: expect.any(Date) as Date })
    })
  })

  it('takes one call at once when it is released, and twice as many each second, up to what it may take', async () => {
    await addTasks(60)
    const [before] = await take(1)
    await hold()
    await seenUp()
    const atOnce = async (seconds: number) => {
      await set(`ramp_from = spark_now() - ${seconds} * interval '1 second'`)
      await t.sql.query(
        `UPDATE tasks SET started_at = (SELECT ramp_from FROM sources WHERE id = $1) WHERE status = 'running' AND id <> $2`,
        [source_id, before!.id],
      )
      await t.sql.query(`UPDATE tasks SET started_at = spark_now() - interval '1 hour' WHERE id = $1`, [before!.id]) // sent before, and of no account here
      await take()
      return (
        await t.sql.query<{ n: number }>(`SELECT count(*)::int AS n FROM tasks WHERE status = 'running' AND id <> $1`, [
          before!.id,
        ])
      ).rows[0]!.n
    }
    const seen: number[] = []
    for (const seconds of [0, 0, 1, 2, 3, 4, 5]) seen.push(await atOnce(seconds))
    expect(seen).toEqual([1, 1, 2, 4, 8, 16, 32])
    expect(await atOnce(6)).toBe(39) // max_concurrency, with the one from before
    await set(`ramp_from = spark_now() + interval '1 hour'`) // the clock was set back
    await t.sql.query(`DELETE FROM tasks WHERE status = 'running'`)
    expect((await take()).length).toBe(20)
  })

  it('is in one hold while it comes and goes and takes no call, and in another one once a call got through', async () => {
    await hold()
    await set(`hold_from = spark_now() - interval '1 hour'`)
    const { hold_from } = await source()
    await seenUp()
    await hold()
    expect((await source()).hold_from).toEqual(hold_from)
    await seenUp()
    await t.sql.query(`INSERT INTO source_outcomes (source_id, reached_at) VALUES ($1, spark_now())`, [source_id])
    await hold()
    expect((await source()).hold_from!.getTime()).toBeGreaterThan(hold_from!.getTime())
  })

  it('keeps a run by hand until a check that began after it came is over, then tells it; what a schedule made waits, and what waits for its next try', async () => {
    await hold()
    const [manual, replay, planned, retrying] = await addTasks(4)
    await t.sql.query(`UPDATE tasks SET trigger = 'replay' WHERE id = $1`, [replay])
    await scheduled(planned!)
    await t.sql.query(`UPDATE tasks SET tries = 1, next_retry_at = spark_now() WHERE id = $1`, [retrying])
    const [tried] = await addTasks(1)
    await t.sql.query(
      `UPDATE tasks SET max_retries = 3, error = 'not sent', error_code = 'source_unreachable' WHERE id = $1`,
      [tried],
    )
    expect(await failManualRuns(t.sql)).toEqual([])
    await set(`check_began_at = spark_now() - interval '1 second'`)
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10) // they are a reason for one, whatever its time is
    expect(check).toMatchObject({ suspended: true })
    expect(await failManualRuns(t.sql)).toEqual([])
    await recordDown(t.sql, check!, REASON, false)
    expect((await failManualRuns(t.sql)).sort()).toEqual([manual, replay].sort())
    for (const id of [manual!, replay!]) {
      const row = await taskRow(t.sql, id)
      expect(row).toMatchObject({
        status: 'failed',
        error_code: 'source_unreachable',
        tries: 0,
        finished_at: expect.any(Date) as Date,
      })
      expect(row!.error).toContain(REASON)
    }
    for (const id of [planned!, retrying!, tried!]) expect((await taskRow(t.sql, id))!.status).toBe('pending')
  })

  it('keeps a run by hand for five seconds at most while a check takes long, and runs it when that says that the server is back', async () => {
    await hold()
    const [early, late] = await addTasks(2)
    const check = await nextCheck()
    await t.sql.query(`UPDATE tasks SET updated_at = spark_now() - interval '4 seconds' WHERE id = $1`, [late])
    await t.sql.query(`UPDATE tasks SET updated_at = spark_now() - interval '5 seconds' WHERE id = $1`, [early])
    expect(await failManualRuns(t.sql)).toEqual([early])
    await recordUp(t.sql, check, {})
    expect((await take()).map(({ id }) => id)).toEqual([late])
  })

  it('keeps what came while nobody checked, as without a worker, until somebody does', async () => {
    await hold()
    const [id] = await addTasks(1)
    await t.sql.query(`UPDATE tasks SET updated_at = spark_now() - interval '1 hour' WHERE id = $1`, [id])
    await set(`check_began_at = spark_now() - interval '2 hours'`)
    expect(await failManualRuns(t.sql)).toEqual([])
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10)
    expect(await failManualRuns(t.sql)).toEqual([])
    await recordDown(t.sql, check!, REASON, false)
    expect(await failManualRuns(t.sql)).toEqual([id])
  })

  it('tells hundreds of runs by hand in one go', async () => {
    await hold()
    await addTasks(450)
    await recordDown(t.sql, await nextCheck(), REASON, false)
    expect(new Set(await failManualRuns(t.sql)).size).toBe(450)
  })

  it('ends what it has held for longer than its catch-up window, and counts that for the schedule', async () => {
    const schedule = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    const once = await addSchedule(t.sql, workflow_id, { dueInSeconds: 60 })
    await t.sql.query(`UPDATE schedules SET schedule_type = 'one-time' WHERE id = $1`, [once])
    const [short, usual, ofOnce, fresh, backfill] = await addTasks(5)
    await scheduled(short!, usual!, ofOnce!, fresh!)
    await t.sql.query(`UPDATE tasks SET trigger = 'backfill', priority = 2 WHERE id = $1`, [backfill])
    await t.sql.query(`UPDATE tasks SET schedule_id = $1 WHERE id = ANY ($2::uuid[])`, [
      schedule,
      [short, usual, fresh],
    ])
    await t.sql.query(`UPDATE tasks SET schedule_id = $1 WHERE id = $2`, [once, ofOnce])
    await t.sql.query(`UPDATE tasks SET created_at = spark_now() - interval '25 hours' WHERE id <> $1`, [fresh])
    await hold()
    expect(await failOverdue(t.sql)).toEqual([]) // held since now
    await set(`hold_from = spark_now() - interval '25 hours'`)
    expect((await failOverdue(t.sql)).sort()).toEqual([short, usual, backfill].sort())
    const row = await taskRow(t.sql, usual!)
    expect(row).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0 })
    expect(row!.error).toMatch(
      /was down for longer than the run may be late \(catchup_window, 86400 s\)\. Last seen: Nobody is there\./,
    )
    expect((await t.db.schedules.find(schedule))!.consecutive_failures).toBe(2)
    await t.sql.query('UPDATE schedules SET catchup_window = 0 WHERE id = $1', [once])
    expect(await failOverdue(t.sql)).toEqual([ofOnce])
    expect((await taskRow(t.sql, fresh!))!.status).toBe('pending')
  })

  it('ends nothing of a source that is switched off, and gives another try by hand its own window', async () => {
    const [id, retried] = await addTasks(2)
    await scheduled(id!, retried!)
    await t.db.tasks.cancel(retried!)
    await t.sql.query(`UPDATE tasks SET created_at = spark_now() - interval '25 hours'`)
    await t.db.tasks.retry(retried!)
    await t.db.sources.update(source_id, { status: 'inactive' })
    await set(`hold_from = spark_now() - interval '25 hours'`)
    expect(await failOverdue(t.sql)).toEqual([])
    await t.db.sources.update(source_id, { status: 'active' })
    await hold()
    await set(`hold_from = spark_now() - interval '25 hours'`)
    expect(await failOverdue(t.sql)).toEqual([id])
  })

  it('wants to be woken when it is to be asked', async () => {
    const now = await sqlNow(t.sql)
    const to = new Date(now.getTime() + 10 * MINUTE)
    const check_at = new Date(Math.floor(now.getTime() / SECOND) * SECOND + 7 * SECOND)
    await t.sql.query(`UPDATE sources SET check_at = $2::timestamptz - interval '300 milliseconds' WHERE id = $1`, [
      source_id,
      check_at,
    ])
    expect(await dueSeconds(t.sql, now, to)).toEqual([])
    await set('hold_from = spark_now()')
    expect(await dueSeconds(t.sql, now, to)).toEqual([check_at])
  })
})

describe('the switch of a source', () => {
  it('is a hold while it is off', async () => {
    const [manual] = await addTasks(1)
    expect(await t.db.sources.update(source_id, { status: 'inactive' })).toEqual({ due: false })
    const held = await source()
    expect(held).toMatchObject({ hold_from: expect.any(Date) as Date, hold_until: null })
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await source()).toMatchObject({ hold_from: held.hold_from, hold_until: null })
    expect(await failManualRuns(t.sql)).toEqual([manual])
    expect((await taskRow(t.sql, manual!))!.error).toContain('is inactive')
    expect(await t.db.sources.update(source_id, { status: 'active' })).toEqual({ due: true })
    expect((await source()).hold_until).toBeInstanceOf(Date)
  })

  it('goes on with a hold that there was, and forgets with either what had been counted', async () => {
    await hold()
    const { hold_from } = await source()
    await t.db.sources.update(source_id, { status: 'inactive' })
    expect(await source()).toMatchObject({ hold_from, hold_until: null, check_failures: 0 })
    await t.db.sources.update(source_id, { status: 'active' })
    expect(await source()).toMatchObject({ hold_from, hold_until: expect.any(Date) as Date, check_failures: 0 })
    await addTasks(2)
    expect(await take()).toHaveLength(2) // at once: it was no check that released it
  })
})

describe('a server that somebody saw down', () => {
  it('is shown as up once a call got through', async () => {
    await t.db.sources.seenDown(source_id, 'It was asked by hand.')
    expect(await source()).toMatchObject({ health: 'down', hold_from: null })
    await addTasks(1)
    await settle(t.sql, [settlementOf((await take())[0]!, { status: 'completed', reached: true })])
    expect(await findSourceWork(t.sql)).toEqual({ seen_up: true, waiting: false })
    await showReachedAsUp(t.sql)
    expect(await source()).toMatchObject({ health: 'up', health_reason: null, hold_from: null, hold_until: null })
  })
})

describe('what is written of calls that get through', () => {
  it('is written now and then', async () => {
    const [first, second, third] = await addTasks(3)
    const claimed = new Map((await take()).map((task): [string, typeof task] => [task.id, task]))
    const changed = async (id: string) =>
      (await settle(t.sql, [settlementOf(claimed.get(id)!, { status: 'completed', reached: true })])).map(
        (row) => row.outcomes_changed,
      )
    expect(await changed(first!)).toEqual([true])
    expect(await changed(second!)).toEqual([false])
    await t.sql.query(
      `UPDATE source_outcomes SET reached_at = reached_at - interval '11 seconds' WHERE source_id = $1`,
      [source_id],
    )
    expect(await changed(third!)).toEqual([true])
  })
})
