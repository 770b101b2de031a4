import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { patient, readCallLog, startChecksOnlyProxy, startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestSpark } from './spark.ts'
import { removeDir, startSpark, tempDir, until } from './spark.ts'

const STUB = fileURLToPath(new URL('../packages/testing/dist/stub-main.js', import.meta.url))
const KEY = 'sk-restarts'
const SOURCES = 10
/** From one second before the due time to so long after it. */
const AWAY_MS = 60_000
/** After its return, everything that waited has run. */
const BACK_WITHIN_MS = 10_000

const dir = tempDir()
let spark: TestSpark
const children = new Set<ChildProcess>()
beforeAll(async () => {
  spark = await startSpark(dir, { SPARK_WORKER_CONCURRENCY: '120', SPARK_TLS_INSECURE_HOSTS: 'localhost' })
})
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL')
  await spark.stop()
  removeDir(dir)
})

/** A flow server as a process of its own. It keeps its port and its log when it is started anew. */
const startServer = async (name: string, port = 0) => {
  const log = join(dir, `${name}.log`)
  const child = spawn(process.execPath, [STUB, 'langflow-1.13.0', '--port', String(port), '--key', KEY, '--log', log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.add(child)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { url, flows } = JSON.parse(line) as { url: string; flows: { echo: string } }
  return {
    name,
    url,
    flow: flows.echo,
    child,
    runs: () => readCallLog(log).filter((call) => call.run),
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
      children.delete(child)
    },
    again: () => startServer(name, Number(new URL(url).port)),
  }
}
const connect = async (url: string, flow: string) => {
  const source = await spark.client.sources.create({ url, api_key: KEY })
  return { source, workflow: await spark.client.workflows.sync(flow, { source_url: url }) }
}
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const tasksOf = async (schedule_id: string) => (await spark.client.tasks.list({ schedule_id, limit: 100 })).items
const sourceOf = (id: string) => spark.client.sources.get(id)

describe.concurrent('a flow server', () => {
  it(
    'that restarts for a minute over a due time costs no try: ten of ten run within seconds of its return',
    async () => {
      const servers = await Promise.all(Array.from({ length: SOURCES }, (_, i) => startServer(`restarts-${i}`)))
      const connected = []
      for (const { url, flow } of servers) connected.push(await connect(url, flow))
      const due = new Date(Math.ceil((Date.now() + 8_000) / 1_000) * 1_000)
      const schedules = await Promise.all(
        connected.map(({ workflow }, i) =>
          spark.client.schedules.create({
            workflow_id: workflow.id,
            schedule_type: 'one-time',
            schedule_expr: due.toISOString(),
            input_value: `restart ${i}`,
          }),
        ),
      )
      await pause(due.getTime() - 1_000 - Date.now())
      await Promise.all(servers.map((server) => server.kill()))
      await pause(due.getTime() + AWAY_MS - Date.now())
      for (const { source } of connected)
        expect(await sourceOf(source.id)).toMatchObject({ health: 'down', status: 'active' })
      const back = await Promise.all(servers.map((server) => server.again()))
      const ran = await until(
        async () => (await Promise.all(schedules.map(({ id }) => tasksOf(id)))).flat(),
        (tasks) =>
          tasks.length === SOURCES && tasks.every(({ status }) => status !== 'pending' && status !== 'running'),
        patient(BACK_WITHIN_MS),
      )
      expect(ran.map(({ status, tries }) => [status, tries])).toEqual(
        Array.from({ length: SOURCES }, () => ['completed', 1]),
      )
      for (const server of back) expect(server.runs()).toHaveLength(1)
    },
    patient(180_000),
  )

  it(
    'that comes and goes every five seconds runs everything once, with one try',
    async () => {
      const stub = await startStubLangflow({ key: KEY })
      const { workflow } = await connect(stub.url, stub.flows.echo)
      const schedule = await spark.client.schedules.create({
        workflow_id: workflow.id,
        schedule_type: 'interval',
        schedule_expr: '2s',
        max_runs: 12,
        overlap: 'queue_all',
        input_value: 'flaps',
      })
      // Between two due seconds, so that no call is cut off that was sent.
      await pause(1_500 - (Date.now() % 1_000))
      const isOver = async () =>
        (await spark.client.schedules.get(schedule.id)).status === 'completed' &&
        (await tasksOf(schedule.id)).every(({ status }) => status !== 'pending' && status !== 'running')
      const runningOf = () => spark.client.tasks.list({ schedule_id: schedule.id, status: 'running' })
      for (let isUp = true, end = Date.now() + patient(60_000); !(await isOver()) && Date.now() < end; isUp = !isUp) {
        // A call that is cut off after it was sent may have run the flow, and would not be made again.
        if (isUp) await until(runningOf, ({ total }) => total === 0, patient(30_000))
        await stub.set({ unreachable: isUp })
        await pause(5_000)
      }
      await stub.set({ unreachable: false })
      await until(isOver, (over) => over, patient(30_000))
      const tasks = await tasksOf(schedule.id)
      expect(tasks).toHaveLength(12)
      for (const task of tasks) expect(task).toMatchObject({ status: 'completed', tries: 1 })
      expect(stub.runs.filter((call) => call.input_value === 'flaps')).toHaveLength(12)
      await stub.close()
    },
    patient(180_000),
  )

  it(
    'whose source is suspended fails a hundred manual runs at once, each within seconds',
    async () => {
      const stub = await startStubLangflow({ key: KEY })
      const { source, workflow } = await connect(stub.url, stub.flows.echo)
      await stub.set({ unreachable: true })
      expect(await spark.client.workflows.run(workflow.id, 'first')).toMatchObject({
        status: 'failed',
        error_code: 'source_unreachable',
        tries: 0,
      })
      const asked = performance.now()
      const ended = await Promise.all(
        Array.from({ length: 100 }, () => spark.client.workflows.run(workflow.id, 'held')),
      )
      expect(performance.now() - asked).toBeLessThan(patient(8_000))
      for (const task of ended)
        expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 0 })
      await stub.set({ unreachable: false })
      expect(await spark.client.workflows.run(workflow.id, 'back')).toMatchObject({ status: 'completed', tries: 1 })
      expect(await sourceOf(source.id)).toMatchObject({ health: 'up' })
      await stub.close()
    },
    patient(120_000),
  )

  it(
    'that is up by every check and never takes a call has its tasks fail, instead of calling for ever',
    async () => {
      const stub = await startStubLangflow({ key: KEY })
      const proxy = await startChecksOnlyProxy(stub.url)
      const source = await spark.client.sources.create({ url: proxy.url, api_key: KEY })
      proxy.letNextIn()
      const workflow = await spark.client.workflows.sync(stub.flows.echo, { source_url: proxy.url })
      // With a schedule it is checked within about a minute. The next connection after that is the run's.
      await spark.client.schedules.create({ workflow_id: workflow.id, schedule_type: 'interval', schedule_expr: '1h' })
      await until(
        () => sourceOf(source.id),
        ({ checked_at }) => checked_at !== source.checked_at,
        patient(80_000),
      )
      const schedule = await spark.client.schedules.create({
        workflow_id: workflow.id,
        schedule_type: 'one-time',
        schedule_expr: new Date(Date.now() + 2_000).toISOString(),
        input_value: 'never taken',
        max_retries: 1,
      })
      const [task] = await until(
        () => tasksOf(schedule.id),
        ([made]) => made !== undefined && made.status !== 'pending' && made.status !== 'running',
        patient(60_000),
      )
      expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 2 })
      expect(proxy.ended()).toBeGreaterThanOrEqual(6)
      expect(stub.runs.filter((call) => call.input_value === 'never taken')).toEqual([])
      expect(await sourceOf(source.id)).toMatchObject({ health: 'up' })
      await proxy.close()
      await stub.close()
    },
    patient(180_000),
  )

  it(
    'that is blocked by forty runs of ours is not suspended, though its checks take too long',
    async () => {
      const server = await startServer('blocked')
      const { source, workflow } = await connect(server.url, server.flow)
      const pid = server.child.pid!
      await spark.client.schedules.create({ workflow_id: workflow.id, schedule_type: 'interval', schedule_expr: '1h' })
      process.kill(pid, 'SIGSTOP')
      const running = Array.from({ length: 40 }, () =>
        spark.client.workflows.run(workflow.id, 'blocked', { timeout: 300 }),
      )
      await until(
        () => spark.client.tasks.list({ workflow_id: workflow.id, status: 'running' }),
        ({ total }) => total === 40,
        patient(30_000),
      )
      // With a schedule it is checked: each minute, and when it is switched on. It must not stand still for longer: a server gives up requests of a minute ago.
      await spark.client.sources.update(source.id, { status: 'inactive' })
      await spark.client.sources.update(source.id, { status: 'active' })
      await spark.says(
        new RegExp(`${source.id}[^\\n]*health check failed|health check failed[^\\n]*${source.id}`),
        patient(60_000),
      )
      expect(await sourceOf(source.id)).toMatchObject({ health: 'up' })
      process.kill(pid, 'SIGCONT')
      for (const task of await Promise.all(running)) expect(task).toMatchObject({ status: 'completed', tries: 1 })
      expect(server.runs()).toHaveLength(40)
      await server.kill()
    },
    patient(180_000),
  )
})
