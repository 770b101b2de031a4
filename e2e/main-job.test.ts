import { join } from 'node:path'
import { startEmbedded } from '@automagik-spark/embedded-postgres'
import type { Source, Workflow } from '@automagik-spark/sdk'
import type { StubLangflow } from '@automagik-spark/testing'
import { startStubLangflow } from '@automagik-spark/testing'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { E2eMongo } from './mongo.ts'
import { openMongo } from './mongo.ts'
import type { TestSpark } from './spark.ts'
import { removeDir, startSpark, tempDir, until } from './spark.ts'

const KEY = 'sk-e2e-0123456789'

const openedMongo: E2eMongo | null = await openMongo()
afterAll(() => openedMongo?.close())

/** The whole vertical, over REST through the SDK, against built processes. The same for both of Agenda's stores. */
describe.each([
  ['postgres', null],
  ['mongodb', openedMongo],
] as const)('the main job, with wake-ups in %s', (backend, mongo) => {
  const it = test.skipIf(backend === 'mongodb' && !mongo)
  const dir = tempDir()
  let stub: StubLangflow
  let spark: TestSpark
  let source: Source
  let echo: Workflow

  beforeAll(async () => {
    stub = await startStubLangflow({ key: KEY })
    if (backend === 'mongodb' && !mongo) return
    spark = await startSpark(dir, mongo ? { MONGODB_URI: mongo.uri } : {})
  })
  afterAll(async () => {
    await spark?.stop()
    await stub?.close()
    removeDir(dir)
  })

  it('is healthy with one worker, and says where the wake-ups are', async () => {
    const health = await until(
      () => spark.client.service.health(),
      (seen) => seen.status === 'healthy',
    )
    expect(health.services.worker.active_workers).toBe(1)
    expect(health.services.scheduler).toEqual({ status: 'healthy', backend })
    expect((await spark.client.workers.list()).items).toMatchObject([{ status: 'active', current_tasks: 0 }])
  })

  it('connects a Langflow server after asking it, and refuses a wrong key', async () => {
    await expect(spark.client.sources.create({ url: stub.url, api_key: 'sk-wrong' })).rejects.toMatchObject({
      status: 400,
      detail: expect.stringMatching(/^Failed to validate source: .*key/),
    })
    source = await spark.client.sources.create({ name: 'flows', url: `${stub.url}/`, api_key: KEY })
    expect(source).toMatchObject({
      name: 'flows',
      source_type: 'langflow',
      url: stub.url,
      status: 'active',
      health: 'up',
      max_concurrency: 40,
    })
    expect(JSON.stringify(source)).not.toContain(KEY)
    await expect(spark.client.sources.create({ url: stub.url, api_key: KEY })).rejects.toMatchObject({
      status: 400,
      detail: `Source with URL ${stub.url} already exists`,
    })
  })

  it('lists the remote flows and copies one of them', async () => {
    const { flows, unreachable } = await spark.client.workflows.remote()
    expect(unreachable).toEqual([])
    expect(flows.map((flow) => flow.id)).toContain(stub.flows.echo)
    echo = await spark.client.workflows.sync(stub.flows.echo)
    expect(echo).toMatchObject({
      source: stub.url,
      remote_flow_id: stub.flows.echo,
      flow_type: 'flow',
      flow_version: 1,
      latest_run: 'NEW',
      task_count: 0,
      warnings: [],
    })
    const again = await spark.client.workflows.sync(stub.flows.echo)
    expect(again).toMatchObject({ id: echo.id, flow_version: 1 })
  })

  it('runs it now and answers with the text', async () => {
    const task = await spark.client.workflows.run(echo.id, 'Hello, world')
    expect(task).toMatchObject({
      status: 'completed',
      trigger: 'manual',
      tries: 1,
      error: null,
      input_data: { value: 'Hello, world' },
      output_data: { result: 'Hello, world' },
    })
    const later = await spark.client.workflows.run(echo.id, { question: 'why?' }, { wait: false })
    expect(later.status).toBe('pending')
    const done = await spark.client.tasks.wait(later.id)
    expect(done).toMatchObject({
      status: 'completed',
      input_data: { question: 'why?' },
      output_data: { result: '{"question":"why?"}' },
    })
    const sessions = stub.calls.filter((call) => call.session_id !== null).map((call) => call.session_id)
    expect(sessions).toEqual([task.id, later.id])
  })

  it('says that a flow failed, and why', async () => {
    const failing = await spark.client.workflows.sync(stub.flows.fail)
    const task = await spark.client.workflows.run(failing.id, 'Hello')
    expect(task).toMatchObject({ status: 'failed', error_code: 'flow_failed', output_data: null })
    expect(task.error).toMatch(/rig failure|fail/i)
  })

  it('runs a one-time schedule at once and completes it', async () => {
    const schedule = await spark.client.schedules.create({
      workflow_id: echo.id,
      schedule_type: 'one-time',
      schedule_expr: 'now',
      input_value: 'Once',
    })
    const tasks = await until(
      () => spark.client.tasks.list({ schedule_id: schedule.id }),
      (page) => page.items[0]?.status === 'completed',
    )
    expect(tasks.items).toMatchObject([{ trigger: 'schedule', output_data: { result: 'Once' } }])
    expect(await spark.client.schedules.get(schedule.id)).toMatchObject({
      status: 'completed',
      run_count: 1,
      next_run_at: null,
    })
    expect((await spark.client.schedules.occurrences(schedule.id)).items).toMatchObject([
      { decision: 'started', reason: null, count: 1, task_id: tasks.items[0]!.id },
    ])
  })

  it('runs an interval again and again in its phase, and stops when it is disabled', async () => {
    const schedule = await spark.client.schedules.create({
      workflow_id: echo.id,
      schedule_type: 'interval',
      schedule_expr: '1s',
      input_value: 'Tick',
      overlap: 'allow',
    })
    await until(
      () => spark.client.tasks.list({ schedule_id: schedule.id, status: 'completed' }),
      (page) => page.total >= 3,
    )
    await spark.client.schedules.disable(schedule.id, { reason: 'enough' })
    const paused = await spark.client.schedules.get(schedule.id)
    expect(paused).toMatchObject({ status: 'paused', paused_reason: 'enough', next_run_at: null })
    const occurrences = (await spark.client.schedules.occurrences(schedule.id)).items
      .map((row) => Date.parse(row.scheduled_for))
      .reverse()
    occurrences.forEach((at, i) => expect(at).toBe(occurrences[0]! + i * 1000))
    expect(occurrences.length).toBe(paused.run_count)
    await spark.client.schedules.delete(schedule.id)
    await expect(spark.client.schedules.get(schedule.id)).rejects.toMatchObject({
      status: 404,
      detail: 'Schedule not found',
    })
  })

  it('keeps its wake-ups in its store and nowhere else', async () => {
    const schedule = await spark.client.schedules.create({
      workflow_id: echo.id,
      schedule_type: 'interval',
      schedule_expr: '1h',
      input_value: 'Later',
    })
    const due = new Date(schedule.next_run_at!)
    if (mongo) expect(await mongo.wakeUps()).toContainEqual(due)
    const postgres = await wakeUpsInPostgres(dir)
    if (mongo) expect(postgres).toEqual([])
    else expect(postgres).toContainEqual(due)
    await spark.client.schedules.delete(schedule.id)
  })

  it('was asked for nothing that a Langflow does not know', () => {
    expect(stub.unrecorded).toEqual([])
  })
})

/** When Agenda's jobs in the embedded PostgreSQL are due. */
const wakeUpsInPostgres = async (dir: string): Promise<Date[]> => {
  const server = await startEmbedded({ dataDir: join(dir, 'data') }) // joins the one that runs
  const client = new pg.Client({ connectionString: server.url })
  try {
    await client.connect()
    const {
      rows: [there],
    } = await client.query<{ there: boolean }>(`SELECT to_regclass('spark_agenda.agenda_jobs') IS NOT NULL AS there`)
    if (!there?.there) return []
    return (
      await client.query<{ at: Date }>(`SELECT next_run_at AS at FROM spark_agenda.agenda_jobs WHERE name = 'wake'`)
    ).rows.map((row) => row.at)
  } finally {
    await client.end()
    await server.close()
  }
}
