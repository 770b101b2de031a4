import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { Spark } from '@automagik-spark/sdk'
import { patient, startStubLangflow, type StubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { cleanEnv, CLI, removeDir, tempDir, until } from './spark.ts'

const KEY = 'spark-key-of-the-log-tests'
let stub: StubLangflow
beforeAll(async () => {
  stub = await startStubLangflow({ key: 'sk-e2e-0123456789' })
})
afterAll(() => stub.close())

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listening on TCP
  server.close()
  return port
}

type Output = number | 'pipe'
/** Spark whose standard output and error go where a test says; its port is given, as it may have no way to tell. */
const start = async (stdout: Output, stderr: Output, env: Record<string, string>) => {
  const dir = tempDir()
  const port = await freePort()
  const child = spawn(process.execPath, [CLI, 'start'], {
    cwd: dir,
    stdio: ['ignore', stdout, stderr],
    env: {
      XDG_STATE_HOME: join(dir, 'state'),
      ...cleanEnv({ API_PORT: String(port), SPARK_API_KEY: KEY, LOG_LEVEL: 'debug', ...env }),
    },
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
    removeDir(dir)
  })
  const client = new Spark({ baseUrl: `http://127.0.0.1:${port}`, apiKey: KEY, maxRetries: 0 })
  return { child, exited, client, port }
}
const fullDisk = (): number => {
  const fd = openSync('/dev/full', 'w')
  onTestFinished(() => closeSync(fd))
  return fd
}
const isReady = async (port: number) =>
  (await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null))?.status === 200

const works = async (
  { child, exited, client, port }: Awaited<ReturnType<typeof start>>,
  whenIt: () => void = () => undefined,
) => {
  await until(
    () => isReady(port),
    (ready) => ready,
  )
  await client.sources.create({ url: stub.url, api_key: 'sk-e2e-0123456789' })
  const workflow = await client.workflows.sync(stub.flows.echo)
  expect(await client.workflows.run(workflow.id, 'before')).toMatchObject({ status: 'completed' })
  whenIt()
  for (const input of ['one', 'two', 'three'])
    expect(await client.workflows.run(workflow.id, input)).toMatchObject({
      status: 'completed',
      output_data: { result: input },
    })
  child.kill('SIGTERM')
  expect((await exited)[0]).toBe(0)
}

describe('a log that cannot be written', () => {
  it.each(['json', 'pretty'])(
    'on a full disk is lost; runs go on, and SIGTERM ends the process (%s)',
    async (LOG_FORMAT) => {
      const full = fullDisk()
      await works(await start(full, full, { LOG_FORMAT }))
    },
    patient(120_000),
  )
  it.each(['json', 'pretty'])(
    'whose reader goes away is lost; runs go on, and SIGTERM ends the process (%s)',
    async (LOG_FORMAT) => {
      const spark = await start('pipe', 'pipe', { LOG_FORMAT })
      spark.child.stderr?.resume()
      spark.child.stdout?.resume()
      await works(spark, () => {
        spark.child.stdout?.destroy()
        spark.child.stderr?.destroy()
      })
    },
    patient(120_000),
  )
  it(
    'whose reader stands still keeps nobody waiting',
    async () => {
      // Nobody reads either of them: a pipe takes 64 KiB.
      await works(await start('pipe', 'pipe', { LOG_LEVEL: 'trace' }))
    },
    patient(120_000),
  )
  it(
    'still says why a process cannot start',
    async () => {
      const { exited } = await start(fullDisk(), fullDisk(), { SPARK_ENCRYPTION_KEY: 'too short' })
      expect((await exited)[0]).toBe(1)
    },
    patient(60_000),
  )
})
