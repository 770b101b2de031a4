import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { flowNames, langflowVersions, startStubLangflow, type StubLangflow } from '../src/index.ts'
import { loadAnswers } from '../src/langflow/answers.ts'
import { bodyText, readRecorded, type Recorded } from '../src/langflow/recorded.ts'
import { any, eventsOf, makeStarter, outputsOf, run, send, textsOf } from './stub-client.ts'

const { start, closeAll } = makeStarter()
afterEach(closeAll)

describe.each(langflowVersions)('the stub of Langflow %s', (version) => {
  const recorded = readRecorded(version)
  const kind = ({ case: name }: Recorded): string =>
    name.startsWith('frontend_') ? 'frontend' : name.startsWith('autologin_skip_') ? 'keyless' : 'usual'
  const stubs: Partial<Record<string, StubLangflow>> = {}
  beforeAll(async () => {
    stubs.usual = await startStubLangflow({ version })
    if (version === '1.7.3') stubs.frontend = await startStubLangflow({ version, frontend: true })
    if (version === '1.7.3') stubs.keyless = await startStubLangflow({ version, key: null })
  })
  afterAll(() => Promise.all(Object.values(stubs).map(async (stub) => stub?.close())))

  it.each(recorded.map((one) => [one.case, one] as const))('answers %s as recorded', async (_, one) => {
    const stub = stubs[kind(one)] as StubLangflow
    // The recorded server without a key was another one, where the echo flow had another id.
    const itsEcho = kind(one) === 'keyless' ? '22e048eb-8a8a-4c4d-9caa-97d36146e04f' : stub.flows.echo
    const own = (text: string): string => text.replaceAll(itsEcho, stub.flows.echo)
    const withKey = (text: string): string => own(text.replaceAll('<API_KEY>', stub.key ?? ''))
    const { method, path, headers, body } = one.request
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, withKey(value)]))

    const reply = await send(stub, method, withKey(path), sent, bodyText(body))

    expect(reply.status).toBe(one.response.status)
    expect(reply.headers['content-type']).toBe(one.response.headers['content-type'])
    expect(reply.headers.location).toBe(one.response.headers.location?.replace('http://langflow.test', stub.url))
    if (one.response.text !== undefined) expect(reply.text).toBe(one.response.text)
    else if (one.response.events)
      expect(steady(eventsOf(reply.text))).toEqual(steady(one.response.events.map(({ line }) => line)))
    else expectRecorded(steady(reply.json), steady(JSON.parse(own(JSON.stringify(one.response.body)))))
    expect(stub.unrecorded).toEqual([])
  })

  it('uses every recording that it has', () => {
    const { unused } = loadAnswers({ version, key: 'sk-any', frontend: false })
    expect(unused).toEqual([])
  })

  it('lists every flow, and shows each as it is listed', async () => {
    const stub = await start({ version })
    const key = { 'x-api-key': stub.key ?? '' }
    const list = await send(stub, 'GET', '/api/v1/flows/?get_all=true&header_flows=true&remove_example_flows=true', key)
    const headers = list.json as Record<string, unknown>[]
    expect(headers.map(({ id }) => id)).toEqual(flowNames.map((name) => stub.flows[name]))
    for (const header of headers) {
      const { json } = await send(stub, 'GET', `/api/v1/flows/${String(header.id)}`, key)
      expect(json).toMatchObject({ ...header, data: { nodes: expect.any(Array), edges: expect.any(Array) } })
    }
    stub.assertOnlyRecorded()
  })

  it('echoes whatever it is sent, and doubles single line ends just where Langflow does', async () => {
    const stub = await start({ version })
    const input = 'Olá 🚀 "quoted" \\ $& \u0007\nline 2\n\nline 4'
    const { json } = await run(stub, stub.flows.echo, any(input, { session_id: 'mine' }))
    expect(textsOf(json)).toEqual([input])
    expect(json).toMatchObject({ session_id: 'mine', outputs: [{ inputs: { input_value: input } }] })
    expect(outputsOf(json)[0]?.messages[0]?.message).toBe('Olá 🚀 "quoted" \\ $& \u0007\n\nline 2\n\nline 4')
  })

  it.each([
    ['echo', ['hi']],
    ['text', ['hi']],
    ['multi', ['hi', 'hi']],
    ['mixed', ['hi']],
    ['noinput', ['hi']],
    ['nooutput', []],
    ['empty', []],
    ['tokens', ['']],
    ['slow', ['slept 3 s: hi']],
    ['tweak', ['Dear World: hi']],
    ['webhook', ['```json\n{}\n```']],
    ['data', ['```json\n{\n  "echo": "hi",\n  "length": 2\n}\n```']],
  ] as const)('runs the flow %s with input and output types any', async (name, texts) => {
    const stub = await start({ version })
    const { status, json } = await run(stub, stub.flows[name], any('hi', { session_id: 's-1' }))
    expect(status).toBe(200)
    expect(textsOf(json)).toEqual(texts)
    expect(json).toMatchObject({ session_id: 's-1' })
    stub.assertOnlyRecorded()
  })

  it('fails the flow that fails, with an error inside an error', async () => {
    const stub = await start({ version })
    const { status, json } = await run(stub, stub.flows.fail, any('hi'))
    expect(status).toBe(500)
    const detail: unknown = JSON.parse((json as { detail: string }).detail)
    expect(detail).toMatchObject({ message: expect.stringContaining('this flow always fails') })
  })

  it('silently loses an input of the wrong type', async () => {
    const stub = await start({ version })
    const lost = [
      await run(stub, stub.flows.text, { input_value: 'hi', input_type: 'chat', output_type: 'any' }),
      await run(stub, stub.flows.echo, { input_value: 'hi', input_type: 'text', output_type: 'any' }),
      await run(stub, stub.flows.echo, any({ no: 'text' })),
      await run(stub, stub.flows.echo, any(5)),
    ]
    expect(lost.map(({ status, json }) => [status, textsOf(json)])).toEqual(lost.map(() => [200, ['']]))
  })

  it('streams the words of a flow that only streams', async () => {
    const stub = await start({ version })
    const { text, headers } = await run(
      stub,
      stub.flows.tokens,
      any('a few more words', { session_id: 's-1' }),
      '?stream=true',
    )
    const events = eventsOf(text)
    expect(headers['content-type']).toContain('text/event-stream')
    expect(text).not.toContain('data:')
    expect(events.filter(({ event }) => event === 'token').map(({ data }) => data.chunk)).toEqual([
      'a',
      ' few',
      ' more',
      ' words',
    ])
    expect(events.find(({ event, data }) => event === 'add_message' && data.sender === 'Machine')?.data.text).toBe('a')
    const end = events.at(-1) as { event: string; data: Record<string, unknown> }
    expect(textsOf(end.data.result)).toEqual(['a few more words'])
    expect(end.data.result).toMatchObject({ session_id: 's-1' })
  })

  it('applies tweaks: a prompt’s variable, a webhook’s data, a chat input’s value', async () => {
    const stub = await start({ version })
    const texts = async (flow: string, body: object) => textsOf((await run(stub, flow, body)).json)
    const prompt = any('hi', { tweaks: { 'PromptTemplate-tweak2': { name: 'Eve' } } })
    expect(await texts(stub.flows.tweak, prompt)).toEqual(['Dear Eve: hi'])
    const webhook = any('hi', { tweaks: { 'Webhook-webhook1': { data: '{"n":[1]}' } } })
    expect(await texts(stub.flows.webhook, webhook)).toEqual(['```json\n{\n  "n": [\n    1\n  ]\n}\n```'])
    const chat = any(undefined, { tweaks: { 'ChatInput-echo1': { input_value: 'set' } } })
    expect(await texts(stub.flows.echo, chat)).toEqual(['set'])
  })

  it('makes a line break of a backslash and an n in a tweak, as Langflow does and not in an input', async () => {
    const stub = await start({ version })
    const texts = async (flow: string, body: object) => textsOf((await run(stub, flow, body)).json)
    expect(await texts(stub.flows.echo, any('C:\\new'))).toEqual(['C:\\new'])
    expect(
      await texts(stub.flows.echo, any(undefined, { tweaks: { 'ChatInput-echo1': { input_value: 'C:\\new' } } })),
    ).toEqual(['C:\new'])
    const webhook = (data: string) =>
      run(stub, stub.flows.webhook, any(undefined, { tweaks: { 'Webhook-webhook1': { data } } }))
    expect(textsOf((await webhook('{"a":"b\\u000ac"}')).json)).toEqual(['```json\n{\n  "a": "b\\nc"\n}\n```'])
    expect((await webhook('{"a":"b\\nc"}')).status).toBe(599) // not JSON any more
  })

  it('has no answer to a tweak of another type than the recorded one', async () => {
    const stub = await start({ version })
    const name = (value: unknown) =>
      run(stub, stub.flows.tweak, any('hi', { tweaks: { 'PromptTemplate-tweak2': { name: value } } }))
    expect((await name('5')).status).toBe(200)
    for (const value of [5, null, ['Eve'], true]) expect((await name(value)).status).toBe(599)
  })

  it('names unknown flows as they were requested', async () => {
    const stub = await start({ version })
    const id = 'abcdefab-0000-4000-8000-000000000000'
    const key = { 'x-api-key': stub.key ?? '' }
    expect(await run(stub, id, any('hi'))).toMatchObject({
      status: 404,
      json: { detail: `Flow identifier ${id} not found` },
    })
    expect(await send(stub, 'GET', `/api/v1/flows/${id}`, key)).toMatchObject({ status: 404 })
    const notUuid = await send(stub, 'GET', '/api/v1/flows/beyond', key)
    expect(notUuid.status).toBe(422)
    expect(notUuid.text).toContain('found `y` at 3')
  })

  it('answers what was never recorded with 599, and keeps it', async () => {
    const stub = await start({ version })
    const key = { 'x-api-key': stub.key ?? '' }
    expect(() => stub.assertOnlyRecorded()).not.toThrow()
    expect((await run(stub, stub.flows.echo, { input_value: 'hi', output_type: 'debug' })).status).toBe(599)
    expect((await run(stub, stub.flows.multi, any('hi'), '?stream=true')).status).toBe(599)
    expect((await send(stub, 'GET', '/api/v1/flows/?page=2', key)).status).toBe(599)
    const deleted = await send(stub, 'DELETE', `/api/v1/flows/${stub.flows.echo}`, key)
    expect(deleted).toMatchObject({ status: 599, json: { method: 'DELETE', path: `/api/v1/flows/${stub.flows.echo}` } })
    expect(stub.unrecorded).toHaveLength(4)
    expect(() => stub.assertOnlyRecorded()).toThrow(/DELETE/)
  })
})

/** Fields that a server makes for each run: recordings of the same request differ in them. */
const MADE = new Set(['id', 'run_id', 'graph_run_id', 'timestamp', 'session_metadata', 'build_duration', 'duration'])
const steady = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(steady)
  if (typeof value !== 'object' || value === null) return value
  const kept = 'endpoint_name' in value || 'username' in value // a flow's id, a user's id
  const entries = Object.entries(value)
  return Object.fromEntries(entries.map(([key, inner]) => [key, MADE.has(key) && !kept ? '<made>' : steady(inner)]))
}

/** A recorded list that was cut ("<11 more>") shows how the whole one begins, and its length. */
const expectRecorded = (actual: unknown, wanted: unknown): void => {
  const more = Array.isArray(wanted) ? /^<(\d+) more>$/.exec(String(wanted.at(-1))) : null
  if (!more || !Array.isArray(wanted) || !Array.isArray(actual)) return expect(actual).toEqual(wanted)
  const shown = wanted.slice(0, -1)
  expect(actual.slice(0, shown.length)).toEqual(shown)
  expect(actual).toHaveLength(shown.length + Number(more[1]))
}
