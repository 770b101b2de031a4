import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { madeGraph, startStubHive } from '@automagik-spark/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { newSchedule, type Stack, useStack } from './stack.ts'

const stack = useStack()
beforeAll(async () => {
  await stack.sync()
  await stack.addWorker()
})

const SAVED = 'Write the daily report.'
const chat = (stored = SAVED) =>
  madeGraph(
    'ChatInput-1 TextInput-4 Prompt-2 ChatOutput-3 ChatInput-1>Prompt-2 TextInput-4>Prompt-2>persona Prompt-2>ChatOutput-3',
    {
      'ChatInput-1': { stored, name: 'Chat Input', fields: { sender: '' } },
      'TextInput-4': { name: 'Persona' },
    },
  )
const syncOf = async (flow_id: string) => {
  const synced = await stack.engine.workflows.sync(flow_id, {})
  if (!('workflow' in synced)) throw new Error('one flow was asked for')
  return synced.workflow
}
type Request = Parameters<Stack['engine']['workflows']['run']>[1]
const run = async (workflow_id: string, request: Request) =>
  (await stack.engine.workflows.run(workflow_id, request, { wait: true })).task
const notesOf = async (task_id: string) =>
  (await stack.engine.tasks.logs(task_id, { limit: 50, offset: 0 })).items
    .filter(({ type }) => type === 'note')
    .map(({ message }) => message)

describe('a run without input', () => {
  it.each<[string, Request, string]>([
    ['none at all', {}, SAVED],
    ['null', { input_value: null }, SAVED],
    ['an empty text, which is sent', { input_value: '' }, ''],
    ['none, and a tweak of the input', { tweaks: { 'ChatInput-1': { input_value: 'by tweak' } } }, 'by tweak'],
  ])('of a Langflow flow uses what the flow holds: %s', async (_, request, result) => {
    const { id } = await syncOf(stack.stub.made.make('saved', chat()))
    expect(await run(id, request)).toMatchObject({ status: 'completed', output_data: { result } })
  })
  it('is what a schedule without input makes, and a replay with null', async () => {
    const { id } = await syncOf(stack.stub.made.make('saved', chat()))
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id: id, schedule_expr: '1h' }))
    const task = await stack.engine.schedules.run(schedule.id)
    await expect.poll(async () => (await stack.engine.tasks.get(task.id)).status).toBe('completed')
    expect((await stack.engine.tasks.get(task.id)).output_data).toMatchObject({ result: SAVED })
    const given = await run(id, { input_value: 'given' })
    const replay = await stack.engine.tasks.replay(given.id, { input_value: null })
    await expect.poll(async () => (await stack.engine.tasks.get(replay.id)).status).toBe('completed')
    expect(await stack.engine.tasks.get(replay.id)).toMatchObject({
      input_data: { value: null },
      output_data: { result: SAVED },
    })
  })
})

describe('an input and a tweak on the same field', () => {
  const both = (tweak: string) =>
    `tweaks.${tweak}: is the field that input_value fills: leave one of the two out; input_value: goes to the field that the tweak ${tweak} sets: leave one of the two out`
  it.each<[string, Record<string, unknown>, string]>([
    ['by id', { 'ChatInput-1': { input_value: 'x' } }, 'ChatInput-1.input_value'],
    ['by display name', { 'Chat Input': { input_value: 'x' } }, 'Chat Input.input_value'],
    ['by a tweak of all components', { input_value: 'x' }, 'input_value'],
  ])('are refused with a sentence that names both: %s', async (_, tweaks, name) => {
    const { id } = await syncOf(stack.stub.made.make('both', chat()))
    await expect(run(id, { input_value: 'hi', tweaks })).rejects.toMatchObject({
      code: 'invalid',
      message: both(name),
      errors: [{ path: `tweaks.${name}` }, { path: 'input_value' }],
    })
    await expect(run(id, { input_value: '', tweaks })).rejects.toMatchObject({ code: 'invalid' })
    await expect(
      stack.engine.schedules.create(newSchedule({ workflow_id: id, input_value: 'hi', tweaks })),
    ).rejects.toMatchObject({ code: 'invalid' })
    expect((await run(id, { tweaks })).status).toBe('completed')
    const schedule = await stack.engine.schedules.create(newSchedule({ workflow_id: id, schedule_expr: '1h', tweaks }))
    await expect(stack.engine.schedules.update(schedule.id, { input_value: 'hi' })).rejects.toMatchObject({
      code: 'invalid',
    })
    await expect(
      stack.engine.tasks.replay((await run(id, { tweaks })).id, { input_value: 'hi' }),
    ).rejects.toMatchObject({ code: 'invalid' })
  })
  it('are fine on different inputs: each gets its own', async () => {
    const { id } = await syncOf(stack.stub.made.make('different', chat()))
    expect(
      await run(id, { input_value: 'hi', tweaks: { Persona: { input_value: 'You are a pirate.' } } }),
    ).toMatchObject({ status: 'completed', output_data: { result: expect.stringContaining('hi') } })
    expect(stack.stub.runs.at(-1)).toMatchObject({ tweaks: { Persona: { input_value: 'You are a pirate.' } } })
  })
})

describe('a tweak without a place in the flow', () => {
  it('is refused, with what there is', async () => {
    const { id } = await syncOf(stack.stub.made.make('no place', chat()))
    const refused = (tweaks: Record<string, unknown>, message: string) =>
      expect(run(id, { input_value: 'hi', tweaks })).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining(message),
      })
    await refused(
      { 'ChatInput-9': { sender: 'x' } },
      'tweaks: the flow lacks a component "ChatInput-9", by id or by display name, and its server would ignore that tweak. Its components are ChatInput-1 ("Chat Input"), TextInput-4 ("Persona")',
    )
    await refused({ 'ChatInput-1': { sendr: 'x' } }, 'a field "sendr" in ChatInput-1')
    await refused({ temperature: '0.5' }, 'a field "temperature" in any component')
    await refused({ temperature: 0.5 }, 'tweaks.temperature: must be a text, or an object')
    await expect(
      stack.engine.schedules.create(newSchedule({ workflow_id: id, tweaks: { 'ChatInput-9': {} } })),
    ).rejects.toMatchObject({ code: 'invalid' })
    expect((await run(id, { input_value: 'hi', tweaks: { 'ChatInput-1': { sender: 'x' } } })).status).toBe('completed')
  })
  it('is taken when the flow has one by now although its copy does not, and noted in the log', async () => {
    const { id } = await syncOf(
      stack.stub.made.make('by now', madeGraph('ChatInput-1 ChatOutput-3 ChatInput-1>ChatOutput-3')),
    )
    stack.stub.made.make('by now', chat())
    const task = await run(id, { input_value: 'hi', tweaks: { Persona: { input_value: 'x' } } })
    expect(task.status).toBe('completed')
    expect(await notesOf(task.id)).toEqual([
      expect.stringContaining('A tweak has no place in the flow as it was synced'),
    ])
  })
  it('is taken when the flow cannot be read, and noted in the log', async () => {
    const { id } = await syncOf(stack.stub.made.make('cannot be read', chat()))
    await stack.stub.set({ failing: 502 }, 'all')
    await stack.stub.set({ failing: null }, 'runs')
    const task = await run(id, { input_value: 'hi', tweaks: { 'ChatInput-9': { sender: 'x' } } })
    stack.stub.clearSwitches()
    expect(task.status).toBe('completed')
    expect(await notesOf(task.id)).toEqual([expect.stringContaining('it lacks a component "ChatInput-9"')])
  })
  it('that was stored before still runs, and an edit of another field does not check it', async () => {
    const flow = stack.stub.made.make('stored', chat())
    const { id } = await syncOf(flow)
    const schedule = await stack.engine.schedules.create(
      newSchedule({
        workflow_id: id,
        schedule_expr: '1h',
        input_value: 'hi',
        tweaks: { Persona: { input_value: 'x' } },
      }),
    )
    stack.stub.made.make('stored', madeGraph('ChatInput-1 ChatOutput-3 ChatInput-1>ChatOutput-3'))
    await syncOf(flow)
    expect(
      await stack.engine.schedules.update(schedule.id, {
        schedule_expr: '2h',
        tweaks: { Persona: { input_value: 'x' } },
      }),
    ).toMatchObject({ schedule_expr: '2h' })
    await expect(
      stack.engine.schedules.update(schedule.id, { tweaks: { Persona: { input_value: 'y' } } }),
    ).rejects.toMatchObject({ code: 'invalid' })
    const task = await stack.engine.schedules.run(schedule.id)
    await expect.poll(async () => (await stack.engine.tasks.get(task.id)).status).toBe('completed')
    expect(await notesOf(task.id)).toEqual([expect.stringContaining('it lacks a component "Persona"')])
  })
})

/** An AgentOS that looks at the form before the agent, as newer FastAPI does, whatever its agno is called. */
const startStrict = async () => {
  const server = createServer((request, response) => {
    let body = ''
    request
      .setEncoding('utf8')
      .on('data', (piece: string) => (body += piece))
      .on('end', () => {
        const [status, answer] =
          request.url === '/'
            ? [200, { name: 'AgentOS API', version: '1.0.0' }]
            : request.url === '/health'
              ? [200, { status: 'ok' }]
              : request.url === '/agents'
                ? [200, [{ id: 'strict', name: 'Strict' }]]
                : request.method === 'GET' && request.url === '/agents/strict'
                  ? [200, { id: 'strict', name: 'Strict' }]
                  : request.method === 'POST' && new URLSearchParams(body).get('message') === ''
                    ? [422, { detail: [{ loc: ['body', 'message'], type: 'missing', msg: 'Field required' }] }]
                    : request.method === 'POST' && request.url === '/agents/strict/runs'
                      ? [200, { status: 'COMPLETED', content: 'said' }]
                      : [404, { detail: 'Not Found' }]
        response.writeHead(Number(status), { 'content-type': 'application/json' }).end(JSON.stringify(answer))
      })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(resolve)
      }),
  } // listening on TCP
}

describe('a run of Hive', () => {
  it('without input is refused when it is made where the server refuses that, whatever version it tells', async () => {
    const strict = await startStrict()
    await stack.engine.sources.create({ url: strict.url, max_concurrency: 40 })
    const { id } = await syncOf('agent:strict')
    const message = 'input_value: must not be empty: this server refuses an empty message'
    await expect(run(id, {})).rejects.toMatchObject({ code: 'invalid', message })
    await expect(run(id, { input_value: '' })).rejects.toMatchObject({ message })
    await expect(stack.engine.schedules.create(newSchedule({ workflow_id: id }))).rejects.toMatchObject({ message })
    expect(await run(id, { input_value: 'hi' })).toMatchObject({ status: 'completed' })
    await strict.close()
  })
  it('is refused with any tweak, and with a message that its form cannot carry, when it is made', async () => {
    const hive = await startStubHive()
    await stack.engine.sources.create({ url: hive.url, api_key: hive.key, max_concurrency: 40 })
    const { id } = await syncOf('agent:echo-agent')
    await expect(run(id, { input_value: 'hi', tweaks: { a: { b: 1 } } })).rejects.toMatchObject({
      message: 'tweaks: must be left out: the agent has no components that they could change',
    })
    await expect(
      stack.engine.schedules.create(newSchedule({ workflow_id: id, input_value: 'é'.repeat(500_000) })),
    ).rejects.toMatchObject({ message: expect.stringContaining('input_value: has 3000000 bytes as a form sends it') })
    expect(await run(id, { tweaks: {} })).toMatchObject({ status: 'completed' })
    await hive.close()
  })
})
