import { checkedJsonText, CreateSchedule, RunRequest, withSources, writeJson } from '@automagik-spark/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { clear, until, useStack } from './stack.ts'

/** Numbers, keys, escapes and space that no parsed value keeps. */
const SOURCES = [
  '{"chat_id": 1234567890123456789}',
  '{ "2" :1.10, "1": -0, "n": [1E400 , 1e-7, 0.10000000000000000555], "a":1,"a": 2, "__proto__": {"x":1} }',
  '{"s":"\\u00e9\\/\\u0000\\ud800 ü 🚀","\\u0061":null}',
  '[12345678901234567890, {"b":1,"a":2}]',
  '-0.0',
  '"\\u00e9\\/"',
]

const stack = useStack()
let workflow_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync('webhook')).workflow.id
  await stack.addWorker()
  await stack.stub.set({ answer: '{"outputs":[]}' })
})

/** A request as the API reads it. */
const read = (json: string): unknown => {
  const { value, text } = checkedJsonText(json)
  return withSources(value, text)
}
const shown = (source: string): string => (source.startsWith('{') ? source : `{"value":${source}}`)
const taskText = async (id: string): Promise<string> => (await stack.jsonTasks.get(id)).json_text
const over = (id: string) =>
  until(
    () => stack.engine.tasks.get(id),
    ({ status }) => status !== 'pending' && status !== 'running',
  )

describe.each(SOURCES)('an input like %s', (source) => {
  // What Langflow gets of it: a webhook wants an object as text, and takes a backslash before an n for a line break.
  const sent = source.startsWith('{') ? source : `{"payload":${source}}`

  it('is shown, and given to the flow, as it was written', async () => {
    const { task } = await stack.raw.workflows.run(
      workflow_id,
      RunRequest.parse(read(`{ "input_value": ${source}, "session_id": "mine" }`)),
      { wait: false },
    )
    expect(writeJson(task)).toContain(`"input_data":${shown(source)}`)
    expect(await over(task.id)).toMatchObject({ status: 'completed' })
    expect(await taskText(task.id)).toContain(`"input_data":${shown(source)},`)
    expect((stack.stub.runs.at(-1)!.tweaks as Record<string, { data: string }>)['Webhook-webhook1']!.data).toBe(sent)

    const replay = await stack.engine.tasks.replay(task.id, {})
    expect(await taskText(replay.id)).toContain(`"input_data":${shown(source)},`)
    await over(replay.id)
    expect((stack.stub.runs.at(-1)!.tweaks as Record<string, { data: string }>)['Webhook-webhook1']!.data).toBe(sent)
  })

  it('and tweaks like it stay so in a schedule and in its runs', async () => {
    // What Langflow could not read in tweaks is refused.
    const tweaks = `{"ChatOutput-webhook2": {"sender_name": { "value": ${source.replace('1E400', '1E40').replace('\\ud800', '')}} } }`
    const body = read(
      `{"workflow_id": "${workflow_id}", "schedule_type": "one-time", "schedule_expr": "now", "input_value": ${source} , "tweaks":${tweaks}}`,
    )
    const schedule = await stack.raw.schedules.create(CreateSchedule.parse(body))
    for (const one of [
      schedule,
      await stack.raw.schedules.get(schedule.id),
      await stack.raw.schedules.update(schedule.id, { name: 'edited' }),
    ]) {
      expect(writeJson(one)).toContain(`"input_value":${source},`)
      expect(writeJson(one)).toContain(`"tweaks":${tweaks},`)
    }
    const { items } = await until(
      () => stack.engine.tasks.list({ limit: 1, offset: 0, schedule_id: schedule.id }),
      ({ items: [task] }) => task?.finished_at != null,
    )
    expect(await taskText(items[0]!.id)).toContain(`"input_data":${shown(source)},`)
    const { rows } = await stack.db.sql.query<{ tweaks: string }>('SELECT tweaks FROM tasks WHERE id = $1', [
      items[0]!.id,
    ])
    expect(rows).toEqual([{ tweaks }])
    await clear(stack, 'schedules')
  })
})

describe('an answer', () => {
  it.each(SOURCES.filter((source) => !source.startsWith('"')))(
    'like %s is kept and shown as its server wrote it, and so is the part of it that is its result',
    async (source) => {
      const answer = `{ "session_id":"s","outputs":[{"outputs":[{"results":{"data":{"text_key":"t","data": ${source}}}}]}]}`
      for (const padding of ['', ' '.repeat(10_000)]) {
        await stack.stub.set({ answer: answer.replace('{ ', `{ ${padding}`) })
        const { task } = await stack.engine.workflows.run(workflow_id, 'x', { wait: true })
        expect(await taskText(task.id)).toContain(
          `"output_data":{"result":${JSON.stringify(source)},"answer":${answer.replace('{ ', `{ ${padding}`)}}`,
        )
      }
    },
  )
})

it('a JSON string alone is the input as it was written', async () => {
  const source = '"\\u00e9\\/ \\ud83d\\ude00"'
  const { task } = await stack.raw.workflows.run(workflow_id, RunRequest.parse(read(source)), { wait: true })
  expect(writeJson(task)).toContain(`"input_data":{"value":${source}}`)
})
