import { randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { resetFailures, settle, settlementOf } from '../src/index.ts'
import { addSchedule, addTask } from './fixtures.ts'
import { useQueue } from './queue-fixture.ts'

const t = useQueue()
let schedule: string
beforeEach(async () => {
  schedule = await addSchedule(t.sql, t.workflow_id, { dueInSeconds: 60 })
  await t.sql.query('UPDATE schedules SET pause_after_failures = 3 WHERE id = $1', [schedule])
})

type End = 'completed' | 'failed' | 'cancelled'
/** An attempt that is over. */
type Code = 'flow_failed' | 'outcome_unknown' | 'flow_not_found'
const attempted = async (id: string, status: End, error_code: Code = 'flow_failed') => {
  const token = randomUUID()
  await t.sql.query(
    `UPDATE tasks SET status = 'running', phase = 'calling', tries = tries + 1, token = $2, lease_until = spark_now(), started_at = spark_now() WHERE id = $1`,
    [id, token],
  )
  await settle(t.sql, [
    settlementOf(
      { id, token },
      { status, reached: true, ...(status === 'failed' && { error: 'It broke.', error_code }) },
    ),
  ])
  return token
}
/** A run of the schedule that is over. */
const ran = async (status: End, trigger = 'schedule', error_code?: Code) => {
  const id = await addTask(t.sql, t.workflow_id)
  await t.sql.query('UPDATE tasks SET schedule_id = $2, trigger = $3 WHERE id = $1', [id, schedule, trigger])
  await attempted(id, status, error_code)
  return id
}
/** Somebody asks for it again. */
const retried = async (id: string, status: End, error_code?: Code) => {
  expect(await t.db.tasks.retry(id)).toMatchObject({ row: { id } })
  await attempted(id, status, error_code)
}
const pauseFailing = () => t.db.schedules.pauseFailing()
const row = async () => (await t.db.schedules.find(schedule))!

describe('a schedule whose runs fail', () => {
  it('is paused at the last failure that it permits, not before, and says why', async () => {
    await ran('failed')
    await ran('failed')
    expect(await pauseFailing()).toEqual([])
    await ran('failed')
    expect(await pauseFailing()).toEqual([schedule])
    expect(await row()).toMatchObject({
      status: 'paused',
      next_run_at: null,
      next_due_at: null,
      paused_reason: 'Paused by Spark: its last 3 runs failed. The last one: It broke.',
    })
    expect(await pauseFailing()).toEqual([])
  })

  it('goes on when one succeeded in between; cancelled and manual runs, backfills and replays do not count', async () => {
    await ran('failed')
    await ran('failed')
    for (const trigger of ['manual', 'backfill', 'replay']) await ran('failed', trigger)
    await ran('cancelled')
    expect(await pauseFailing()).toEqual([])
    await ran('completed', 'manual')
    await ran('failed')
    expect(await pauseFailing()).toEqual([schedule])
    await t.sql.query(`UPDATE schedules SET status = 'active', next_run_at = spark_now() WHERE id = $1`, [schedule])
    await ran('completed')
    await ran('failed')
    expect(await pauseFailing()).toEqual([])
  })

  it('counts a due time once, by its last outcome: a retry by hand adds nothing, and never pauses', async () => {
    const id = await ran('failed')
    for (let i = 0; i < 4; i++) await retried(id, 'failed')
    expect((await row()).consecutive_failures).toBe(1)
    await ran('failed')
    await retried(id, 'failed')
    expect(await pauseFailing()).toEqual([])
    await ran('failed')
    expect(await pauseFailing()).toEqual([schedule])
  })

  it('is counted from 0 again when a retry by hand succeeds, and not when one of an older run fails after a success', async () => {
    const [first] = [await ran('failed'), await ran('failed')]
    await retried(first, 'completed')
    expect(await row()).toMatchObject({ consecutive_failures: 0, last_success_at: expect.any(Date) as Date })
    const old = await ran('failed')
    await ran('completed')
    await retried(old, 'failed')
    expect((await row()).consecutive_failures).toBe(0)
  })

  it('does not count a cancelled run that is retried by hand and fails', async () => {
    const id = await addTask(t.sql, t.workflow_id)
    await t.sql.query(`UPDATE tasks SET schedule_id = $2, trigger = 'schedule' WHERE id = $1`, [id, schedule])
    await t.db.tasks.cancel(id)
    await retried(id, 'failed')
    expect((await row()).consecutive_failures).toBe(0)
  })

  it('no longer counts an unknown outcome whose attempt reports a success, and counts it once if it reports a failure', async () => {
    const [known, unknown] = [await addTask(t.sql, t.workflow_id), await addTask(t.sql, t.workflow_id)]
    await t.sql.query(`UPDATE tasks SET schedule_id = $2, trigger = 'schedule' WHERE id = ANY ($1::uuid[])`, [
      [known, unknown],
      schedule,
    ])
    const failed = await attempted(known, 'failed', 'outcome_unknown')
    const token = await attempted(unknown, 'failed', 'outcome_unknown')
    expect((await row()).consecutive_failures).toBe(2)
    await settle(t.sql, [
      settlementOf(
        { id: known, token: failed },
        { status: 'failed', reached: true, error: 'It broke.', error_code: 'flow_failed' },
      ),
    ])
    expect((await row()).consecutive_failures).toBe(2)
    await settle(t.sql, [settlementOf({ id: unknown, token }, { status: 'completed', reached: true })])
    expect((await row()).consecutive_failures).toBe(0)
  })

  it('is paused, without a limit too, when two runs in a row found its flow gone, and is counted from 0 again when it is enabled', async () => {
    await t.sql.query('UPDATE schedules SET pause_after_failures = NULL WHERE id = $1', [schedule])
    await ran('failed')
    await ran('failed', 'schedule', 'flow_not_found')
    await ran('failed', 'manual', 'flow_not_found')
    expect(await pauseFailing()).toEqual([])
    await ran('completed')
    await ran('failed', 'schedule', 'flow_not_found')
    await ran('failed', 'schedule', 'flow_failed')
    const id = await ran('failed', 'schedule', 'flow_not_found')
    await retried(id, 'failed', 'flow_not_found') // the same due time
    expect(await pauseFailing()).toEqual([])
    await ran('failed', 'schedule', 'flow_not_found')
    expect(await pauseFailing()).toEqual([schedule])
    expect((await row()).paused_reason).toMatch(
      /^Paused by Spark: its flow is not at the server any more, .* The last one: It broke\.$/,
    )
    await resetFailures(t.sql, schedule)
    await t.sql.query(`UPDATE schedules SET status = 'active', next_run_at = spark_now() WHERE id = $1`, [schedule])
    await ran('failed', 'schedule', 'flow_not_found')
    expect(await pauseFailing()).toEqual([])
  })

  it('is never paused without a limit, and stays paused by whoever paused it', async () => {
    await t.sql.query('UPDATE schedules SET pause_after_failures = NULL WHERE id = $1', [schedule])
    for (let i = 0; i < 4; i++) await ran('failed')
    expect(await pauseFailing()).toEqual([])
    await t.sql.query(
      `UPDATE schedules SET pause_after_failures = 3, status = 'paused', paused_reason = 'mine', next_run_at = NULL WHERE id = $1`,
      [schedule],
    )
    expect(await pauseFailing()).toEqual([])
    expect((await row()).paused_reason).toBe('mine')
  })

  it('is counted from 0 again when its failures are reset', async () => {
    for (let i = 0; i < 3; i++) await ran('failed')
    await resetFailures(t.sql, schedule)
    await ran('failed')
    expect(await pauseFailing()).toEqual([])
    expect((await row()).consecutive_failures).toBe(1)
  })

  it('is paused once when many workers try, and is left for the next time while it is locked', async () => {
    for (let i = 0; i < 3; i++) await ran('failed')
    await t.sql.transaction(async (tx) => {
      await tx.query('SELECT FROM schedules WHERE id = $1 FOR NO KEY UPDATE', [schedule])
      expect(await pauseFailing()).toEqual([])
    })
    expect((await Promise.all(Array.from({ length: 8 }, pauseFailing))).flat()).toEqual([schedule])
  })
})
