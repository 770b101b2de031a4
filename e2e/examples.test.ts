import type { StubLangflow } from '@automagik-spark/testing'
import { startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestSpark } from './spark.ts'
import { removeDir, startSpark, tempDir, until } from './spark.ts'

type Example = { example?: unknown }
type Operation = {
  operationId: string
  parameters: ({ name: string; in: string; required: boolean } & Example)[]
  requestBody?: { content: { 'application/json': Example } }
  responses: Record<string, unknown>
}

const dir = tempDir()
let stub: StubLangflow
let spark: TestSpark
beforeAll(async () => {
  stub = await startStubLangflow({ key: 'the-key-of-that-server' }) // as the example has it
  spark = await startSpark(dir)
})
afterAll(async () => {
  await spark?.stop()
  await stub?.close()
  removeDir(dir)
})

/** One after the other as a reader would try them: what makes things first, what deletes them last. */
const ORDER = [
  'sources_create',
  'sources_get',
  'sources_update',
  'sources_replace',
  'sources_validate',
  'workflows_remote_get',
  'workflows_sync',
  'workflows_get',
  'workflows_run',
  'tasks_get',
  'tasks_logs',
  'tasks_replay',
  'schedules_create',
  'schedules_get',
  'schedules_update',
  'schedules_replace',
  'schedules_disable',
  'schedules_enable',
  'schedules_run',
  'schedules_backfill',
  'schedules_occurrences',
  'tasks_cancel',
  'tasks_retry',
]
const rank = (id: string) =>
  ORDER.includes(id)
    ? ORDER.indexOf(id)
    : id.endsWith('_delete')
      ? 1000 + 'tasks schedules workflows sources'.indexOf(id.split('_')[0]!)
      : 500

it('every operation has an example that works when it is sent as it is shown, with the ids and addresses that are there', async () => {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${spark.url}${path}`, {
      method,
      headers: { 'X-API-Key': spark.key, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: response.status, json: (await response.json()) as { id?: string; detail?: string } }
  }
  const document = (await call('GET', '/api/v1/openapi.json')).json as unknown as {
    paths: Record<string, Record<string, Operation>>
  }
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
  )
  for (const id of ORDER) expect(operations.map(({ operationId }) => operationId)).toContain(id)

  const made: Record<string, string> = {}
  const idFor: Record<string, () => string> = {
    sources: () => made.sources_create!,
    workflows: () => made.workflows_sync!,
    schedules: () => made.schedules_create!,
    tasks: () => made.workflows_run!,
  }
  /** What a reader has to bring about for the next to make sense. */
  const before: Record<string, () => Promise<unknown>> = {
    tasks_cancel: async () => {
      await stub.set({ slow: 'held' })
      made.workflows_run = (
        await call('POST', `/api/v1/workflows/${made.workflows_sync}/run?wait=false`, { input_value: 'x' })
      ).json.id!
    },
    tasks_retry: async () => {
      stub.clearSwitches()
      stub.release()
      await until(
        () => call('GET', `/api/v1/tasks/${made.workflows_run}`),
        ({ json }) => 'status' in json && json.status === 'cancelled',
      )
    },
  }
  const there = (text: string) =>
    text
      .replaceAll('http://localhost:7860', stub.url)
      .replaceAll('019aa000-0000-7000-8000-000000000000', made.workflows_sync ?? '')

  for (const { path, method, operationId, parameters, requestBody, responses } of operations.toSorted(
    (a, b) => rank(a.operationId) - rank(b.operationId),
  )) {
    const needed = parameters.filter((one) => one.in === 'path' || one.required)
    for (const one of needed)
      expect([operationId, one.name, one.example]).toEqual([operationId, one.name, expect.any(String)])
    const query = new URLSearchParams(
      needed.filter((one) => one.in === 'query').map((one): [string, string] => [one.name, String(one.example)]),
    ).toString()
    await before[operationId]?.()
    const [, , , group = ''] = path.split('/')
    const filled = path.replace('{flow_id}', stub.flows.echo).replace('{id}', () => idFor[group]!())
    const json = requestBody?.content['application/json']
    if (json) expect([operationId, json.example]).toEqual([operationId, expect.anything()])

    const { status, json: answer } = await call(
      method,
      `${filled}${query && `?${query}`}`,
      json && JSON.parse(there(JSON.stringify(json.example))),
    )
    const good = Object.keys(responses).filter((code) => code.startsWith('2'))
    expect([operationId, good.includes(String(status)), answer.detail]).toEqual([operationId, true, undefined])
    if (answer.id) made[operationId] = answer.id
  }
})
