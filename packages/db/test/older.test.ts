import { randomUUID } from 'node:crypto'
import { jsonText } from '@automagik-spark/core'
import { useFixture } from '@automagik-spark/testing/fixture'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { claim } from '../src/index.ts'
import { migrate } from '../src/migrate.ts'
import { readOldMigrations } from '../src/migration-files.ts'
import { emptyDatabase } from '../src/testing.ts'
import { addSource, addWorkflow, openTestDb } from './fixtures.ts'

// What a version that kept JSON as jsonb sends, word for word as far as it matters.
const CLAIM = `SELECT id, token, tries, workflow_id, source_id, flow_version, flow_changed_at, source_version, input, session_id, tweaks, timeout, scheduled_for,
   max_retries, retry_on, tries_before FROM spark_claim($1, $2, $3, $4 * interval '1 millisecond')`
const RUN = `WITH i AS (
   INSERT INTO tasks AS t (id, workflow_id, source_id, trigger, priority, input, tweaks, timeout, max_retries, retry_on, ready_at, created_at, updated_at, status)
   SELECT r.id, w.id, w.source_id, 'manual', 0, r.input::jsonb, r.tweaks::jsonb, 60, 0, 'safe', spark_now(), spark_now(), spark_now(), 'pending'
   FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS r(id, workflow_id, input, tweaks) JOIN workflows w ON w.id = r.workflow_id
   RETURNING t.id, t.input
 ) SELECT i.* FROM i, (SELECT pg_notify('spark_ready', '')) n`
const CREATE = `INSERT INTO schedules (id, workflow_id, schedule_type, schedule_expr, timezone, anchor, overlap, status, input_value, tweaks, created_at, updated_at)
  SELECT $1, w.id, 'interval', '1m', 'UTC', spark_now(), 'skip', 'active', $3::jsonb, $4::jsonb, spark_now(), spark_now() FROM workflows w WHERE w.id = $2 FOR KEY SHARE OF w`
const EDIT = `UPDATE schedules SET workflow_id = workflow_id, input_value = $2::jsonb, tweaks = $3::jsonb WHERE id = $1`
const SETTLE = `UPDATE tasks t SET phase = NULL, output = $3::jsonb -> r.output, status = 'completed', finished_at = spark_now(), lease_until = NULL, marked_at = NULL, updated_at = spark_now()
  FROM unnest($1::uuid[], $2::uuid[], ARRAY[0]) AS r(id, token, output) WHERE t.id = r.id AND t.token = r.token AND t.status = 'running' RETURNING t.id`

const STOP = 'is older than its database: stop it and update it. Nothing was written.'

describe('a process of a version that kept JSON in another way', () => {
  const t = useFixture(openTestDb)
  let workflow_id: string
  let old: pg.Client
  beforeAll(async () => {
    workflow_id = await addWorkflow(t.sql, await addSource(t.sql))
    old = new pg.Client({ connectionString: t.url, application_name: 'spark-api' })
    await old.connect()
  })
  afterAll(async () => {
    await old.end()
  })

  const insert = async (input: string) =>
    (
      await t.db.tasks.insertRuns([
        {
          id: randomUUID(),
          workflow_id,
          schedule_id: null,
          input: jsonText(input),
          session_id: null,
          tweaks: null,
          timeout: 60,
          max_retries: 0,
          retry_on: 'safe',
        },
      ])
    )[0]!.id

  it('gets no runs as a worker, and is told to stop', async () => {
    await insert('waits for a worker of this version')
    await expect(old.query(CLAIM, [randomUUID(), randomUUID(), 10, 30_000])).rejects.toThrow(
      'This worker is older than the database: stop it and update it. It gets no runs.',
    )
    expect(
      await claim(t.sql, { worker_id: randomUUID(), token: randomUUID(), slots: 10, leaseMs: 30_000 }),
    ).toHaveLength(1)
  })

  it('makes no run and no schedule, changes none, and is told why', async () => {
    await expect(old.query(RUN, [[randomUUID()], [workflow_id], ['{"a":1}'], [null]])).rejects.toThrow(STOP)
    await expect(old.query(CREATE, [randomUUID(), workflow_id, '{"a":1}', null])).rejects.toThrow(STOP)
    const id = randomUUID()
    await t.sql.query(CREATE.replaceAll('::jsonb', '::json::text'), [id, workflow_id, '{ "b":1.10 }', null])
    await expect(old.query(EDIT, [id, '"text in text"', null])).rejects.toThrow(STOP)
    expect((await t.sql.query('SELECT input_value FROM schedules')).rows).toEqual([{ input_value: '{ "b":1.10 }' }])
  })

  it('may still complete the run that it has claimed', async () => {
    const id = await insert('in hand')
    const token = randomUUID()
    await claim(t.sql, { worker_id: randomUUID(), token, slots: 10, leaseMs: 30_000 })
    expect((await old.query(SETTLE, [[id], [token], '[{"result":"x"}]'])).rowCount).toBe(1)
    expect(await t.db.tasks.find(id)).toMatchObject({ status: 'completed', output: '{"result": "x"}' })
  })

  it('is told apart from a person at psql', async () => {
    const person = new pg.Client({ connectionString: t.url, application_name: 'psql' })
    await person.connect()
    await person.query(EDIT.replaceAll('::jsonb', '::text'), [randomUUID(), '1', null])
    await person.end()
  })
})

it('runs and schedules that are there when JSON becomes text keep what they hold', async () => {
  const database = await emptyDatabase(inject('postgresUrl'))
  const client = new pg.Client({ connectionString: database.url })
  try {
    const all = await readOldMigrations()
    await migrate({
      url: database.url,
      migrations: all.slice(
        0,
        all.findIndex(({ name }) => name.endsWith('_json_as_written')),
      ),
    })
    await client.connect()
    const [source, workflow, schedule] = [randomUUID(), randomUUID(), randomUUID()]
    await client.query(
      `INSERT INTO sources (id, source_type, url, status, max_concurrency, created_at, updated_at) VALUES ($1, 'langflow', 'http://x.test', 'active', 1, now(), now())`,
      [source],
    )
    await client.query(
      `INSERT INTO workflows (id, source_id, name, description, remote_flow_id, flow_type, graph_hash, is_component, liked, tags, warnings, created_at, updated_at)
       VALUES ($1, $2, 'echo', '', 'x', 'flow', 'h', false, false, '[]', '[]', now(), now())`,
      [workflow, source],
    )
    await client.query(CREATE, [schedule, workflow, '{"id": 1234567890123456789}', '{"a": {"n": 1.10}}'])
    const inputs = ['"text"', '1.10', 'null', null, '{"b": [1]}']
    const ids = inputs.map(() => randomUUID())
    await client.query(RUN, [ids, ids.map(() => workflow), inputs, inputs.map(() => '{"x": {}}')])
    await client.query(`UPDATE tasks SET output = '{"result": "short"}'`)
    await client.query(`INSERT INTO task_outputs (task_id, output) VALUES ($1, '{"result": "whole"}')`, [ids[0]])

    await migrate({ url: database.url })
    expect((await client.query('SELECT input_value, tweaks FROM schedules')).rows).toEqual([
      { input_value: '{"id": 1234567890123456789}', tweaks: '{"a": {"n": 1.10}}' },
    ])
    const { rows } = await client.query<{ id: string }>(
      `SELECT t.id, t.input, t.tweaks, t.output, f.output AS whole FROM tasks t LEFT JOIN task_outputs f ON f.task_id = t.id`,
    )
    expect(ids.map((id) => rows.find((row) => row.id === id))).toEqual(
      ids.map((id, i) => ({
        id,
        input: inputs[i] === 'null' ? null : inputs[i],
        tweaks: '{"x": {}}',
        output: '{"result": "short"}',
        whole: i === 0 ? '{"result": "whole"}' : null,
      })),
    )
  } finally {
    await client.end()
    await database.drop()
  }
})
