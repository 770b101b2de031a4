import assert from 'node:assert/strict'
import type { CreateSource, UpdateSource } from '@automagik-spark/sdk'
import { until } from '../spark.ts'
import type { Lane } from './lane.ts'
import type { Scenario } from './scenario.ts'
import { addSource, ARM, byOtherName, CHECKED, expected, isTerminal, mark, schedule } from './steps.ts'

type Shown = { name: string | null; source_type: string; url: string; status: string; max_concurrency: number }
const shown = async (lane: Lane, id: string) =>
  (await lane.sql<Shown>('SELECT name, source_type, url, status, max_concurrency FROM sources WHERE id = $1', [id]))[0]
const idsAt = async (lane: Lane, url: string) =>
  (await lane.sql<{ id: string }>('SELECT id FROM sources WHERE url = $1 AND deleted_at IS NULL', [url])).map(
    ({ id }) => id,
  )

const INSERT = 'main: insert sources'
export const createSource: Scenario<CreateSource & { max_concurrency: number }> = {
  name: 'a source is created',
  role: 'api',
  commits: [INSERT],
  prepare: async (lane) => ({
    name: mark(),
    source_type: 'langflow',
    url: byOtherName(lane.stub.url),
    api_key: lane.flow_key,
    max_concurrency: 7,
  }),
  ask: (spark, wanted) => spark.sources.create(wanted),
  isOver: async (lane, { url }) => (await idsAt(lane, url)).length === 1,
  async judge(lane, { context: { api_key, ...wanted }, isCommitted, isAcknowledged }) {
    const made = await idsAt(lane, wanted.url)
    assert.equal(made.length, isCommitted(INSERT) ? 1 : 0)
    assert.ok(!isAcknowledged || made.length === 1)
    // Whoever heard nothing asks again.
    const again = await lane.engine.sources.create({ ...wanted, api_key }).then(
      ({ id }) => id,
      (error: Error) => error.message,
    )
    const [id, ...others] = await idsAt(lane, wanted.url)
    assert.deepEqual([again, others], [made.length === 1 ? `Source with URL ${wanted.url} already exists` : id, []])
    assert.deepEqual(await shown(lane, id!), { ...wanted, status: 'active' })
    await lane.engine.sources.validate(id!) // with the key that is stored
    await lane.engine.sources.remove(id!)
  },
}

const EDIT = 'main: update sources, update sources, update tasks, update sources, update tasks'
export const editSource: Scenario<{
  id: string
  before: Shown | undefined
  patch: UpdateSource & { url: string; api_key: string }
}> = {
  name: 'a source is moved to another server, and switched off',
  role: 'api',
  commits: [EDIT],
  async prepare(lane) {
    const { id } = await lane.engine.sources.create({
      url: byOtherName(lane.stub.url),
      api_key: lane.flow_key,
      max_concurrency: 40,
    })
    const url = byOtherName(lane.hive.stub.url)
    return {
      id,
      before: await shown(lane, id),
      patch: {
        name: mark(),
        source_type: 'automagik-hive',
        url,
        api_key: lane.hive.key,
        status: 'inactive',
        max_concurrency: 7,
      },
    }
  },
  ask: (spark, { id, patch }) => spark.sources.update(id, patch),
  isOver: async (lane, { id }) => (await shown(lane, id))?.status === 'inactive',
  async judge(
    lane,
    {
      context: {
        id,
        before,
        patch: { api_key, ...after },
      },
      isCommitted,
      isAcknowledged,
    },
  ) {
    const isDone = isCommitted(EDIT)
    assert.deepEqual(await shown(lane, id), isDone ? after : before)
    assert.ok(!isAcknowledged || isDone)
    const [{ info } = { info: null }] = await lane.sql<{ info: string | null }>(
      `SELECT version_info ->> 'name' AS info FROM sources WHERE id = $1`,
      [id],
    )
    assert.equal(info === 'Automagik Hive', isDone)
    await lane.engine.sources.validate(id) // with the key that is stored
    await lane.engine.sources.update(id, { ...after, api_key })
    assert.deepEqual([await shown(lane, id), await idsAt(lane, after.url)], [after, [id]])
    await lane.engine.sources.validate(id)
    await lane.engine.sources.remove(id)
  },
}

export const validateSource: Scenario<{ source_id: string; schedule_id: string }> = {
  name: 'a suspended source is validated',
  role: 'api',
  commits: [CHECKED, ARM],
  async prepare(lane) {
    // No worker asks the server before the minute is over.
    await lane.sql(
      `UPDATE sources SET health = 'down', health_reason = 'was away', check_failures = 3, check_at = spark_now() + interval '1 minute', hold_from = spark_now(), hold_until = NULL, version_info = NULL WHERE id = $1`,
      [lane.source_id],
    )
    const { id } = await schedule(lane, {
      schedule_type: 'interval',
      schedule_expr: '1s',
      input_value: mark(),
      max_runs: 1,
    })
    await until(
      () => lane.sql(`SELECT FROM schedules WHERE id = $1 AND decided_until < spark_now() - interval '1 second'`, [id]),
      (rows) => rows.length === 1,
    )
    return { source_id: lane.source_id, schedule_id: id }
  },
  ask: (spark, { source_id }) => spark.sources.validate(source_id),
  isOver: async (lane, { source_id }) => (await lane.engine.sources.get(source_id)).health === 'up',
  async judge(lane, { context: { source_id, schedule_id }, isCommitted, isAcknowledged }) {
    const { health, version_info } = await lane.engine.sources.get(source_id)
    assert.deepEqual([health, version_info !== null], isCommitted(CHECKED) ? ['up', true] : ['down', false])
    assert.ok(!isAcknowledged || health === 'up')
    if (health === 'down') assert.equal((await lane.engine.sources.validate(source_id)).health, 'up')
    // What waited for it runs, also where nobody lived to announce it.
    const rows = await until(
      () => lane.tasks('schedule_id = $1', schedule_id),
      (found) => isTerminal(found[0]?.status),
    )
    assert.deepEqual(
      rows.map((row) => expected(row, lane.callsOf(row.id))),
      [{ status: 'completed', error_code: null, calls: 1 }],
    )
  },
}

const DELETE_SOURCE = 'main: update sources, insert discoveries, update workflows, update tasks, update tasks'
export const removeSource: Scenario<string> = {
  name: 'a source is deleted that has a schedule and a pending run',
  role: 'api',
  commits: [DELETE_SOURCE],
  prepare: addSource,
  ask: (spark, id) => spark.sources.delete(id),
  isOver: async (lane, id) =>
    (await lane.sql('SELECT FROM sources WHERE id = $1 AND deleted_at IS NULL', [id])).length === 0,
  async judge(lane, { context: id, isCommitted, isAcknowledged }) {
    const there = await lane.sql('SELECT FROM sources WHERE id = $1 AND deleted_at IS NULL', [id])
    assert.equal(there.length, isCommitted(DELETE_SOURCE) ? 0 : 1)
    assert.ok(!isAcknowledged || there.length === 0)
    if (there.length > 0) await lane.engine.sources.remove(id)
  },
}
