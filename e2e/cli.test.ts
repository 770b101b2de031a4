import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startStubLangflow } from '@automagik-spark/testing'
import type { StubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CLI, removeDir, run, startSpark, tempDir, until } from './spark.ts'
import type { TestSpark } from './spark.ts'

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

it('does the main job from the command line', async () => {
  await json('sources', 'create', stub.url, '--api-key', KEY)
  const workflow = await json<Row>('workflows', 'sync', stub.flows.echo)
  const ran = await spk('workflows', 'run', workflow.id, 'Hello from the shell')
  expect(ran.code).toBe(0)
  expect(ran.text).toContain('Hello from the shell')

  const schedule = await json<Row>('schedules', 'create', '--workflow', workflow.id, '--at', 'now', '--input', 'Once')
  await until(() => json<Row>('schedules', 'get', schedule.id), (seen) => seen.status === 'completed')
  const tasks = await spk('tasks', 'list')
  expect(tasks.text).toContain('completed')
  expect((await spk('workers', 'list')).text).toContain('active')

  expect((await spk('schedules', 'delete', schedule.id, '--yes')).code).toBe(0)
  expect(await spk('schedules', 'get', schedule.id)).toMatchObject({ code: 3, text: expect.stringContaining('Schedule not found') })
})

it('tells a wrong key from a server that is not there', async () => {
  const key = readFileSync(join(dir, 'data', 'api-key'), 'utf8').trim()
  const wrong = run(CLI, ['tasks', 'list'], { env: { SPARK_API_URL: spark.url, SPARK_API_KEY: `${key}x` }, cwd: dir })
  expect(await wrong.exited).toBe(4)
  const nobody = run(CLI, ['tasks', 'list'], { env: { SPARK_API_URL: 'http://127.0.0.1:9', SPARK_API_KEY: key }, cwd: dir })
  expect(await nobody.exited).toBe(5)
})

it('looks after the database', async () => {
  const status = await json<{ applied: string[]; pending: string[] }>('db', 'status')
  expect(status.applied.length).toBeGreaterThan(1)
  expect(status.pending).toEqual([])
  expect((await spk('db', 'migrate')).text).toContain('up to date')
})
