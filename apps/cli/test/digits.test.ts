import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FakeApi, ids, KEY, schedule, startFakeApi, task } from './fake-api.ts'
import { invoke } from './invoke.ts'

/** JSON that changes when it is parsed and written again. */
const SOURCE = '{ "chat_id": 1234567890123456789, "2":1.10, "1": -0, "big": 1E400, "a":1,"a":2, "s": "\\u00e9\\/" }'
const PRETTY = [
  '"chat_id": 1234567890123456789',
  '"2": 1.10',
  '"1": -0',
  '"big": 1E400',
  '"a": 1',
  '"a": 2',
  '"s": "\\u00e9\\/"',
]

let api: FakeApi
beforeAll(async () => {
  api = await startFakeApi()
})
beforeEach(() => api.reset())
afterAll(() => api.stop())

const spark = async (...args: string[]) => {
  const done = await invoke(args, { env: { SPARK_API_URL: api.url, SPARK_API_KEY: KEY } })
  expect(done).toMatchObject({ code: 0 })
  return done.stdout
}
const withInput = (thing: object, field: string): string =>
  JSON.stringify({ ...thing, [field]: 'HERE' }).replace('"HERE"', SOURCE)
const inOrder = (text: string, parts: string[]): void => {
  let at = 0
  for (const part of parts) {
    const found = text.indexOf(part, at)
    expect({ part, found: found >= at }).toEqual({ part, found: true })
    at = found + part.length
  }
}

describe('what is typed', () => {
  it.each([
    [
      'an input that is not text',
      ['workflows', 'run', ids.workflow, '--json-input', SOURCE, '--no-wait'],
      `"input_value":${SOURCE}`,
    ],
    [
      'tweaks',
      ['workflows', 'run', ids.workflow, 'x', '--tweaks', `{"P-1":${SOURCE}}`, '--no-wait'],
      `"tweaks":{"P-1":${SOURCE}}`,
    ],
    [
      'the input of a schedule',
      ['schedules', 'create', '--workflow', ids.workflow, '--every', '1h', '--json-input', SOURCE],
      `"input_value":${SOURCE}`,
    ],
    ['another input for a replay', ['tasks', 'replay', ids.task, '--json-input', SOURCE], `"input_value":${SOURCE}`],
    ['a text', ['workflows', 'run', ids.workflow, SOURCE, '--no-wait'], `"input_value":${JSON.stringify(SOURCE)}`],
  ])('as %s is sent as it is', async (_, args, expected) => {
    await spark(...args)
    expect(api.received.find(({ method }) => method === 'POST')!.text).toContain(expected)
  })
})

describe('what the server wrote', () => {
  it.each([
    ['one run', ['tasks', 'get', ids.task], withInput(task, 'output_data')],
    ['one schedule', ['schedules', 'get', ids.schedule], withInput(schedule, 'input_value')],
    [
      'a list',
      ['tasks', 'list'],
      `{"items": [${withInput(task, 'output_data')} ],"total":1,"limit":50,"offset":0,"has_more":false,"next_cursor":null}`,
    ],
  ])('is printed with every digit, key and escape: %s', async (_, args, text) => {
    api.answer(() => ({ text }))
    const printed = await spark(...args, '--json')
    inOrder(printed, PRETTY)
    expect(printed).toMatch(/^[[{]\n {2}/)
  })
  it('is also shown unchanged on one line', async () => {
    api.answer(() => ({ text: withInput(task, 'output_data') }))
    expect(await spark('tasks', 'get', ids.task)).toContain(SOURCE)
  })
  it('is the answer of a run that has no text', async () => {
    api.answer(({ path }) => (path.includes('/tasks/') ? { text: withInput(task, 'output_data') } : undefined))
    inOrder(await spark('workflows', 'run', ids.workflow, 'x'), PRETTY)
  })
})
