import { madeGraph } from '@automagik-spark/testing'
import { beforeAll, describe, expect, it } from 'vitest'
import { useStack } from './stack.ts'

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
const run = async (workflow_id: string, input_value = 'hello') =>
  (await stack.engine.workflows.run(workflow_id, { input_value }, { wait: true })).task
const notesOf = async (task_id: string) =>
  (await stack.engine.tasks.logs(task_id, { limit: 50, offset: 0 })).items
    .filter(({ type }) => type === 'note')
    .map(({ message }) => message)

describe('a Langflow flow of which one part runs', () => {
  const TWO = 'ChatInput-1 ChatOutput-2 Webhook-3 ChatOutput-4 ChatInput-1>ChatOutput-2 Webhook-3>ChatOutput-4'

  it('gets its input where it runs, though another input is there', async () => {
    const workflow = await syncOf(stack.stub.made.make('webhook and chat', madeGraph(TWO)))
    expect(workflow).toMatchObject({ input_component: 'Webhook-3', output_component: 'ChatOutput-4' })
    expect(workflow.warnings).toContain(
      'Langflow starts at Webhook-3 and runs only what is connected to it: ChatInput-1, ChatOutput-2 do not run.',
    )
    expect(await run(workflow.id)).toMatchObject({
      status: 'completed',
      output_data: { result: '{"payload":"hello"}' },
    })
  })
  it('gets its input when its two parts are not connected', async () => {
    const workflow = await syncOf(
      stack.stub.made.make(
        'two parts',
        madeGraph(
          'TextInput-1 TextOutput-2 ChatInput-3 ChatOutput-4 TextInput-1>TextOutput-2 ChatInput-3>ChatOutput-4',
          { 'TextInput-1': { stored: 'other' } },
        ),
      ),
    )
    expect(workflow).toMatchObject({ input_component: 'ChatInput-3', output_component: 'ChatOutput-4' })
    expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
  })
  it.each([
    [
      { input_component: 'ChatInput-1' },
      'input_component: ChatInput-1 does not run: Langflow starts at Webhook-3 and runs only what is connected to it',
    ],
    [
      { output_component: 'ChatOutput-2' },
      'output_component: ChatOutput-2 does not run: Langflow starts at Webhook-3 and runs only what is connected to it',
    ],
  ])('refuses a component of another part at sync, with the reason: %j', async (wanted, message) => {
    await expect(syncOf(stack.stub.made.make('refused', madeGraph(TWO)), wanted)).rejects.toMatchObject({
      code: 'invalid',
      message,
    })
  })
  it('fails alone in a sync of all that names a component which does not run in it', async () => {
    const id = stack.stub.made.make(
      'refused among all',
      madeGraph('ChatInput-1 ChatOutput-2 Prompt-5 ChatInput-1>ChatOutput-2'),
    )
    const all = await stack.engine.workflows.sync('*', { source_url: stack.stub.url, input_component: 'Prompt-5' })
    expect(all).toMatchObject({ failed: [{ flow_id: id, detail: expect.stringContaining('Prompt-5 does not run') }] })
    stack.stub.made.remove('refused among all')
  })
  it('refuses its runs when the part of a chosen component no longer runs', async () => {
    const id = stack.stub.made.make(
      'chosen',
      madeGraph('ChatInput-1 Prompt-5 ChatOutput-2 ChatInput-1>ChatOutput-2 Prompt-5>ChatOutput-2>prompt'),
    )
    const workflow = await syncOf(id, { input_component: 'Prompt-5' })
    expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
    stack.stub.made.make('chosen', madeGraph('ChatInput-1 Prompt-5 ChatOutput-2 ChatInput-1>ChatOutput-2'))
    const message = 'Prompt-5 does not run: Langflow starts at ChatInput-1 and runs only what is connected to it'
    expect((await syncOf(id)).warnings).toEqual([
      `The input_component that was chosen cannot be used, and runs are refused: ${message}.`,
    ])
    const runs = stack.stub.runs.length
    expect(await run(workflow.id)).toMatchObject({
      status: 'failed',
      error_code: 'bad_request',
      error: `The flow cannot be run with the components that were chosen for it: ${message}. Choose others when you sync it.`,
    })
    expect(stack.stub.runs).toHaveLength(runs)
  })
  it('never answers with the text of another component: a chosen output that did not run is a failure', async () => {
    const workflow = await syncOf(
      stack.stub.made.make(
        'router',
        madeGraph(
          'ChatInput-1 Router-2 ChatOutput-3 ChatOutput-4 ChatInput-1>Router-2 Router-2>ChatOutput-3 ChatInput-1>ChatOutput-4',
        ),
      ),
      { output_component: 'ChatOutput-3' },
    )
    expect(await run(workflow.id)).toMatchObject({
      status: 'failed',
      error_code: 'no_output',
      error: expect.stringContaining('ChatOutput-3 gave no answer'),
      output_data: null,
    })
  })
  it('answers with the output that replaced the only one, which nobody had chosen', async () => {
    const id = stack.stub.made.make('replaced output', madeGraph('ChatInput-1 ChatOutput-2 ChatInput-1>ChatOutput-2'))
    const workflow = await syncOf(id)
    stack.stub.made.make('replaced output', madeGraph('ChatInput-1 ChatOutput-7 ChatInput-1>ChatOutput-7'))
    expect(await run(workflow.id)).toMatchObject({ status: 'completed', output_data: { result: 'hello' } })
  })
  it("says in the task's log when nothing takes the input", async () => {
    const workflow = await syncOf(
      stack.stub.made.make(
        'no input',
        madeGraph('Prompt-1 ChatOutput-2 Prompt-1>ChatOutput-2', { 'Prompt-1': { stored: 'fixed' } }),
      ),
    )
    const task = await run(workflow.id)
    expect(task).toMatchObject({ status: 'completed', output_data: { result: 'fixed' } })
    expect(await notesOf(task.id)).toEqual(['Nothing in the flow takes the input of a run: it was ignored.'])
  })
})
