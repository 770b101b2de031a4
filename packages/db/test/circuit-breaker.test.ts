import { MINUTE, SECOND } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import {
  claimHealthChecks,
  dueSeconds,
  failManualRuns,
  failOverdue,
  findSourceWork,
  lockSchedule,
  recordDown,
  recordUp,
  settle,
  settlementOf,
  showReachedAsUp,
  sqlNow,
} from '../src/index.ts'
import { addSchedule, taskRow } from './fixtures.ts'
import { useQueue } from './queue-fixture.ts'
import { makeSourceSteps, REASON } from './source-fixture.ts'

const t = useQueue()
const { addTasks, due, nextCheck, scheduled, seenUp, set, source, suspend } = makeSourceSteps(t)

describe('a suspended source', () => {
  it('keeps its schedules undecided, and its due times wait', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: -10 })
    expect(await due()).toEqual([schedule])
    await suspend()
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

  it('takes one call at once when it is resumed, and twice as many each second, up to what it may take', async () => {
    await addTasks(60)
    const [before] = await t.take(1)
    await suspend()
    await seenUp()
    const atOnce = async (seconds: number) => {
      await set(`ramp_from = spark_now() - ${seconds} * interval '1 second'`)
      await t.sql.query(
        `UPDATE tasks SET started_at = (SELECT ramp_from FROM sources WHERE id = $1) WHERE status = 'running' AND id <> $2`,
        [t.source_id, before!.id],
      )
      await t.sql.query(`UPDATE tasks SET started_at = spark_now() - interval '1 hour' WHERE id = $1`, [before!.id]) // sent before, and of no account here
      await t.take()
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
    expect((await t.take()).length).toBe(20)
  })

  it('stays in one suspension while it comes and goes and takes no call, and is in another one after a call got through', async () => {
    await suspend()
    await set(`hold_from = spark_now() - interval '1 hour'`)
    const { hold_from } = await source()
    await seenUp()
    await suspend()
    expect((await source()).hold_from).toEqual(hold_from)
    await seenUp()
    await t.sql.query(`INSERT INTO source_outcomes (source_id, reached_at) VALUES ($1, spark_now())`, [t.source_id])
    await suspend()
    expect((await source()).hold_from!.getTime()).toBeGreaterThan(hold_from!.getTime())
  })

  it('keeps a manual run until a check that began after it is over, then fails it; scheduled runs wait, and so does what waits for its next try', async () => {
    await suspend()
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

  it('keeps a manual run for five seconds at most while a check takes long, and runs it when that says that the server is back', async () => {
    await suspend()
    const [early, late] = await addTasks(2)
    const check = await nextCheck()
    await t.sql.query(`UPDATE tasks SET updated_at = spark_now() - interval '4 seconds' WHERE id = $1`, [late])
    await t.sql.query(`UPDATE tasks SET updated_at = spark_now() - interval '5 seconds' WHERE id = $1`, [early])
    expect(await failManualRuns(t.sql)).toEqual([early])
    await recordUp(t.sql, check, {})
    expect((await t.take()).map(({ id }) => id)).toEqual([late])
  })

  it('keeps what came while nobody checked, as without a worker, until somebody does', async () => {
    await suspend()
    const [id] = await addTasks(1)
    await t.sql.query(`UPDATE tasks SET updated_at = spark_now() - interval '1 hour' WHERE id = $1`, [id])
    await set(`check_began_at = spark_now() - interval '2 hours'`)
    expect(await failManualRuns(t.sql)).toEqual([])
    const [check] = await claimHealthChecks(t.sql, MINUTE, 0, 10)
    expect(await failManualRuns(t.sql)).toEqual([])
    await recordDown(t.sql, check!, REASON, false)
    expect(await failManualRuns(t.sql)).toEqual([id])
  })

  it('fails hundreds of manual runs at once', async () => {
    await suspend()
    await addTasks(450)
    await recordDown(t.sql, await nextCheck(), REASON, false)
    expect(new Set(await failManualRuns(t.sql)).size).toBe(450)
  })

  it('fails tasks that have waited for longer than their catch-up window, and counts that for the schedule', async () => {
    const schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
    const once = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
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
    await suspend()
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

  it('fails nothing of an inactive source, and gives a retry by hand its own window', async () => {
    const [id, retried] = await addTasks(2)
    await scheduled(id!, retried!)
    await t.db.tasks.cancel(retried!)
    await t.sql.query(`UPDATE tasks SET created_at = spark_now() - interval '25 hours'`)
    await t.db.tasks.retry(retried!)
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    await set(`hold_from = spark_now() - interval '25 hours'`)
    expect(await failOverdue(t.sql)).toEqual([])
    await t.db.sources.update(t.source_id, { status: 'active' })
    await suspend()
    await set(`hold_from = spark_now() - interval '25 hours'`)
    expect(await failOverdue(t.sql)).toEqual([id])
  })

  it('needs a wake-up when its next check is due', async () => {
    const now = await sqlNow(t.sql)
    const to = new Date(now.getTime() + 10 * MINUTE)
    const check_at = new Date(Math.floor(now.getTime() / SECOND) * SECOND + 7 * SECOND)
    await t.sql.query(`UPDATE sources SET check_at = $2::timestamptz - interval '300 milliseconds' WHERE id = $1`, [
      t.source_id,
      check_at,
    ])
    expect(await dueSeconds(t.sql, now, to)).toEqual([])
    await set('hold_from = spark_now()')
    expect(await dueSeconds(t.sql, now, to)).toEqual([check_at])
  })
})

describe('the switch of a source', () => {
  it('suspends it while it is off', async () => {
    const [manual] = await addTasks(1)
    expect(await t.db.sources.update(t.source_id, { status: 'inactive' })).toEqual({ due: false })
    const held = await source()
    expect(held).toMatchObject({ hold_from: expect.any(Date) as Date, hold_until: null })
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    expect(await source()).toMatchObject({ hold_from: held.hold_from, hold_until: null })
    expect(await failManualRuns(t.sql)).toEqual([manual])
    expect((await taskRow(t.sql, manual!))!.error).toContain('is inactive')
    expect(await t.db.sources.update(t.source_id, { status: 'active' })).toEqual({ due: true })
    expect((await source()).hold_until).toBeInstanceOf(Date)
  })

  it('keeps a suspension that there was, and counts failures from 0 again at each change', async () => {
    await suspend()
    const { hold_from } = await source()
    await t.db.sources.update(t.source_id, { status: 'inactive' })
    expect(await source()).toMatchObject({ hold_from, hold_until: null, check_failures: 0 })
    await t.db.sources.update(t.source_id, { status: 'active' })
    expect(await source()).toMatchObject({ hold_from, hold_until: expect.any(Date) as Date, check_failures: 0 })
    await addTasks(2)
    expect(await t.take()).toHaveLength(2) // at once: it was no check that released it
  })
})

describe('a server that a validation saw down', () => {
  it('is shown as up once a call got through', async () => {
    await t.db.sources.seenDown(t.source_id, 'It was asked by hand.')
    expect(await source()).toMatchObject({ health: 'down', hold_from: null })
    await addTasks(1)
    await settle(t.sql, [settlementOf((await t.take())[0]!, { status: 'completed', reached: true })])
    expect(await findSourceWork(t.sql)).toEqual({ seen_up: true, waiting: false })
    await showReachedAsUp(t.sql)
    expect(await source()).toMatchObject({ health: 'up', health_reason: null, hold_from: null, hold_until: null })
  })
})

describe('that a call got through', () => {
  it('is written at most every 10 seconds', async () => {
    const [first, second, third] = await addTasks(3)
    const claimed = new Map((await t.take()).map((task): [string, typeof task] => [task.id, task]))
    const changed = async (id: string) =>
      (await settle(t.sql, [settlementOf(claimed.get(id)!, { status: 'completed', reached: true })])).map(
        (row) => row.outcomes_changed,
      )
    expect(await changed(first!)).toEqual([true])
    expect(await changed(second!)).toEqual([false])
    await t.sql.query(
      `UPDATE source_outcomes SET reached_at = reached_at - interval '11 seconds' WHERE source_id = $1`,
      [t.source_id],
    )
    expect(await changed(third!)).toEqual([true])
  })
})
