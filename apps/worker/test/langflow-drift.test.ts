import { madeGraph } from '@automagik-spark/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { until, useStack } from './stack.ts'

const stack = useStack()
beforeAll(async () => {
  await stack.sync()
  await stack.addWorker()
})

const syncOf = async (flow_id: string, wanted: { input_component?: string; output_component?: string } = {}) => {
  const synced = await stack.engine.workflows.sync(flow_id, wanted)
  if (!('workflow' in synced)) throw new Error('one flow was asked for')
  return synced.workflow
}
const run = async (workflow_id: string, timeout = 30) =>
  (await stack.engine.workflows.run(workflow_id, { input_value: 'hello', timeout }, { wait: true })).task
const notesOf = async (task_id: string) =>
  (await stack.engine.tasks.logs(task_id, { limit: 50, offset: 0 })).items
    .filter(({ type }) => type === 'note')
    .map(({ message }) => message)
const readsOf = (flow_id: string) =>
  stack.stub.calls.filter(({ method, path }) => method === 'GET' && path === `/api/v1/flows/${flow_id}`).length
const webhook = (id: string) => madeGraph(`${id} ChatOutput-2 ${id}>ChatOutput-2`)
const HELLO = { status: 'completed', output_data: { result: '{"payload":"hello"}' } }

describe('a flow whose input travels as an input, changed at its server', () => {
  const chat = (id: string, output = 'ChatOutput-2') => madeGraph(`${id} ${output} ${id}>${output}`)

  it.each([
    ['another part with a webhook', 'Webhook-8 ChatOutput-9 Webhook-8>ChatOutput-9', '{"payload":"hello"}'],
    ['a webhook that is connected to nothing', 'Webhook-8', null],
  ])(
    'does not complete without its input after it got %s, and gets it where it runs now',
    async (name, more, result) => {
      const id = stack.stub.made.make(name, chat('ChatInput-1'))
      const workflow = await syncOf(id)
      stack.stub.made.make(name, madeGraph(`ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2 ${more}`))
      expect(await run(workflow.id)).toMatchObject({
        status: 'failed',
        error_code: 'bad_answer',
        error: expect.stringContaining('its input did not reach it: Langflow starts at Webhook-8 now'),
      })
      const change =
        'The flow was changed at its server since it was synced: the input goes to Webhook-8 instead of ChatInput-1.'
      if (result === null)
        return void (await until(
          () => stack.engine.workflows.get(workflow.id),
          ({ warnings }) => warnings.some((warning) => warning.includes('nothing that runs after it is an output')),
        ))
      await until(
        () => stack.engine.workflows.get(workflow.id),
        ({ warnings, input_component }) => warnings.includes(change) && input_component === 'Webhook-8',
      )
      expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result } })
    },
  )
  it.each([{}, { output_component: 'ChatOutput-2' }])(
    'does not complete without its input after a webhook took the place of its chat before the same output, and gets it there then: %j',
    async (chosen) => {
      const name = `same output ${JSON.stringify(chosen)}`
      const id = stack.stub.made.make(name, chat('ChatInput-1'))
      const workflow = await syncOf(id, chosen)
      stack.stub.made.make(name, madeGraph('Webhook-8 Prompt-5 ChatOutput-2 Webhook-8>Prompt-5 Prompt-5>ChatOutput-2'))
      expect(await run(workflow.id)).toMatchObject({
        status: 'failed',
        error_code: 'bad_answer',
        error: expect.stringContaining('its input did not reach it: Langflow starts at Webhook-8 now'),
      })
      await until(
        () => stack.engine.workflows.get(workflow.id),
        ({ input_component }) => input_component === 'Webhook-8',
      )
      expect(await run(workflow.id)).toMatchObject({
        status: 'completed',
        output_data: { result: '{"payload":"hello"}' },
      })
    },
  )
  it('completes with a component more on the way of its input, and is read once for that', async () => {
    const id = stack.stub.made.make('one more', chat('ChatInput-1'))
    const workflow = await syncOf(id)
    stack.stub.made.make(
      'one more',
      madeGraph('ChatInput-1 Prompt-5 ChatOutput-2 ChatInput-1>Prompt-5 Prompt-5>ChatOutput-2'),
    )
    const before = readsOf(id)
    for (let i = 0; i < 2; i++)
      expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
    expect(readsOf(id) - before).toBe(1)
    expect((await stack.engine.workflows.get(workflow.id)).warnings).toEqual([])
  })
  it('does not follow to a webhook that leads nowhere', async () => {
    const id = stack.stub.made.make('lone', webhook('Webhook-1'))
    const workflow = await syncOf(id)
    stack.stub.made.make('lone', madeGraph('ChatInput-1 ChatOutput-2 Webhook-8 ChatInput-1>ChatOutput-2'))
    expect(await run(workflow.id)).toMatchObject({
      status: 'failed',
      error_code: 'bad_request',
      error: expect.stringContaining('the input would go to Webhook-8, and nothing that runs after it is an output'),
    })
  })
  it('completes by the input and the output that replaced the old ones, which is noted, and the copy follows', async () => {
    const id = stack.stub.made.make('replaced chat', chat('ChatInput-1'))
    const workflow = await syncOf(id)
    stack.stub.made.make('replaced chat', chat('ChatInput-7', 'ChatOutput-8'))
    const task = await run(workflow.id)
    expect(task).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
    expect(await notesOf(task.id)).toEqual([
      'The flow was changed at its server since it was synced: the input goes to ChatInput-7 instead of ChatInput-1.',
    ])
    await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ input_component }) => input_component === 'ChatInput-7',
    )
  })
  it('is read after a run whose router went to no output, and completes as it did', async () => {
    const id = stack.stub.made.make(
      'routed',
      madeGraph('ChatInput-1 Router-2 ChatOutput-3 ChatInput-1>Router-2 Router-2>ChatOutput-3'),
    )
    const workflow = await syncOf(id)
    expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: '' } })
    expect((await stack.engine.workflows.get(workflow.id)).warnings).toEqual([])
  })
})

describe('a flow that runs without an input, changed at its server', () => {
  const chat = 'ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2'
  const saved = {
    'ChatInput-1': { stored: 'saved text' },
    'ChatInput-7': { stored: 'saved text' },
    'Prompt-1': { stored: 'saved text' },
    'Prompt-7': { stored: 'saved text' },
  }
  const bare = async (workflow_id: string) =>
    (await stack.engine.workflows.run(workflow_id, { timeout: 30 }, { wait: true })).task
  const change = (what: string) => `The flow was changed at its server since it was synced: ${what}.`

  it.each([
    [
      'a webhook part beside a chat',
      chat,
      `${chat} Webhook-8 ChatOutput-9 Webhook-8>ChatOutput-9`,
      'Webhook-8 instead of ChatInput-1',
      'the input goes to Webhook-8 instead of ChatInput-1',
      '{}',
    ],
    [
      'a chat before the chat',
      chat,
      `ChatInput-7 ChatOutput-8 ${chat} ChatInput-7>ChatOutput-8`,
      'ChatInput-7 instead of ChatInput-1',
      'the input goes to ChatInput-7 instead of ChatInput-1',
      'saved text',
    ],
    [
      'a webhook part that the chat feeds',
      chat,
      `${chat} Webhook-8 Prompt-5 ChatOutput-9 Webhook-8>Prompt-5 ChatInput-1>Prompt-5>template Prompt-5>ChatOutput-9`,
      'Webhook-8 instead of ChatInput-1',
      'Langflow starts at Webhook-8 instead of ChatInput-1',
      '{} saved text',
    ],
    [
      'a chat beside what ran whole',
      'Prompt-1 ChatOutput-2 Prompt-1>ChatOutput-2',
      'Prompt-1 ChatOutput-2 Prompt-1>ChatOutput-2 ChatInput-7 ChatOutput-8 ChatInput-7>ChatOutput-8',
      'ChatInput-7',
      'Langflow starts at ChatInput-7',
      'saved text',
    ],
  ])(
    'does not complete with the text of another component after it got %s, and its copy follows',
    async (name, before, after, starts, said, result) => {
      const id = stack.stub.made.make(`bare ${name}`, madeGraph(before, saved))
      const workflow = await syncOf(id)
      expect(await bare(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: 'saved text' } })
      stack.stub.made.make(`bare ${name}`, madeGraph(after, saved))
      expect(await bare(workflow.id)).toMatchObject({
        status: 'failed',
        error_code: 'bad_answer',
        error: expect.stringContaining(`another part of it runs now: Langflow starts at ${starts}`),
      })
      await until(
        () => stack.engine.workflows.get(workflow.id),
        ({ warnings, flow_version }) => warnings.includes(change(said)) && flow_version === 2,
      )
      expect(await bare(workflow.id)).toMatchObject({ status: 'completed', output_data: { result } })
    },
  )
  it('does not complete when a part runs now that was there and did not run, since the one that ran is gone', async () => {
    const id = stack.stub.made.make(
      'bare rest',
      madeGraph(`${chat} Prompt-1 ChatOutput-4 Prompt-1>ChatOutput-4`, saved),
    )
    const workflow = await syncOf(id)
    stack.stub.made.make('bare rest', madeGraph('Prompt-1 ChatOutput-4 Prompt-1>ChatOutput-4', saved))
    expect(await bare(workflow.id)).toMatchObject({
      status: 'failed',
      error_code: 'bad_answer',
      error: expect.stringContaining('another part of it runs now: nothing in it takes an input'),
    })
    await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ warnings }) => warnings.some((warning) => warning.includes('nothing else takes the input')),
    )
  })
  it.each([
    [
      'chat and output are others of their kind',
      chat,
      'ChatInput-7 ChatOutput-8 ChatInput-7>ChatOutput-8',
      [change('the input goes to ChatInput-7 instead of ChatInput-1')],
    ],
    [
      'all that ran whole is replaced',
      'Prompt-1 ChatOutput-2 Prompt-1>ChatOutput-2',
      'Prompt-7 ChatOutput-8 Prompt-7>ChatOutput-8',
      [],
    ],
    ['the answer leaves by another output', chat, 'ChatInput-1 ChatOutput-2 ChatOutput-8 ChatInput-1>ChatOutput-8', []],
  ])('completes as before when %s', async (name, before, after, notes) => {
    const id = stack.stub.made.make(`bare ${name}`, madeGraph(before, saved))
    const workflow = await syncOf(id)
    stack.stub.made.make(`bare ${name}`, madeGraph(after, saved))
    const task = await bare(workflow.id)
    expect(task).toMatchObject({ status: 'completed', output_data: { result: 'saved text' } })
    expect(await notesOf(task.id)).toEqual(notes)
  })
})

describe('a flow that answers with an empty text', () => {
  const silent = madeGraph('ChatInput-1 Silent-5 ChatOutput-2 ChatInput-1>Silent-5 Silent-5>ChatOutput-2', {
    'Silent-5': { fields: { code: 'return ""' } },
  })
  const EMPTY = { status: 'completed', output_data: { result: '' } }

  it('is streamed from the next run on when it was changed at its server so that it only streams, which the log says', async () => {
    const id = stack.stub.made.make('became streaming', madeGraph('ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2'))
    const workflow = await syncOf(id)
    expect(await run(workflow.id)).toMatchObject({ output_data: { result: 'hello' } })
    stack.stub.made.make(
      'became streaming',
      madeGraph('ChatInput-1 Streams-5 ChatOutput-2 ChatInput-1>Streams-5 Streams-5>ChatOutput-2'),
    )
    const first = await run(workflow.id)
    expect(first).toMatchObject(EMPTY)
    const said =
      'The flow was changed at its server since it was synced: a component of it only streams its text, which was lost in this run. Its next runs are streamed.'
    expect(await notesOf(first.id)).toEqual([said])
    await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ warnings, flow_version }) => warnings.includes(said) && flow_version === 2,
    )
    const second = await run(workflow.id)
    expect(second).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
    expect(await notesOf(second.id)).toEqual([])
  })
  it('is streamed then also where it was proved once that it does not stream', async () => {
    const graph = (kind: string) =>
      madeGraph(`ChatInput-1 ${kind} ChatOutput-2 ChatInput-1>${kind} ${kind}>ChatOutput-2`, {
        'Silent-5': { fields: { code: 'yield' } },
      })
    const id = stack.stub.made.make('proved', graph('Silent-5'))
    const workflow = await syncOf(id)
    expect(await run(workflow.id)).toMatchObject(EMPTY)
    stack.stub.made.make('proved', graph('Streams-5'))
    const before = readsOf(id)
    expect(await run(workflow.id)).toMatchObject(EMPTY)
    expect(readsOf(id) - before).toBe(1)
    await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ flow_version }) => flow_version === 2,
    )
    expect(await run(workflow.id)).toMatchObject({ output_data: { result: 'hello' } })
  })
  it('is read once for many runs, and its copy stays when it was not changed', async () => {
    const id = stack.stub.made.make('silent', silent)
    const workflow = await syncOf(id)
    const before = readsOf(id)
    const tasks = await Promise.all(Array.from({ length: 8 }, () => run(workflow.id)))
    for (const task of tasks) expect(task).toMatchObject(EMPTY)
    expect(await notesOf(tasks[0]!.id)).toEqual([])
    await run(workflow.id)
    expect(readsOf(id) - before).toBe(1)
    expect(await stack.engine.workflows.get(workflow.id)).toMatchObject({ flow_version: 1, warnings: [] })
  })
  it('completes when it cannot be read', async () => {
    const workflow = await syncOf(stack.stub.made.make('silent and unreadable', silent))
    await stack.stub.set({ failing: 500 }, 'all')
    await stack.stub.set({ failing: null }, 'runs')
    const task = await run(workflow.id)
    stack.stub.clearSwitches()
    expect(task).toMatchObject(EMPTY)
  })
  it('is not read again after the run when it was read before it', async () => {
    const id = stack.stub.made.make(
      'silent webhook',
      madeGraph('Webhook-1 Silent-5 ChatOutput-2 Webhook-1>Silent-5 Silent-5>ChatOutput-2', {
        'Silent-5': { fields: { code: 'return ""' } },
      }),
    )
    const workflow = await syncOf(id)
    const before = readsOf(id)
    expect(await run(workflow.id)).toMatchObject(EMPTY)
    expect(readsOf(id) - before).toBe(1)
  })
})

describe('a flow whose input travels by tweak, changed at its server', () => {
  it('gets its input by the component that replaced the old one, which is noted, and the copy follows', async () => {
    const id = stack.stub.made.make('replaced', webhook('Webhook-1'))
    const workflow = await syncOf(id)
    stack.stub.made.make('replaced', webhook('Webhook-9'))
    const task = await run(workflow.id)
    expect(task).toMatchObject(HELLO)
    const change =
      'The flow was changed at its server since it was synced: the input goes to Webhook-9 instead of Webhook-1.'
    expect(await notesOf(task.id)).toEqual([change])
    const mended = await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ warnings }) => warnings.includes(change),
    )
    expect(mended).toMatchObject({ input_component: 'Webhook-9', flow_version: 2 })
    expect(await notesOf((await run(workflow.id)).id)).toEqual([])
    expect((await syncOf(id)).warnings).not.toContain(change)
  })
  it('keeps a component that a user chose, by the one that plainly took its place', async () => {
    const graph = (prompt: string) =>
      madeGraph(`ChatInput-1 ${prompt} ChatOutput-2 ChatInput-1>ChatOutput-2 ${prompt}>ChatOutput-2>prompt`)
    const workflow = await syncOf(stack.stub.made.make('chosen one', graph('Prompt-5')), {
      input_component: 'Prompt-5',
    })
    stack.stub.made.make('chosen one', graph('Prompt-6'))
    const task = await run(workflow.id)
    expect(task).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
    expect(await notesOf(task.id)).toEqual([
      'The flow was changed at its server since it was synced: the input goes to Prompt-6 instead of Prompt-5.',
    ])
    await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ input_component }) => input_component === 'Prompt-6',
    )
  })
  it('is not run when nothing plainly takes the input now', async () => {
    const workflow = await syncOf(stack.stub.made.make('no place', webhook('Webhook-1')))
    stack.stub.made.make('no place', madeGraph('Prompt-1 ChatOutput-2 Prompt-1>ChatOutput-2'))
    const runs = stack.stub.runs.length
    const task = await run(workflow.id)
    const why =
      'The flow was changed at its server since it was synced: Webhook-1, which took the input, is no longer in it or does not run, and nothing else takes the input. Sync the workflow, and choose its components if need be.'
    expect(task).toMatchObject({ status: 'failed', error_code: 'bad_request', error: why })
    expect(stack.stub.runs).toHaveLength(runs)
    await until(
      () => stack.engine.workflows.get(workflow.id),
      ({ warnings }) => warnings.includes(why),
    )
  })
  it('ends as flow_not_found when it is gone', async () => {
    const workflow = await syncOf(stack.stub.made.make('gone', webhook('Webhook-1')))
    stack.stub.made.remove('gone')
    expect(await run(workflow.id)).toMatchObject({ status: 'failed', error_code: 'flow_not_found' })
  })
  it('is read once for many runs at a time', async () => {
    const id = stack.stub.made.make('many', webhook('Webhook-1'))
    const workflow = await syncOf(id)
    const before = readsOf(id)
    const tasks = await Promise.all(Array.from({ length: 8 }, () => run(workflow.id)))
    expect(tasks.every(({ status }) => status === 'completed')).toBe(true)
    expect(readsOf(id) - before).toBe(1)
  })
  it('runs as it was synced when the server does not answer the read, which is noted and is no failure', async () => {
    const id = stack.stub.made.make('unreadable', webhook('Webhook-1'))
    const workflow = await syncOf(id)
    await stack.stub.set({ failing: 500 }, 'all')
    await stack.stub.set({ failing: null }, 'runs')
    const task = await run(workflow.id)
    stack.stub.clearSwitches()
    expect(task).toMatchObject(HELLO)
    expect(await notesOf(task.id)).toEqual([
      expect.stringContaining('The flow could not be read before this run, and was run as it was synced.'),
    ])
    expect((await stack.engine.sources.get(workflow.source_id)).health).toBe('up')
  })
  it('is not read when its input travels as an input, or when there is none', async () => {
    const id = stack.stub.made.make('plain', madeGraph('ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2'))
    const workflow = await syncOf(id)
    const before = readsOf(id)
    expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
    expect(readsOf(id)).toBe(before)
  })
})
