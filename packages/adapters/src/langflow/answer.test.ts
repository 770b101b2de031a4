import { readFileSync } from 'node:fs'
import { checkedJsonText, jsonText } from '@automagik-spark/core'
import { describe, expect, it } from 'vitest'
import { streamOf } from '../../test/json-stream.ts'
import type { JsonValue, ReadJson } from '../json/reader.ts'
import { readLangflowAnswer, readLangflowStream } from './answer.ts'

const WHERE = 'http://flows:7860'
const readOf = (value: JsonValue, chosen: string | null) =>
  readLangflowAnswer(WHERE, { value, text: jsonText(value) }, chosen)
type Recorded = { response: { body: JsonValue; events: { line: JsonValue }[] } }
const recorded = (version: string, name: string): Recorded['response'] =>
  (
    JSON.parse(
      readFileSync(new URL(`../../../testing/fixtures/langflow-${version}/${name}.json`, import.meta.url), 'utf8'),
    ) as Recorded
  ).response

describe.each(['1.7.3', '1.13.0'])('the answers of Langflow %s', (version) => {
  const read = (name: string, chosen: string | null = null) => readOf(recorded(version, name).body, chosen)

  it.each([
    ['run_echo', 'Hello rig'],
    ['run_text', 'Hello text'],
    ['run_text_any', 'Hello text'],
    ['run_mixed_any', 'Hello rig'],
    ['run_echo_unicode', 'Olá 🚀 "quoted"\n<b>line 2</b>'],
    ['run_multi_chat', 'Hello rig\n\nHello rig'],
    ['run_data', '```json\n{\n  "echo": "Hello rig",\n  "length": 9\n}\n```'],
    ['run_webhook_flow_tweak', '```json\n{\n  "event": "tweaked"\n}\n```'],
    ['run_slow', 'slept 3 s: Hello rig'],
  ])('%s has the text %j', (name, text) =>
    expect(read(name)).toMatchObject({ result: text, notes: [], allEmpty: false }),
  )

  it('a chosen output alone is read', () =>
    expect(read('run_multi_chat', 'ChatOutput-multi3')).toMatchObject({
      result: 'Hello rig',
      notes: [],
      allEmpty: false,
    }))
  it.each(['run_multi_chat', 'run_nooutput'])(
    'a chosen output that did not run is a failure, never the text of another (%s)',
    (name) => {
      expect(() => read(name, 'ChatOutput-gone')).toThrow(
        expect.objectContaining({
          error_code: 'no_output',
          failure: 'bad_answer',
          message: expect.stringContaining('ChatOutput-gone gave no answer') as string,
        }),
      )
    },
  )
  it.each(['run_nooutput', 'run_empty_flow'])('%s has no text and says so', (name) => {
    expect(read(name)).toMatchObject({ result: '', notes: ['The flow ran and gave no output.'], allEmpty: false })
  })
  it('a component that only streams leaves an empty text', () =>
    expect(read('run_tokens_no_stream')).toMatchObject({ result: '', allEmpty: true }))
  it('an echoed empty input is not a lost text', () =>
    expect(read('run_echo_empty_input')).toMatchObject({ result: '', allEmpty: false }))
})

describe('answers that were not recorded', () => {
  const answer = (results: unknown, outputs: unknown = {}) =>
    ({ outputs: [{ inputs: {}, outputs: [{ component_id: 'X-1', results, outputs }] }] }) as JsonValue
  it.each([
    ['data', answer({ data: { text_key: 'text', data: { a: 1 }, default_value: '' } }), '{"a":1}'],
    ['a table', answer({ dataframe: [{ a: 1 }] }), '[{"a":1}]'],
    ['a bare text', answer({ text: 'plain' }), 'plain'],
    ['an object without a text', answer({ json: { a: 1 } }), '{"a":1}'],
    ['a message without a text', answer({ message: { text: null, properties: {} } }), ''],
    ['several results of one component', answer({ a: 'one', b: { text: 'two' } }), 'one\n\ntwo'],
    [
      'data of a component that is no output',
      answer({}, { data: { message: { echo: 1 }, type: 'data' } }),
      '{"echo":1}',
    ],
    ['an output that never ran', { outputs: [{ outputs: [null] }, null] }, ''],
  ])('%s', (_, value, text) => expect(readOf(value, null).result).toBe(text))

  it('keeps every digit of a value that is not a text', () => {
    const read = (json: string) => readLangflowAnswer(WHERE, checkedJsonText(json) as ReadJson, null).result
    const data = '{ "id": 1234567890123456789, "2": 1.10, "1": -0 }'
    expect(read(`{"outputs":[null,{"outputs":[null,{"results":{"data":{"text_key":"t","data": ${data}}}}]}]}`)).toBe(
      data,
    )
    expect(read(`{"outputs":[{"outputs":[{"results":{"n": 12345678901234567890, "json": ${data}}}]}]}`)).toBe(
      `12345678901234567890\n\n${data}`,
    )
    expect(read(`{"outputs":[{"outputs":[{"results":{},"outputs":{"data":{"message": ${data} }}}]}]}`)).toBe(data)
  })

  it.each([
    ['marked as an error', { text: 'rig: no', error: true }],
    ['of the category error', { text: 'rig: no', category: 'error' }],
  ])('a message %s is a failure', (_, message) => {
    expect(() => readOf(answer({ message }), null)).toThrow(
      expect.objectContaining({
        error_code: 'flow_failed',
        failure: 'flow_failed',
        message: 'The flow failed: rig: no',
      }),
    )
  })
  it.each([
    ['an object', {}],
    ['no outputs', { session_id: 'x', outputs: 5 }],
    ['an error', { detail: 'no' }],
    ['null', null],
    ['a text', 'done'],
    ['a failed status', { status: 'failed' }],
  ])('%s is no answer', (_, value) =>
    expect(() => readOf(value, null)).toThrow(
      expect.objectContaining({ error_code: 'bad_answer', failure: 'bad_answer' }),
    ),
  )
})

/** A stream in pieces of `size` bytes. */
const stream = (text: string, size = 7) =>
  streamOf(async function* () {
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  })
const events = (...lines: unknown[]) => lines.map((line) => `${JSON.stringify(line)}\n\n`).join('')

describe.each(['1.7.3', '1.13.0'])('the streams of Langflow %s', (version) => {
  const read = (name: string) =>
    readLangflowStream(WHERE, stream(events(...recorded(version, name).events.map(({ line }) => line)), 1000))

  it.each([
    ['stream_tokens', 'one two three'],
    ['stream_echo', 'Hello rig'],
    ['stream_text', 'Hello text'],
  ])('%s ends in %j', async (name, text) => {
    const { value, bytes } = await read(name)
    expect(readOf(value, null).result).toBe(text)
    expect(bytes).toBeGreaterThan(100)
  })
  it('a stream without an end is a failed run', async () => {
    const reason =
      version === '1.7.3'
        ? 'The flow failed and its server gave no reason.'
        : 'The flow failed: Error running graph: Error building Component Rig Fail: rig: this flow always fails'
    await expect(read('stream_fail')).rejects.toMatchObject({
      error_code: 'flow_failed',
      failure: 'flow_failed',
      message: reason,
    })
  })
})

describe('readLangflowStream', () => {
  const result = { outputs: [] }
  it('reads documents however the pieces fall, and proper event streams too', async () => {
    const text = `: hello\r\nevent: x\n${JSON.stringify({ event: 'token', data: { chunk: 'olá\n' } })}\n\n\n\ndata: ${JSON.stringify({ event: 'end', data: { result } })}`
    for (const size of [1, 2, 3, 1000])
      expect((await readLangflowStream(WHERE, stream(text, size))).value).toEqual(result)
  })
  it('keeps every digit of a result, and its keys as they come', async () => {
    const source = '{ "outputs": [ ], "2":1234567890123456789, "1": 1.10 }'
    expect((await readLangflowStream(WHERE, stream(`{"event":"end","data": { "result" : ${source} }}\n\n`))).text).toBe(
      source,
    )
    expect((await readLangflowStream(WHERE, stream(` ${source}\n`))).text).toBe(source)
  })
  it('takes a result alone of a server that does not stream', async () =>
    expect((await readLangflowStream(WHERE, stream(JSON.stringify(result)))).value).toEqual(result))
  it('takes the last reason', async () => {
    const text = events(
      { event: 'error', data: { text: 'first' } },
      { event: 'error', data: { error: 'second' } },
      { event: 'token', data: {} },
    )
    await expect(readLangflowStream(WHERE, stream(text))).rejects.toMatchObject({ message: 'The flow failed: second' })
  })
  it('half a document is a bad answer', async () => {
    await expect(readLangflowStream(WHERE, stream('{"event":"end","da'))).rejects.toMatchObject({
      error_code: 'bad_answer',
      failure: 'bad_answer',
    })
  })
  it('one document over 10 MiB is too large, many small ones are not', async () => {
    const huge = async function* () {
      for (let at = 0; at < 12; at++) yield Buffer.alloc(1024 * 1024, '{')
    }
    await expect(readLangflowStream(WHERE, streamOf(huge))).rejects.toMatchObject({ error_code: 'output_too_large' })
    const many = async function* () {
      for (let at = 0; at < 12; at++)
        yield Buffer.from(`{"event":"token","data":{"chunk":"${'x'.repeat(1024 * 1024)}"}}\n\n`)
      yield Buffer.from(events({ event: 'end', data: { result } }))
    }
    expect((await readLangflowStream(WHERE, streamOf(many))).value).toEqual(result)
  })
})
