import { patient } from '@automagik-spark/testing'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Stack } from './stack.ts'
import { until, useStack } from './stack.ts'

const PAGE = { limit: 50, offset: 0 }
const stack = useStack()
let workflow_id: string
beforeAll(async () => {
  workflow_id = (await stack.sync()).workflow.id
  await stack.addWorker()
})
beforeEach(() => stack.stub.clearSwitches())

const run = async (request: Parameters<Stack['engine']['workflows']['run']>[1]) =>
  (await stack.engine.workflows.run(workflow_id, request, { wait: true })).task

describe('a call', () => {
  it('has a session of its own unless the run names one', async () => {
    const { id } = await run('alone')
    expect(stack.stub.runs.at(-1)!.session_id).toBe(id)
  })

  it('passes tweaks on', async () => {
    const tweaks = { 'ChatOutput-echo2': { sender_name: 'value' } }
    await run({ input_value: 'tweaked', tweaks })
    expect(stack.stub.runs.at(-1)!.tweaks).toMatchObject(tweaks)
  })

  it('ends when the timeout of its run is over, and the flow server may go on', async () => {
    await stack.stub.set({ slow: 'held' })
    const timeout = Math.ceil(patient(1))
    const task = await run({ input_value: 'too long', timeout })
    expect(task).toMatchObject({ status: 'failed', error_code: 'outcome_unknown', timeout })
    await until(
      async () => stack.stub.runs.at(-1)!.ended,
      (ended) => ended === 'client_left',
    )
    stack.stub.release()
  })

  it('to a flow that answers only when streamed is streamed from the second run on, and the log of the first says why it has no text', async () => {
    const { workflow } = await stack.sync('tokens')
    const result = async (input: string) => (await stack.engine.workflows.run(workflow.id, input, { wait: true })).task
    const first = await result('first')
    expect(first).toMatchObject({ status: 'completed', output_data: { result: '' } })
    await until(
      () => stack.engine.tasks.logs(first.id, PAGE),
      ({ items }) => items.some((event) => event.type === 'note'),
    )
    expect((await result('second')).output_data).toMatchObject({ result: 'second' })
    // Also for the other workers.
    await until(
      () => stack.db.sql.query('SELECT FROM workflows WHERE id = $1 AND streams_only', [workflow.id]),
      ({ rowCount }) => rowCount === 1,
    )
  })
})
