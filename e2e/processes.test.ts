import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { startEmbedded } from '@automagik-spark/embedded-postgres'
import { Spark } from '@automagik-spark/sdk'
import type { StubLangflow } from '@automagik-spark/testing'
import { patient, startStubLangflow } from '@automagik-spark/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Running } from './spark.ts'
import { API, CLI, removeDir, run, startSpark, tempDir, until, WORKER } from './spark.ts'

const KEY = 'sk-e2e-0123456789'
let stub: StubLangflow
beforeAll(async () => {
  stub = await startStubLangflow({ key: KEY })
})
afterAll(() => stub.close())
afterEach(async () => {
  stub.release()
  stub.clearSwitches()
})

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('one process', () => {
  const dir = tempDir()
  afterAll(() => removeDir(dir))

  it('keeps everything over a clean stop and a kill -9, and its intervals in their phase', async () => {
    let spark = await startSpark(dir)
    const source = await spark.client.sources.create({ url: stub.url, api_key: KEY })
    const workflow = await spark.client.workflows.sync(stub.flows.echo)
    const schedule = await spark.client.schedules.create({
      workflow_id: workflow.id,
      schedule_type: 'interval',
      schedule_expr: '3s',
      input_value: 'phase',
    })
    const done = (min: number) =>
      until(
        () => spark.client.tasks.list({ schedule_id: schedule.id, status: 'completed' }),
        (page) => page.total >= min,
      )
    await done(1)
    expect(await spark.stop('SIGINT')).toBe(0)

    spark = await startSpark(dir)
    const { key } = spark
    expect(spark.output()).not.toContain(key) // shown the first time only
    expect((await spark.client.sources.get(source.id)).url).toBe(stub.url)
    expect((await spark.client.workflows.run(workflow.id, 'again')).output_data).toMatchObject({ result: 'again' })
    await done(2)
    await spark.stop('SIGKILL')

    spark = await startSpark(dir)
    await done(3)
    const rows = (await spark.client.schedules.occurrences(schedule.id, { limit: 100 })).items.reverse()
    const first = Date.parse(rows[0]!.scheduled_for)
    for (const row of rows) expect((Date.parse(row.scheduled_for) - first) % 3000).toBe(0)
    // Every due time is in exactly one row, single or in a span.
    const covered = rows.reduce((sum, row) => sum + row.count, 0)
    const last = rows.at(-1)!
    expect((Date.parse(last.until ?? last.scheduled_for) - first) / 3000 + 1).toBe(covered)
    expect(await spark.stop()).toBe(0)
    expect(spark.output()).toContain('worker stopped')
  })

  it('leaves nothing running', async () => {
    const spark = await startSpark(dir)
    await spark.stop('SIGTERM')
    const server = await startEmbedded({ dataDir: join(dir, 'data') })
    expect(server.joined).toBe(false)
    await server.close()
    expect(isAlive(spark.pid)).toBe(false)
  })

  it('says in one sentence that its port is taken, and stops what it had started', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    const spark = run(CLI, ['start'], {
      env: { API_PORT: String(port), SPARK_DATA_DIR: join(dir, 'data'), LOG_LEVEL: 'silent' },
      cwd: dir,
    })
    expect(await spark.exited).toBe(1)
    expect(spark.output().trim()).toBe(
      `Port ${port} on 127.0.0.1 is taken by another program: stop it, or set API_PORT to another port (0 takes any free one)`,
    )
    await new Promise((resolve) => taken.close(resolve))
  })

  it('does not start with broken variables, and says of each what is allowed', async () => {
    const spark = run(CLI, ['start'], {
      env: { API_PORT: 'abc', SPARK_API_KEY: 'short-secret', SPARK_WORKER_CONCURRENCY: '0' },
      cwd: dir,
    })
    expect(await spark.exited).toBe(1)
    const lines = spark.output().trim().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines.join('\n')).toMatch(/SPARK_API_KEY .*16/)
    expect(lines.join('\n')).toMatch(/API_PORT="abc"/)
    expect(lines.join('\n')).toMatch(/SPARK_WORKER_CONCURRENCY="0"/)
    expect(spark.output()).not.toContain('short-secret')
  })
})

describe('API and workers apart', () => {
  const dir = tempDir()
  const apiKey = 'e2e-api-key-0123456789'
  const processes: Running[] = []
  let database: Awaited<ReturnType<typeof startEmbedded>>
  let client: Spark
  let env: Record<string, string>

  const start = (script: string) => {
    const running = run(script, [], { env, cwd: dir })
    processes.push(running)
    return running
  }
  beforeAll(async () => {
    database = await startEmbedded({ dataDir: join(dir, 'postgres') })
    env = {
      DATABASE_URL: database.url,
      SPARK_API_KEY: apiKey,
      SPARK_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      API_PORT: '0',
      API_HOST: '127.0.0.1',
    }
    // All at once, on an empty database.
    const [api] = [start(API), start(WORKER), start(WORKER)]
    const [, url] = await api.says(/"url":"(http:[^"]+)","msg":"API is listening"/)
    client = new Spark({ baseUrl: url!, apiKey, timeout: patient(60_000) })
    await until(
      () => client.service.health(),
      (health) => health.services.worker.active_workers === 2,
    )
  })
  afterAll(async () => {
    await Promise.all(processes.map((one) => one.stop('SIGTERM')))
    await database?.close()
    removeDir(dir)
  })

  it('run the main job together', async () => {
    await client.sources.create({ url: stub.url, api_key: KEY })
    const workflow = await client.workflows.sync(stub.flows.echo)
    const tasks = await Promise.all(Array.from({ length: 30 }, (_, i) => client.workflows.run(workflow.id, `run ${i}`)))
    tasks.forEach((task, i) => expect(task.output_data).toMatchObject({ result: `run ${i}` }))
    const schedule = await client.schedules.create({
      workflow_id: workflow.id,
      schedule_type: 'interval',
      schedule_expr: '1s',
      overlap: 'allow',
      max_runs: 4,
      input_value: 'together',
    })
    await until(
      () => client.schedules.get(schedule.id),
      (seen) => seen.status === 'completed',
    )
    await until(
      () => client.tasks.list({ schedule_id: schedule.id, status: 'completed' }),
      (page) => page.total === 4,
    )
    expect(stub.calls.filter((call) => call.input_value === 'together')).toHaveLength(4)
  })

  it('a worker that is killed during a call is noticed within a minute, and the call is not made again', async () => {
    const {
      items: [workflow],
    } = await client.workflows.list()
    await stub.set({ slow: 'held' })
    const task = await client.workflows.run(workflow!.id, 'killed', { wait: false })
    const running = await until(
      () => client.tasks.get(task.id),
      (seen) => seen.status === 'running',
    )
    expect(running.tries).toBe(1)
    await until(
      async () => stub.inFlight,
      (n) => n === 1,
    )
    await Promise.all(processes.slice(1).map((worker) => worker.stop('SIGKILL')))
    processes.splice(1)
    const worker = start(WORKER)
    await worker.says(/worker started/)
    const ended = await until(
      () => client.tasks.get(task.id),
      (seen) => seen.status !== 'running',
      60_000,
    )
    expect(ended).toMatchObject({ status: 'failed', error_code: 'outcome_unknown' })
    expect(stub.calls.filter((call) => call.input_value === 'killed')).toHaveLength(1)
    const log = (await client.tasks.logs(task.id)).items.map((event) => event.type)
    expect(log).toEqual(['created', 'attempt_started', 'taken_over', 'failed'])
  })

  it('a worker that is asked to stop lets its run finish', async () => {
    const {
      items: [workflow],
    } = await client.workflows.list()
    await stub.set({ slow: 'held' })
    const task = await client.workflows.run(workflow!.id, 'drained', { wait: false })
    await until(
      async () => stub.inFlight,
      (n) => n === 1,
    )
    const worker = processes.pop()!
    const stopped = worker.stop('SIGTERM')
    await worker.says(/Shutting down/)
    stub.release()
    expect(await stopped).toBe(0)
    expect(await client.tasks.get(task.id)).toMatchObject({ status: 'completed', output_data: { result: 'drained' } })
    await until(
      () => client.service.health(),
      (health) => health.status === 'degraded' && health.services.worker.active_workers === 0,
    )
    start(WORKER)
  })

  it('goes on after PostgreSQL was restarted under it', async () => {
    const {
      items: [workflow],
    } = await client.workflows.list()
    await until(
      () => client.service.health(),
      (health) => health.status === 'healthy',
    )
    const before = database
    await before.close()
    database = await startEmbedded({ dataDir: join(dir, 'postgres') })
    expect(database.url).toBe(before.url)
    await until(
      () => client.service.health(),
      (health) => health.status === 'healthy',
      30_000,
    )
    expect((await client.workflows.run(workflow!.id, 'after')).output_data).toMatchObject({ result: 'after' })
  })
})
