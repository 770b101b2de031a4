import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { Task } from '@automagik-spark/core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { clear, newSchedule, until, useStack } from './stack.ts'

const PAGE = { limit: 100, offset: 0 }
const KEY = 'sk-stack-test'

/** A proxy that answers 404 by itself to what `isLost` names, as one does whose server is away. */
const openProxy = async (targetUrl: string) => {
  const target = new URL(targetUrl)
  let isLost = (_method: string, _path: string): boolean => false
  const server = createServer((incoming, outgoing) => {
    if (isLost(incoming.method ?? '', incoming.url ?? ''))
      return void outgoing.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found')
    const passed = request(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        headers: incoming.headers,
      },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      },
    )
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    lose(which: typeof isLost) {
      isLost = which
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const stack = useStack({ random: () => 0 })
let proxy: Awaited<ReturnType<typeof openProxy>>
let source_id: string
let workflow_id: string
beforeAll(async () => {
  proxy = await openProxy(stack.stub.url)
  source_id = (await stack.engine.sources.create({ url: proxy.url, api_key: KEY, max_concurrency: 40 })).id
  const synced = await stack.engine.workflows.sync(stack.stub.flows.echo, { source_url: proxy.url })
  if (!('workflow' in synced)) throw new Error('one flow was asked for')
  workflow_id = synced.workflow.id
  await stack.addWorker()
})
afterEach(async () => {
  proxy.lose(() => false)
  await clear(stack, 'schedules')
  await stack.engine.sources.validate(source_id)
})
afterAll(() => proxy.close())

const schedule = (schedule_expr: string) =>
  stack.engine.schedules.create(newSchedule({ workflow_id, schedule_expr, input_value: 'planned' }))
const shown = (id: string) => stack.engine.schedules.get(id)
const tasksOf = async (schedule_id: string) => (await stack.engine.tasks.list({ schedule_id, ...PAGE })).items
const isOver = (task: Task) => task.status === 'completed' || task.status === 'failed'
const run = async () => (await stack.engine.workflows.run(workflow_id, 'by hand', { wait: true })).task

it("a schedule pauses after two due times in a row whose flow the server's own list lacks, with the reason; a manual run has it, too", async () => {
  const [{ remote_flow_id }] = (
    await stack.db.sql.query<{ remote_flow_id: string }>('SELECT remote_flow_id FROM workflows WHERE id = $1', [
      workflow_id,
    ])
  ).rows as [{ remote_flow_id: string }]
  const point = (flow: string) =>
    stack.db.sql.query('UPDATE workflows SET remote_flow_id = $2, updated_at = spark_now() WHERE id = $1', [
      workflow_id,
      flow,
    ])
  await point(randomUUID())
  expect(await run()).toMatchObject({ status: 'failed', error_code: 'flow_not_found', tries: 1 })
  const { id } = await schedule('1s')
  const paused = await until(
    () => shown(id),
    ({ status }) => status === 'paused',
  )
  expect(paused.paused_reason).toContain(
    "its flow is not at the server any more, as its last runs and the server's own list of flows say",
  )
  const failed = (await tasksOf(id)).filter(({ error_code }) => error_code === 'flow_not_found')
  expect(failed.length).toBeGreaterThanOrEqual(2)
  await point(remote_flow_id)
  await stack.engine.schedules.enable(id)
  await until(
    () => tasksOf(id),
    (tasks) => tasks.some(({ status }) => status === 'completed'),
  )
  expect(await shown(id)).toMatchObject({ status: 'active', consecutive_failures: 0 })
})

it('a proxy that says 404 for a server that is down costs no try, and pauses nothing: the run is made when the server is back', async () => {
  proxy.lose(() => true)
  const { id } = await stack.engine.schedules.create(
    newSchedule({ workflow_id, schedule_type: 'one-time', schedule_expr: 'now', input_value: 'behind a proxy' }),
  )
  await until(
    () => stack.engine.sources.get(source_id),
    ({ health }) => health === 'down',
  )
  expect(await tasksOf(id)).toMatchObject([
    {
      status: 'pending',
      tries: 0,
      error_code: 'source_unreachable',
      error: expect.stringContaining('so the flow is not taken to be deleted') as string,
    },
  ])
  proxy.lose(() => false)
  const [task] = await until(
    () => tasksOf(id),
    (tasks) => tasks.every(isOver),
  )
  expect(task).toMatchObject({ status: 'completed', tries: 1 })
})

it('a 404 for a flow that the list has is source_unreachable, after three such calls beside checks that succeed', async () => {
  proxy.lose((method, path) => method === 'POST' && path.startsWith('/api/v1/run/'))
  const task = await run()
  expect(task).toMatchObject({ status: 'failed', error_code: 'source_unreachable', tries: 1 })
  expect(task.error).toContain("the server's list of flows has it, so the flow is not taken to be deleted")
  expect(await stack.engine.sources.get(source_id)).toMatchObject({ health: 'up' })
})
