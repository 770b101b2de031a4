import { asJsonText, jsonText } from '@automagik-spark/core'
import { patient } from '@automagik-spark/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { makeHttpPool, makeSource, type RunCall } from '../src/index.ts'
import { bodyOf, serve } from './servers.ts'

const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

const node = (id: string, stored = '') => ({
  id,
  data: { id, type: id.split('-')[0] ?? id, node: { display_name: id, template: { input_value: { value: stored } } } },
})
/** Components that all run, as each feeds the same other one. */
const graph = (...nodes: ReturnType<typeof node>[]) => ({
  nodes: [...nodes, node('Model-0')],
  edges: nodes.map(({ id }) => ({
    source: id,
    target: 'Model-0',
    data: { targetHandle: { fieldName: `from ${id}` } },
  })),
})

const callOf = (more: Partial<RunCall>): RunCall => ({
  flow_id: 'my flow',
  flow_type: 'flow',
  input_value: jsonText('hi'),
  session_id: 'task-1',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: null,
  streams_only: null,
  timeoutMs: patient(10_000),
  signal: new AbortController().signal,
  ...more,
})

/** The request that a run makes. */
const requestOf = async (more: Partial<RunCall>, api_key: string | null = 'sk-1') => {
  const requests: { line: string; headers: NodeJS.Dict<string | string[]>; body: unknown; text: string }[] = []
  const { url } = await serve(
    (request, response) =>
      void bodyOf(request).then((body) => {
        requests.push({
          line: `${request.method} ${request.url}`,
          headers: request.headers,
          body: JSON.parse(body),
          text: body,
        })
        const component_id = more.output_component ?? 'ChatOutput-0'
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ outputs: [{ outputs: [{ component_id, results: { message: { text: 'done' } } }] }] }))
      }),
  )
  await makeSource({ source_type: 'langflow', url: `${url}/base`, api_key, pool }).run(callOf(more))
  expect(requests).toHaveLength(1)
  return requests[0]!
}
/** Spellings that parsing would lose. */
const SOURCE =
  '{ "id": 1234567890123456789, "2": 1.10, "1": -0, "big": 1E400, "a": 1, "a": 2, "__proto__": {"x": "\\u00e9\\/"} }'
const TWEAKS =
  '{ "A-1": {"id": 1234567890123456789, "2": 1.10, "1": -0, "a": 1, "a": 2}, "__proto__": {"x": "\\u00e9\\/"} }'
const types = { input_type: 'any', output_type: 'any', session_id: 'task-1' }

describe('the request of a run', () => {
  it('goes below the source, with the key in its one header', async () => {
    const { line, headers, body } = await requestOf({})
    expect(line).toBe('POST /base/api/v1/run/my%20flow?stream=false')
    expect(headers).toMatchObject({
      'x-api-key': 'sk-1',
      'content-type': 'application/json',
      accept: 'application/json',
    })
    expect(headers).not.toHaveProperty('authorization')
    expect(body).toEqual({ ...types, input_value: 'hi' })
  })
  it('has no key header without a key', async () =>
    expect((await requestOf({}, null)).headers).not.toHaveProperty('x-api-key'))
  it('asks for a stream when the flow only streams', async () =>
    expect((await requestOf({ streams_only: true })).line).toContain('?stream=true'))

  it.each<[string, Partial<RunCall>, object]>([
    [
      'the only input',
      {
        data: graph(node('ChatInput-1', 'stored'), node('ChatOutput-2')),
        input_component: 'ChatInput-1',
        output_component: 'ChatOutput-2',
      },
      { input_value: 'hi' },
    ],
    [
      'several empty inputs',
      { data: graph(node('ChatInput-1'), node('TextInput-2')), input_component: 'ChatInput-1' },
      { input_value: 'hi' },
    ],
    [
      'a chosen input',
      { data: graph(node('ChatInput-1'), node('TextInput-2')), input_component: 'TextInput-2' },
      { input_type: 'text', input_value: 'hi' },
    ],
    [
      'a chosen input of which there are two',
      { data: graph(node('ChatInput-1'), node('ChatInput-2')), input_component: 'ChatInput-2' },
      { tweaks: { 'ChatInput-2': { input_value: 'hi' } } },
    ],
    [
      'a chosen input whose kind is in the id of another',
      { data: graph(node('ChatInput-Text1'), node('TextInput-2')), input_component: 'TextInput-2' },
      { tweaks: { 'TextInput-2': { input_value: 'hi' } } },
    ],
    [
      'a chosen component that is no input',
      {
        data: graph(node('ChatInput-1'), node('Prompt-2')),
        input_component: 'Prompt-2',
        input_value: jsonText({ a: 1 }),
      },
      { tweaks: { 'Prompt-2': { input_value: '{"a":1}' } } },
    ],
    [
      'the chat input beside a text that stays',
      { data: graph(node('ChatInput-1'), node('TextInput-2', 'You are a pirate.')), input_component: 'ChatInput-1' },
      { input_type: 'chat', input_value: 'hi' },
    ],
    [
      'a chat input that a tweak sets as well',
      {
        data: graph(node('ChatInput-1'), node('TextInput-2', 'Pirate')),
        tweaks: jsonText({ 'ChatInput-1': { input_value: 'x', sender: 'y' } }),
      },
      { tweaks: { 'ChatInput-1': { input_value: 'hi', sender: 'y' } } },
    ],
    [
      'an input that is gone',
      { data: graph(node('ChatInput-1')), input_component: 'ChatInput-0' },
      { input_value: 'hi' },
    ],
    [
      'a webhook',
      { data: graph(node('Webhook-1')), input_component: 'Webhook-1', input_value: jsonText({ a: 1 }) },
      { tweaks: { 'Webhook-1': { data: '{"a":1}' } } },
    ],
    ['nobody', { data: graph(node('ChatOutput-1')) }, { input_value: 'hi' }],
  ])('brings the input to %s', async (_, call, expected) =>
    expect((await requestOf(call)).body).toEqual({ ...types, ...expected }),
  )

  it.each<[string, Partial<RunCall>]>([
    ['a chat input that holds a text', { data: graph(node('ChatInput-1', 'Write the daily report.')) }],
    ['a webhook', { data: graph(node('Webhook-1')) }],
    ['a chosen input', { data: graph(node('ChatInput-1'), node('Prompt-2')), input_component: 'Prompt-2' }],
    ['a flow that nobody has looked at', {}],
  ])('sends no input to %s when none was given', async (_, call) => {
    const body = { output_type: 'any', session_id: 'task-1' }
    expect((await requestOf({ ...call, input_value: null })).body).toEqual(body)
    expect(
      (await requestOf({ ...call, input_value: null, tweaks: jsonText({ 'ChatInput-1': { input_value: 'x' } }) })).body,
    ).toEqual({ ...body, tweaks: { 'ChatInput-1': { input_value: 'x' } } })
  })
  it('sends an empty input that was given', async () =>
    expect((await requestOf({ input_value: jsonText('') })).body).toEqual({ ...types, input_value: '' }))

  // In a tweak Langflow turns a backslash and an n into a line break: that would break the JSON, or change its text.
  it.each<[string, Partial<RunCall>, string, string]>([
    ['a webhook', { data: graph(node('Webhook-1')) }, 'Webhook-1', 'data'],
    [
      'a component that is no input',
      { data: graph(node('Prompt-1')), input_component: 'Prompt-1' },
      'Prompt-1',
      'input_value',
    ],
  ])('brings line breaks and backslashes to %s by tweak', async (_, call, component, field) => {
    const received = async (input: unknown) => {
      const { tweaks } = (await requestOf({ ...call, input_value: jsonText(input) })).body as {
        tweaks: Record<string, Record<string, string>>
      }
      const text = tweaks[component]![field]!
      return { text, value: JSON.parse(text.replaceAll('\\n', '\n')) as unknown }
    }
    const input = { path: 'C:\\new', text: 'one\ntwo "three"\\', 'a\nkey': ['\\\n', 'tab\t', 'ü'] }
    expect((await received(input)).value).toEqual(input)
    expect((await received({ plain: 'ü\t' })).text).toBe('{"plain":"ü\\t"}')
    if (field === 'input_value') return
    expect((await received('one\ntwo C:\\new')).value).toEqual({ payload: 'one\ntwo C:\\new' })
    expect((await received(JSON.stringify(input))).value).toEqual(input)
    expect((await received('{"big": 12345678901234567890}')).text).toBe('{"big": 12345678901234567890}')
  })
  it('says so when a text cannot be brought unchanged', async () => {
    const notesOf = async (input: unknown, more: Partial<RunCall> = {}) => {
      const { url } = await serve(
        (_, response) =>
          void response
            .writeHead(200, { 'content-type': 'application/json' })
            .end('{"outputs":[{"outputs":[{"results":{"message":{"text":"ok"}}}]}]}'),
      )
      return (
        await makeSource({ source_type: 'langflow', url, api_key: null, pool }).run({
          ...callOf({ data: graph(node('ChatInput-1'), node('Prompt-2')), input_component: 'Prompt-2', ...more }),
          input_value: jsonText(input),
        })
      ).notes
    }
    expect(await notesOf('\\nabla f')).toEqual([
      'The input holds a backslash followed by n. Langflow takes the two for a line break in what goes to Prompt-2.',
    ])
    expect(await notesOf('one\ntwo \\times')).toEqual([])
    expect(await notesOf({ a: '\\nabla' })).toEqual([])
    expect(await notesOf('\\nabla', { input_component: 'ChatInput-1' })).toEqual([])
  })

  it("keeps the user's tweaks, those of the input's component too", async () => {
    const tweaks = { 'Webhook-1': { other: 1 }, 'X-2': { a: [1] }, temperature: '0.5' }
    expect(
      (await requestOf({ data: graph(node('Webhook-1')), tweaks: jsonText(tweaks), input_value: jsonText({}) })).body,
    ).toEqual({ ...types, tweaks: { 'Webhook-1': { other: 1, data: '{}' }, 'X-2': { a: [1] }, temperature: '0.5' } })
    expect((await requestOf({ tweaks: jsonText(tweaks) })).body).toEqual({ ...types, input_value: 'hi', tweaks })
  })
  it.each<[string, Partial<RunCall>, string]>([
    [
      'to a webhook as the text that was given',
      { data: graph(node('Webhook-1')), input_component: 'Webhook-1' },
      `"tweaks":{"Webhook-1":{"data":${JSON.stringify(SOURCE)}}}`,
    ],
    ['to an input as the text that was given', {}, `"input_value":${JSON.stringify(SOURCE)}`],
    ['as tweaks', { input_value: jsonText('hi'), tweaks: asJsonText(TWEAKS) }, `"tweaks":${TWEAKS}`],
    [
      'beside the tweak that brings the input',
      {
        data: graph(node('Webhook-1')),
        input_component: 'Webhook-1',
        input_value: jsonText({}),
        tweaks: asJsonText(`{ "Webhook-1" : {"n": 1.10, "data": 0}, "X": ${TWEAKS} }`),
      },
      `"tweaks":{"X":${TWEAKS},"Webhook-1":{"n":1.10,"data":"{}"}}`,
    ],
    [
      'as the text of a string with its escapes',
      { input_value: asJsonText('"\\u00e9\\/\\u0000\\ud83d\\ude00"') },
      '"input_value":"\\u00e9\\/\\u0000\\ud83d\\ude00"',
    ],
  ])('brings every digit, key and escape %s', async (_, call, expected) =>
    expect((await requestOf({ input_value: asJsonText(SOURCE), ...call })).text).toContain(expected),
  )

  it.each<[string, Partial<RunCall>]>([
    ['half of a surrogate pair in the input', { input_value: asJsonText('"lone \\ud800"') }],
    ['half of a surrogate pair in a tweak', { tweaks: asJsonText('{"A-1":{"x":"\\udc00"}}') }],
    ['a number beyond a double in a tweak', { tweaks: asJsonText('{"A-1":{"x":1E400}}') }],
    ['a number for all components', { tweaks: jsonText({ temperature: 0.5 }) }],
    ['nothing for all components', { tweaks: jsonText({ temperature: null }) }],
    ['a list for all components', { tweaks: jsonText({ temperature: [] }) }],
  ])('refuses %s before it is sent: Langflow would run without the input', async (_, call) => {
    await expect(requestOf(call)).rejects.toMatchObject({ error_code: 'bad_request', failure: 'refused' })
    expect(
      makeSource({ source_type: 'langflow', url: 'http://x', api_key: null, pool }).checkRun({
        ...callOf(call),
        server: null,
      }).errors,
    ).toHaveLength(1)
  })
  it('brings such things inside an object, which goes as text', async () => {
    expect((await requestOf({ input_value: asJsonText('{"a":"\\ud800","b":1E400}') })).body).toEqual({
      ...types,
      input_value: '{"a":"\\ud800","b":1E400}',
    })
  })

  it('asks by name for a component that is no output', async () => {
    expect(
      (
        await requestOf({
          data: graph(node('ChatInput-1'), node('Model-2'), node('ChatOutput-3')),
          output_component: 'Model-2',
        })
      ).body,
    ).toEqual({ ...types, input_value: 'hi', output_component: 'Model-2' })
  })
  it('takes __proto__ in a graph and in tweaks as data', async () => {
    const { body } = await requestOf({
      data: graph(node('__proto__'), node('ChatInput-1')),
      input_component: '__proto__',
      tweaks: asJsonText('{"constructor":{"a":1}}'),
    })
    expect(JSON.stringify(body)).toContain('"__proto__":{"input_value":"hi"}')
    expect(({} as { input_value?: string }).input_value).toBeUndefined()
  })
})
