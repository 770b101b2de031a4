import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { StubLangflow } from '@automagik-spark/testing'
import { startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestSpark } from './spark.ts'
import { CLI, removeDir, run, startSpark, tempDir, until } from './spark.ts'

const KEY = 'sk-e2e-0123456789'
const dir = tempDir()
let stub: StubLangflow
let spark: TestSpark
beforeAll(async () => {
  stub = await startStubLangflow({ key: KEY })
  spark = await startSpark(dir)
})
afterAll(async () => {
  await spark?.stop()
  await stub?.close()
  removeDir(dir)
})

/** The command line as another terminal on the same machine has it: it finds address and key in the data directory. */
const spk = async (...args: string[]) => {
  const running = run(CLI, args, { env: { SPARK_DATA_DIR: join(dir, 'data') }, cwd: dir })
  const code = await running.exited
  return { code, text: running.output() }
}
const json = async <T>(...args: string[]): Promise<T> => {
  const { code, text } = await spk(...args, '--json')
  expect({ code, text }).toMatchObject({ code: 0 })
  return JSON.parse(text) as T
}
type Row = { id: string; status: string }

it('says at the start which data directory it uses, and that it is new', () => {
  expect(spark.output()).toContain(
    `  Data      ${join(dir, 'data')} (new, so this Spark is empty; SPARK_DATA_DIR names another)\n`,
  )
})

it('makes no database to answer what is in one', async () => {
  const cwd = tempDir()
  const running = run(CLI, ['db', 'status'], { env: {}, cwd })
  expect(await running.exited).toBe(1)
  expect(running.output()).toContain(
    `There is no Spark in ${join(cwd, '.spark')}: name its folder with SPARK_DATA_DIR, or its PostgreSQL with DATABASE_URL.`,
  )
  expect(readdirSync(cwd)).toEqual([])
  removeDir(cwd)
})

it('does the main job from the command line', async () => {
  await json('sources', 'create', stub.url, '--api-key', KEY)
  const workflow = await json<Row>('workflows', 'sync', stub.flows.echo)
  const ran = await spk('workflows', 'run', workflow.id, 'Hello from the shell')
  expect(ran.code).toBe(0)
  expect(ran.text).toContain('Hello from the shell')

  const schedule = await json<Row>('schedules', 'create', '--workflow', workflow.id, '--at', 'now', '--input', 'Once')
  await until(
    () => json<Row>('schedules', 'get', schedule.id),
    (seen) => seen.status === 'completed',
  )
  const tasks = await spk('tasks', 'list')
  expect(tasks.text).toContain('completed')
  expect((await spk('workers', 'list')).text).toContain('active')

  expect((await spk('schedules', 'delete', schedule.id, '--yes')).code).toBe(0)
  expect(await spk('schedules', 'get', schedule.id)).toMatchObject({
    code: 3,
    text: expect.stringContaining('Schedule not found'),
  })
})

it('shows the times of a schedule beforehand, and runs those of the past', async () => {
  const preview = await json<{ next_runs: { at: string; local: string }[] }>(
    'schedules',
    'preview',
    '--cron',
    '30 1 * * *',
    '--timezone',
    'Europe/Lisbon',
    '--from',
    '2026-10-25T00:00:00Z',
    '--count',
    '2',
  )
  expect(preview.next_runs).toEqual([
    { at: '2026-10-25T00:30:00.000Z', local: '2026-10-25T01:30:00+01:00' },
    { at: '2026-10-26T01:30:00.000Z', local: '2026-10-26T01:30:00+00:00' },
  ])
  const [workflow] = await json<Row[]>('workflows', 'list')
  const options = ['--overlap', 'queue_all', '--misfire', 'all', '--catchup-window', '3600', '--jitter', '60']
  const schedule = await json<Row>(
    'schedules',
    'create',
    '--workflow',
    workflow!.id,
    '--cron',
    '0 0 1 1 *',
    '--start-at',
    '2020-01-01T00:00:00Z',
    '--input',
    'Then',
    ...options,
  )
  expect(schedule).toMatchObject({ overlap: 'queue_all', misfire: 'all', catchup_window: 3600, jitter: 60 })
  const span = ['--from', '2020-01-01T00:00:00Z', '--to', '2023-01-01T00:00:00Z']
  expect(await json('schedules', 'backfill', schedule.id, ...span, '--dry-run')).toMatchObject({
    dry_run: true,
    count: 3,
  })
  expect(await json('schedules', 'backfill', schedule.id, ...span)).toMatchObject({ dry_run: false, count: 3 })
  await until(
    () => json<Row[]>('tasks', 'list', '--schedule', schedule.id, '--trigger', 'backfill', '--status', 'completed'),
    (seen) => seen.length === 3,
  )
  expect((await spk('schedules', 'occurrences', schedule.id)).text).toMatch(/2022-01-01 00:00:00 .*started .*backfill/)
  expect(await spk('schedules', 'update', schedule.id, '--overlap', 'skip')).toMatchObject({
    code: 2,
    text: expect.stringContaining('set overlap to "queue_all" or "allow"'),
  })
})

it('tells a wrong key from a server that is not there', async () => {
  const key = readFileSync(join(dir, 'data', 'api-key'), 'utf8').trim()
  const wrong = run(CLI, ['tasks', 'list'], { env: { SPARK_API_URL: spark.url, SPARK_API_KEY: `${key}x` }, cwd: dir })
  expect(await wrong.exited).toBe(4)
  const nobody = run(CLI, ['tasks', 'list'], {
    env: { SPARK_API_URL: 'http://127.0.0.1:9', SPARK_API_KEY: key },
    cwd: dir,
  })
  expect(await nobody.exited).toBe(5)
})

it('looks after the database', async () => {
  const status = await json<{ applied: string[]; pending: string[] }>('db', 'status')
  expect(status.applied).toContainEqual(expect.stringMatching(/_init$/))
  expect(status.pending).toEqual([])
  expect((await spk('db', 'migrate')).text).toContain('up to date')
})

it('takes the key of the environment to the Spark that runs on this data directory, and nowhere once it is gone', async () => {
  await spark.stop()
  rmSync(join(dir, 'data', 'api-key')) // which would do
  const SPARK_API_KEY = 'a-key-of-the-environment'
  const list = async () => {
    const running = run(CLI, ['sources', 'list'], {
      env: { SPARK_DATA_DIR: join(dir, 'data'), SPARK_API_KEY },
      cwd: dir,
    })
    return { code: await running.exited, text: running.output() }
  }
  spark = await startSpark(dir, { SPARK_API_KEY })
  expect(spark.output()).toContain(`  Data      ${join(dir, 'data')}\n`)
  expect(await list()).toMatchObject({ code: 0 })
  // Killed, it leaves its address behind, where another program may listen by now.
  await spark.stop('SIGKILL')
  const { code, text } = await list()
  expect({ code, text }).toEqual({
    code: 4,
    text: `error: SPARK_API_KEY of the environment is not sent to ${spark.url}, which ${join(dir, 'data', 'api-url')} names: set both in one place.\n`,
  })
})
