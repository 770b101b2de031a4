import { randomUUID } from 'node:crypto'
import { nextDue } from '@automagik-spark/core'
import type { SqlPool } from '@automagik-spark/db'
import { findUnread, makePool, migrate, writeReread } from '@automagik-spark/db'
import type { TemporaryDatabase } from '@automagik-spark/db/testing'
import { emptyDatabase, readOldMigrations } from '@automagik-spark/db/testing'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { planOf } from '../src/decidable.ts'
import { startReread } from '../src/reread.ts'
import type { EngineStack } from '../src/testing/index.ts'
import { newSchedule, openEngineStack } from '../src/testing/index.ts'

const MIGRATION = '20261129031700_cron_as_debian'

let database: TemporaryDatabase
let old: SqlPool
let stack: EngineStack
let workflow_id: string

/** A cron schedule as an earlier release stored it; its next time is an hour from now, whatever it says. */
const addOld = async (
  schedule_expr: string,
  { status = 'active', end_at = null as Date | null } = {},
): Promise<string> => {
  const id = randomUUID()
  await old.query(
    `INSERT INTO schedules (id, workflow_id, schedule_type, schedule_expr, timezone, anchor, end_at, overlap, status, decided_until, next_due_at, next_run_at, created_at, updated_at)
     SELECT $1, $2, 'cron', $3, 'UTC', t.at, $5, 'skip', $4, t.at, t.next, t.next, t.at, t.at
     FROM (SELECT date_trunc('second', spark_now()) AS at, CASE WHEN $4 = 'active' THEN date_trunc('second', spark_now()) + interval '1 hour' END AS next) t`,
    [id, workflow_id, schedule_expr, status, end_at],
  )
  return id
}

type Ids = Record<'differs' | 'refused' | 'same' | 'paused' | 'ends' | 'saved', string>
let ids: Ids

beforeAll(async () => {
  database = await emptyDatabase(inject('postgresUrl'))
  const all = await readOldMigrations()
  await migrate({ url: database.url, migrations: all.filter(({ name }) => name < MIGRATION) })
  old = makePool({ url: database.url, name: 'old', max: 2, onError: () => undefined })
  const source_id = randomUUID()
  workflow_id = randomUUID()
  await old.query(
    `INSERT INTO sources (id, source_type, url, status, max_concurrency, created_at, updated_at) VALUES ($1, 'langflow', 'http://old.test', 'active', 1, spark_now(), spark_now())`,
    [source_id],
  )
  await old.query(
    `INSERT INTO workflows (id, source_id, name, description, remote_flow_id, flow_type, graph_hash, is_component, liked, tags, warnings, created_at, updated_at)
     VALUES ($1, $2, 'echo', '', 'echo', 'flow', 'h', false, false, '[]', '[]', spark_now(), spark_now())`,
    [workflow_id, source_id],
  )
  ids = {
    differs: await addOld('0 0 */31 * MON'),
    refused: await addOld('0 10 * * ? *'),
    same: await addOld('0 0 * * *'),
    paused: await addOld('0 9 */1 * 1-5', { status: 'paused' }),
    // Each Sunday of February by the old rule, 29 February on a Sunday by the one of today: in 2032.
    ends: await addOld('0 0 29 2 */7', { end_at: new Date(Date.now() + 380 * 86400_000) }),
    saved: await addOld('0 9 */1 * 1-5'),
  }
  await migrate({ url: database.url })
  stack = await openEngineStack({ database })
})
afterAll(async () => {
  await old.close()
  await stack.close()
})

const start = () => startReread({ sql: stack.db.sql, wakeUps: stack.wakeUps, logger: stack.parts.logger })
const get = (id: string) => stack.engine.schedules.get(id)
const byRule = async (id: string) => {
  const {
    rows: [row],
  } = await old.query<Parameters<typeof planOf>[0] & { decided_until: Date }>('SELECT * FROM schedules WHERE id = $1', [
    id,
  ])
  return nextDue(planOf(row!), row!.decided_until)
}

describe("cron schedules that were stored before cron was read as Debian's", () => {
  it('are each read again once, whoever starts and however many do', async () => {
    expect(await findUnread(stack.db.sql, 100)).toHaveLength(6)
    const starts = [start(), start(), start(), start()]
    await Promise.all(starts.map(({ done }) => done))
    expect(await findUnread(stack.db.sql, 100)).toEqual([])
    await Promise.all(starts.map((one) => one.close()))
  })

  it('are left to whoever decides or edits them meanwhile', async () => {
    const id = await addOld('0 9 */1 * 1-5')
    await old.query('UPDATE schedules SET cron_reread = false WHERE id = $1', [id])
    const [row] = await findUnread(stack.db.sql, 1)
    expect(row?.id).toBe(id)
    await old.query(`UPDATE schedules SET decided_until = decided_until + interval '1 second' WHERE id = $1`, [id])
    expect(await writeReread(stack.db.sql, [{ ...row!, warning: 'of what it was' }])).toEqual(new Set())
    const again = start()
    await again.done
    expect((await get(id)).warnings).toEqual([expect.stringMatching(/^Cron is now read/)])
    await again.close()
  })

  it('have the next time of today, and a warning that names the first one that differs', async () => {
    const seen = await get(ids.differs)
    expect(seen.next_due_at).toEqual(await byRule(ids.differs))
    expect(seen.updated_at.getTime()).toBeGreaterThan(seen.created_at.getTime())
    expect(seen.warnings[0]).toMatch(
      /^Cron is now read as Debian's cron reads it.* the first is 20\d\d-\d\d-\d\dT00:00:00Z, which was a due time before and is not now/,
    )
    expect(await get(ids.paused)).toMatchObject({
      status: 'paused',
      next_due_at: null,
      next_run_at: null,
      warnings: [expect.stringMatching(/09:00:00Z, which was a due time/)],
    })
  })

  it('have no warning when nothing differs', async () => {
    expect(await get(ids.same)).toMatchObject({ warnings: [], next_due_at: await byRule(ids.same) })
  })

  it('are completed when the rule of today leaves nothing before their end', async () => {
    expect(await get(ids.ends)).toMatchObject({
      status: 'completed',
      next_due_at: null,
      next_run_at: null,
      warnings: expect.arrayContaining([expect.stringMatching(/-02-\d\dT00:00:00Z, which was a due time/)]) as string[],
    })
  })

  it('keep their due times with a warning when they would be refused, until an edit moves them', async () => {
    const seen = await get(ids.refused)
    expect(seen.next_due_at!.getUTCMinutes()).toBe(10)
    expect(seen.next_due_at!.getTime() - seen.created_at.getTime()).toBeLessThanOrEqual(3600_000)
    expect(seen.warnings).toEqual([expect.stringContaining('write "0 10 * * *"')])
    expect((await stack.engine.schedules.update(ids.refused, { name: 'kept' })).warnings).toHaveLength(1)
    const { schedule_expr, workflow_id: same } = seen
    expect(
      (await stack.engine.schedules.update(ids.refused, { schedule_expr, workflow_id: same })).warnings,
    ).toHaveLength(1)
    await expect(stack.engine.schedules.update(ids.refused, { jitter: 5 })).rejects.toThrow(/is AWS's form/)
    expect(await stack.engine.schedules.update(ids.refused, { schedule_expr: '0 10 * * *' })).toMatchObject({
      warnings: [],
      schedule_expr: '0 10 * * *',
    })
  })

  it('lose the warning when somebody saves them again', async () => {
    expect((await stack.engine.schedules.update(ids.saved, { name: 'mine' })).warnings).toHaveLength(1)
    expect((await stack.engine.schedules.update(ids.saved, { schedule_expr: '0 9 */1 * 1-5' })).warnings).toEqual([])
  })

  it('are not what a new one is: it is read once, when it is made', async () => {
    const made = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'cron', schedule_expr: '*/25 * * * *' }),
    )
    expect(made.warnings).toEqual([expect.stringMatching(/not an even step/)])
    expect(await findUnread(stack.db.sql, 100)).toEqual([])
  })

  it('have spans in the ledger that are split as they were counted', async () => {
    const schedule = await stack.engine.schedules.create(
      newSchedule({ workflow_id, schedule_type: 'cron', schedule_expr: '0 9 */1 * 1-5' }),
    )
    await old.query(`UPDATE schedules SET decided_until = '2026-06-30T00:00:00Z' WHERE id = $1`, [schedule.id])
    // From Monday to Monday: eight due times by the old rule, which had the weekend too.
    await old.query(
      `INSERT INTO occurrences (schedule_id, scheduled_for, until, count, count_at_least, decision, reason, decided_at, plan)
       VALUES ($1, '2026-06-01T09:00:00Z', '2026-06-08T09:00:00Z', 8, false, 'missed', 'misfire', spark_now(),
         '{"schedule_type": "cron", "schedule_expr": "0 9 */1 * 1-5", "timezone": "UTC", "anchor": "2026-01-01T00:00:00Z", "start_at": null, "end_at": null}')`,
      [schedule.id],
    )
    await stack.engine.schedules.backfill(schedule.id, {
      from: new Date('2026-06-02T00:00:00Z'),
      to: new Date('2026-06-03T00:00:00Z'),
      dry_run: false,
    })
    const { items } = await stack.engine.schedules.occurrences(schedule.id, { limit: 10, offset: 0 })
    expect(
      items.map(({ scheduled_for, count, decision }) => [scheduled_for.toISOString().slice(0, 10), count, decision]),
    ).toEqual([
      ['2026-06-03', 6, 'missed'],
      ['2026-06-02', 1, 'started'],
      ['2026-06-01', 1, 'missed'],
    ])
  })
})
