import { checkedJsonText, jsonText } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { streamOf } from '../../test/json-stream.ts'
import type { JsonValue, ReadJson } from '../json/reader.ts'
import { forwardedFailure, readHiveAnswer, readHiveStream } from './answer.ts'
import type { HiveKind } from './flow.ts'

const WHERE = 'http://hive.test'
const read = (answer: JsonValue, playground = false) =>
  readHiveAnswer(WHERE, { value: answer, text: jsonText(answer) }, { playground })
const failed = (reason: string) =>
  expect.objectContaining({ error_code: 'flow_failed', failure: 'flow_failed', message: `The flow failed: ${reason}` })
const done = { status: 'COMPLETED', content: 'hi' }

it('keeps every digit of a content that is no text', () => {
  const exact = checkedJsonText(
    '{"status":"COMPLETED","content": { "id": 1234567890123456789, "2": 1.10, "1": 1E400 } }',
  ) as ReadJson
  expect(readHiveAnswer(WHERE, exact, { playground: false }).result).toBe(
    '{ "id": 1234567890123456789, "2": 1.10, "1": 1E400 }',
  )
})

describe('readHiveAnswer', () => {
  it.each<[JsonValue, string]>([
    ['hi', 'hi'],
    [{ city: 'Porto' }, '{"city":"Porto"}'],
    [['a', 1], '["a",1]'],
    ['', ''],
    [0, '0'],
  ])('takes the content %j as the text %j', (content, text) =>
    expect(read({ status: 'COMPLETED', content })).toEqual({ result: text, notes: [] }),
  )
  it('notes a completed run without content', () =>
    expect(read({ status: 'COMPLETED', content: null })).toEqual({
      result: '',
      notes: ['The run completed and gave no content.'],
    }))
  it('takes RUNNING for completed in the playground alone', () => {
    expect(read({ status: 'RUNNING', content: 'hi' }, true).result).toBe('hi')
    // agno 2.3: a team whose model failed.
    expect(() => read({ status: 'RUNNING', content: 'model refused' })).toThrow(failed('model refused'))
  })
  it.each<[JsonValue, string]>([
    [{ status: 'ERROR', content: 'model refused: bad request' }, 'model refused: bad request'],
    [{ status: 'error', content: '' }, 'the server answered before its end, with the status ERROR'],
    [{ status: 'CANCELLED', content: 'x' }, 'the run was cancelled at its server'],
    [{ status: 'PENDING', content: null }, 'the server answered before its end, with the status PENDING'],
    // agno 3.1: a workflow completes although a step failed.
    [
      {
        ...done,
        step_results: [{ success: true }, { success: false, step_name: 'Boom', error: 'it exploded', content: 'x' }],
      },
      'step Boom: it exploded',
    ],
    [{ ...done, step_results: [{ success: true, steps: [{ success: false, content: 'inner' }] }] }, 'inner'],
    [
      { ...done, step_results: [[{ success: false, step_name: 'One of two', error: null }]] },
      'step One of two: no reason given',
    ],
    [
      {
        ...done,
        step_results: [{ success: true }],
        step_executor_runs: [{ status: 'COMPLETED' }, { status: 'ERROR', content: 'model refused' }],
      },
      'model refused',
    ],
  ])('%j did not complete', (answer, reason) => expect(() => read(answer)).toThrow(failed(reason)))
  it.each<[JsonValue[], string]>([
    [[{ tool_name: 'pay', requires_confirmation: true }], 'a confirmation of pay'],
    [
      [
        { tool_name: 'ask', requires_user_input: true, user_input_schema: [{ name: 'city' }, { name: 'day' }] },
        { tool_name: 'x' },
      ],
      'an input for ask (city, day)',
    ],
    [[{ tool_name: 'deploy', external_execution_required: true }], 'deploy to be run outside'],
    [[], 'a person'],
  ])('a paused run says what it waits for: %j', (tools, what) =>
    expect(() => read({ status: 'PAUSED', content: 'x', tools })).toThrow(
      failed(`the run is paused and waits for ${what}, which nobody gives it here`),
    ),
  )
  it.each<JsonValue>(['text', null, [], {}, { content: 'hi' }, { status: 5, content: 'hi' }])(
    '%j is no answer',
    (answer) => expect(() => read(answer)).toThrow(expect.objectContaining({ error_code: 'bad_answer' })),
  )
})

describe('readHiveStream', () => {
  const stream = (kind: HiveKind, events: JsonValue[], { framing = 'sse', size = 11 } = {}) => {
    const text = events
      .map((event) =>
        framing === 'sse' ? `event: x\ndata: ${JSON.stringify(event)}\n\n` : JSON.stringify(event, null, 2),
      )
      .join('')
    const bytes = Buffer.from(text)
    return readHiveStream(
      WHERE,
      kind,
      streamOf(async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      }),
    )
  }
  const started = { event: 'RunStarted', run_id: 'a' }

  it.each(['sse', 'none'])('reads documents in any framing (%s), however the pieces fall', async (framing) => {
    for (const size of [1, 7, 10_000]) {
      const { result } = await stream(
        'agent',
        [started, { event: 'RunContent', content: 'h{"\\' }, { event: 'RunCompleted', run_id: 'a', content: 'olá {"' }],
        { framing, size },
      )
      expect(result).toBe('olá {"')
    }
  })
  it('takes no end of another run for its own', async () => {
    const events = [
      { event: 'TeamRunStarted', run_id: 't' },
      { event: 'RunStarted', run_id: 'm' },
      { event: 'RunError', content: 'a member failed' },
      { event: 'RunCompleted', run_id: 'm', content: 'member' },
      { event: 'TeamRunStarted', run_id: 'inner' },
      { event: 'TeamRunError', run_id: 'inner', content: 'an inner team failed' },
      { event: 'TeamRunCompleted', run_id: 'inner', content: 'inner' },
    ]
    expect(
      await stream('team', [...events, { event: 'TeamRunCompleted', run_id: 't', content: 'team' }]),
    ).toMatchObject({ result: 'team' })
    await expect(stream('team', events)).rejects.toMatchObject({ error_code: 'outcome_unknown', failure: 'unknown' })
  })
  it.each<[HiveKind, JsonValue[], string]>([
    ['agent', [started, { event: 'RunError', content: 'no id' }], 'no id'],
    [
      'agent',
      [
        started,
        { event: 'RunError', run_id: 'a', content: 'its own' },
        { event: 'RunCompleted', run_id: 'a', content: 'x' },
      ],
      'its own',
    ],
    ['agent', [started, { event: 'RunCancelled', run_id: 'a' }], 'the run was cancelled at its server'],
    [
      'agent',
      [started, { event: 'RunPaused', run_id: 'a', tools: [{ tool_name: 'pay', requires_confirmation: true }] }],
      'the run is paused and waits for a confirmation of pay, which nobody gives it here',
    ],
    [
      'workflow',
      [
        { event: 'WorkflowStarted', run_id: 'w' },
        {
          event: 'WorkflowCompleted',
          run_id: 'w',
          content: 'x',
          step_results: [{ success: false, error: 'it broke' }],
        },
      ],
      'it broke',
    ],
  ])('%s: %j failed', async (kind, events, reason) => {
    await expect(stream(kind, events)).rejects.toMatchObject({
      error_code: 'flow_failed',
      message: `The flow failed: ${reason}`,
    })
  })
  it('a step is judged by its success, and its run only when it failed', async () => {
    const completed = (status: string) =>
      stream('workflow', [
        { event: 'WorkflowStarted', run_id: 'w' },
        {
          event: 'WorkflowCompleted',
          run_id: 'w',
          content: 'x',
          step_results: [{ success: true }],
          step_executor_runs: [{ status, content: 'why' }],
        },
      ])
    expect(await completed('CANCELLED')).toMatchObject({ result: 'x' })
    await expect(completed('ERROR')).rejects.toMatchObject({ message: 'The flow failed: why' })
  })
  it('a failure without an id gives way to the end of the run itself', async () => {
    expect(
      await stream('agent', [
        started,
        { event: 'RunError', content: 'somebody' },
        { event: 'RunCompleted', run_id: 'a', content: 'fine' },
      ]),
    ).toMatchObject({ result: 'fine' })
  })
  it('half a document is a bad answer', async () => {
    const bytes = Buffer.from('data: {"event":"RunStarted"')
    await expect(
      readHiveStream(
        WHERE,
        'agent',
        streamOf(async function* () {
          yield bytes
        }),
      ),
    ).rejects.toMatchObject({ error_code: 'bad_answer' })
  })
})

describe('forwardedFailure', () => {
  it.each<[number, JsonValue]>([
    [400, { detail: 'model refused: bad request' }],
    [401, { detail: 'Incorrect API key provided: sk-…' }],
    [429, { detail: 'Rate limit reached for gpt-4o' }],
    [503, { detail: 'The engine is overloaded' }],
  ])('%i of the model, passed on by agno, is a failed flow: %j', (status, body) =>
    expect(forwardedFailure(status, body)).toMatchObject({ error_code: 'flow_failed', failure: 'flow_failed' }),
  )
  it.each<[number, JsonValue]>([
    [401, { detail: 'Authorization header required' }],
    [401, { detail: 'Invalid authentication token' }],
    [401, { detail: 'Invalid or missing x-api-key header' }],
    [404, { detail: 'Agent not found' }],
    [400, { detail: 'Part exceeded maximum size of 1024KB.' }],
    [422, { detail: [{ loc: ['body', 'message'], msg: 'Field required' }] }],
    [429, { message: 'API rate limit exceeded' }],
    [503, { detail: 'Service Unavailable' }],
    [429, null],
    [503, 'down'],
  ])('%i with %j is what it looks like', (status, body) => expect(forwardedFailure(status, body)).toBeNull())
})
