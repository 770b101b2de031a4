import { join } from 'node:path'
import type { Workflow } from '@automagik-spark/sdk'
import { RawJson } from '@automagik-spark/sdk'
import type { StubLangflow } from '@automagik-spark/testing'
import { startStubLangflow } from '@automagik-spark/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestSpark } from './spark.ts'
import { CLI, removeDir, run, startSpark, tempDir, until } from './spark.ts'

const KEY = 'sk-e2e-0123456789'
const dir = tempDir()
let stub: StubLangflow
let spark: TestSpark
let webhook: Workflow
beforeAll(async () => {
  stub = await startStubLangflow({ key: KEY })
  spark = await startSpark(dir)
  await spark.client.sources.create({ url: stub.url, api_key: KEY })
  webhook = await spark.client.workflows.sync(stub.flows.webhook)
})
afterAll(async () => {
  await spark?.stop()
  await stub?.close()
  removeDir(dir)
})

const answerWith = (source: string): string =>
  `{"outputs":[{"outputs":[{"results":{"data":{"text_key":"t","data": ${source}}}}]}], "session_id":"s"}`
const taken = (): string => (stub.runs.at(-1)!.tweaks as Record<string, { data: string }>)['Webhook-webhook1']!.data
const rest = async (path: string, body?: string): Promise<string> =>
  (
    await fetch(`${spark.url}/api/v1${path}`, {
      ...(body !== undefined && { method: 'POST', body }),
      headers: { 'X-API-Key': spark.key, 'Content-Type': 'application/json' },
    })
  ).text()

/** JSON objects as no parser keeps them, made anew from a seed. */
const sources = (count: number): string[] => {
  let seed = 17
  const random = (n: number): number => ((seed = (seed * 1103515245 + 12345) % 2147483648), seed % n)
  const pick = <T>(...choices: T[]): T => choices[random(choices.length)]!
  const space = () => pick('', '', ' ', '\t', '\r\n  ')
  const text = () =>
    `"${Array.from({ length: random(6) }, () => pick('a', 'é', '\\u00e9', '\\/', '/', '\\"', '\\u0000', '🚀', '\\ud83d\\ude00', ' ', '{', ']')).join('')}"`
  const number = () =>
    pick(
      '1234567890123456789',
      '-9007199254740993',
      '1.10',
      '-0',
      '1E400',
      '1e-7',
      '0.10000000000000000555',
      '3',
      '100000000000000000000.50',
    )
  const key = () => pick('"a"', '"2"', '"1"', '"__proto__"', '"input_value"', '"constructor"', '"\\u0061"', text())
  const value = (depth: number): string => {
    const kind = random(depth > 3 ? 3 : 5)
    if (kind < 2) return number()
    if (kind === 2) return pick(text(), 'true', 'null')
    const parts = Array.from(
      { length: random(4) },
      () => `${space()}${kind === 3 ? '' : `${key()}${space()}:${space()}`}${value(depth + 1)}${space()}`,
    )
    return kind === 3 ? `[${parts.join(',')}]` : object(parts)
  }
  const object = (parts: string[]): string => `{${parts.join(',') || space()}}`
  return Array.from({ length: count }, () =>
    object(Array.from({ length: 1 + random(4) }, () => `${space()}${key()}${space()}:${space()}${value(1)}${space()}`)),
  )
}

it('every digit, key and escape comes to the flow, and back from it, whatever the JSON is', async () => {
  for (const source of sources(25)) {
    await stub.set({ answer: answerWith(source) })
    const answer = await rest(`/workflows/${webhook.id}/run`, `{"input_value" : ${source} }`)
    const { id, status } = JSON.parse(answer) as { id: string; status: string }
    expect(status).toBe('completed')
    expect(taken()).toBe(source)
    for (const shown of [answer, await rest(`/tasks/${id}`), await rest('/tasks?limit=1')]) {
      expect(shown).toContain(`"input_data":${source},`)
      expect(shown).toContain(`"output_data":{"result":${JSON.stringify(source)},"answer":${answerWith(source)}},`)
    }
  }
})

it('long numbers come through the client in both directions', async () => {
  await stub.set({ answer: answerWith('{"id": 1234567890123456789, "big": 1E400, "n": 1.5}') })
  const task = await spark.client.workflows.run(webhook.id, {
    chat_id: 1234567890123456789n,
    big: new RawJson('1E400'),
    n: 1.5,
  })
  expect(taken()).toBe('{"chat_id":1234567890123456789,"big":1E400,"n":1.5}')
  expect(task.input_data).toEqual({ chat_id: 1234567890123456789n, big: new RawJson('1E400'), n: 1.5 })
  expect(task.output_data).toMatchObject({
    answer: {
      outputs: [
        { outputs: [{ results: { data: { data: { id: 1234567890123456789n, big: new RawJson('1E400'), n: 1.5 } } } }] },
      ],
    },
  })
  expect(await spark.client.tasks.get(task.id)).toEqual(task)
})

it('they do so through schedules, replays and the command line', async () => {
  const source = '{ "2":1.10, "1" :1234567890123456789,"a":1,"a":2 }'
  const spk = async (...args: string[]): Promise<string> => {
    const running = run(CLI, args, { env: { SPARK_DATA_DIR: join(dir, 'data') }, cwd: dir })
    expect({ code: await running.exited, text: running.output() }).toMatchObject({ code: 0 })
    return running.output()
  }
  const created = JSON.parse(
    await spk('schedules', 'create', '--workflow', webhook.id, '--at', 'now', '--json-input', source, '--json'),
  ) as { id: string }
  await until(
    () => spark.client.schedules.get(created.id),
    ({ status }) => status === 'completed',
  )
  const { items } = await until(
    () => spark.client.tasks.list({ schedule_id: created.id }),
    ({ items: [task] }) => task?.status === 'completed',
  )
  expect(taken()).toBe(source)
  expect(await rest(`/schedules/${created.id}`)).toContain(`"input_value":${source},`)
  const replay = await spark.client.tasks.replay(items[0]!.id)
  await spark.client.tasks.wait(replay.id)
  expect(taken()).toBe(source)
  expect(await spk('tasks', 'get', replay.id)).toContain(source)
  expect(await spk('tasks', 'get', replay.id, '--json')).toContain(
    '"input_data": {\n    "2": 1.10,\n    "1": 1234567890123456789,\n    "a": 1,\n    "a": 2\n  }',
  )
})
