import { jsonText } from '@automagik-spark/core'
import { madeGraph, patient, startStubLangflow, type StubLangflow } from '@automagik-spark/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { detectSourceType, makeHttpPool, makeSource, type RunCall, type Source } from '../src/index.ts'

const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

const source = (stub: { url: string }, api_key: string | null = 'sk-stub'): Source =>
  makeSource({ source_type: 'langflow', url: stub.url, api_key, pool })
const call = (flow_id: string, more: Partial<RunCall> = {}): RunCall => ({
  flow_id,
  flow_type: 'flow',
  input_value: jsonText('Olá 🚀 "quoted"\nline 2'),
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
/** A call with what the engine stores at a sync. */
const synced = async (from: Source, flow_id: string, more: Partial<RunCall> = {}): Promise<RunCall> => {
  const flow = await from.getFlow({ id: flow_id, flow_type: 'flow' })
  if (!flow) throw new Error(`no flow ${flow_id}`)
  const { input_component, output_component } = from.components(flow, more)
  return call(flow_id, { ...more, input_component, output_component, data: flow.data })
}

describe.each(['1.7.3', '1.13.0'] as const)('Langflow %s', (version) => {
  let stub: StubLangflow
  beforeAll(async () => {
    stub = await startStubLangflow({ version })
  })
  afterAll(() => stub.close())
  afterEach(() => {
    stub.clearSwitches()
    stub.assertOnlyRecorded()
    stub.clearCalls()
  })

  it('is recognised, and probed with its key', async () => {
    expect(await detectSourceType({ url: stub.url, pool })).toBe('langflow')
    expect(await source(stub).probe()).toEqual(
      version === '1.7.3'
        ? { version: '0.7.3', name: 'Langflow Base', status: 'ok', features: ['stream'], release: '1.7.3' }
        : { version: '1.13.0', name: 'Langflow', status: 'ok', features: ['stream'], release: '1.13.0' },
    )
    expect(stub.calls.at(-1)).toMatchObject({ path: '/api/v1/users/whoami', key_ok: true, status: 200 })
  })
  it('tells a wrong key from a missing one', async () => {
    await expect(source(stub, 'sk-wrong').probe()).rejects.toMatchObject({
      error_code: 'key_refused',
      failure: 'refused',
      message: `${stub.url} refused the API key (HTTP 403). Give the source a valid api_key.`,
    })
    await expect(source(stub, null).probe()).rejects.toMatchObject({
      error_code: 'key_refused',
      message: expect.stringContaining('wants an API key'),
    })
    await expect(source(stub, 'sk-wrong').run(call(stub.flows.echo))).rejects.toMatchObject({
      error_code: 'key_refused',
      failure: 'refused',
      message: expect.stringContaining('It says: Invalid or missing API key'),
    })
  })
  it('refuses a key that no header can carry, without showing it', () => {
    expect(() => source(stub, 'sk-1\r\nx: y')).toThrow(
      expect.objectContaining({ error_code: 'key_refused', message: expect.not.stringContaining('sk-1') }),
    )
  })

  it('lists its flows with the names of their folders', async () => {
    const flows = await source(stub).listFlows()
    expect(flows.map(({ id }) => id).sort()).toEqual(Object.values(stub.flows).sort())
    expect(flows.find(({ id }) => id === stub.flows.echo)).toMatchObject({
      name: 'rig echo',
      flow_type: 'flow',
      folder_name: 'Starter Project',
      data: null,
      components: [],
    })
    expect(stub.calls.map(({ path }) => path).sort()).toEqual(
      ['/api/v1/flows/?get_all=true&header_flows=true&remove_example_flows=true', '/api/v1/projects/'].sort(),
    )
  })
  it('gives a whole flow, and null for one that it does not have', async () => {
    expect(await source(stub).getFlow({ id: stub.flows.echo, flow_type: 'flow' })).toMatchObject({
      id: stub.flows.echo,
      folder_name: 'Starter Project',
      components: [{ id: 'ChatInput-echo1' }, { id: 'ChatOutput-echo2' }],
    })
    expect(await source(stub).getFlow({ id: '11111111-1111-1111-1111-111111111111', flow_type: 'flow' })).toBeNull()
    expect(await source(stub).getFlow({ id: 'no-uuid', flow_type: 'flow' })).toBeNull()
  })
  it('gets no request for an id that would leave its path', async () => {
    for (const id of ['../projects/', '..', '%2e%2e%2f', '..%252f', 'a/b', 'a\u0000']) {
      expect(await source(stub).getFlow({ id: id, flow_type: 'flow' })).toBeNull()
      await expect(source(stub).run(call(id))).rejects.toMatchObject({
        error_code: 'flow_not_found',
        failure: 'refused',
      })
    }
    expect(stub.calls).toEqual([])
  })

  it.each([
    ['echo', 'Olá 🚀 "quoted"\nline 2'],
    ['text', 'Olá 🚀 "quoted"\nline 2'],
    ['mixed', 'Olá 🚀 "quoted"\nline 2'],
    ['noinput', 'Olá 🚀 "quoted"\nline 2'],
    ['tweak', 'Dear World: Olá 🚀 "quoted"\nline 2'],
    ['multi', 'Olá 🚀 "quoted"\nline 2\n\nOlá 🚀 "quoted"\nline 2'],
    ['nooutput', ''],
    ['empty', ''],
  ] as const)('runs %s, whose input arrives and whose text is the answer', async (flow, text) => {
    const answer = await source(stub).run(await synced(source(stub), stub.flows[flow]))
    expect(answer).toMatchObject({ result: text, answer: expect.stringContaining('"session_id":"task-1"') })
    expect(answer.bytes).toBeGreaterThan(10)
    expect(stub.runs).toEqual([expect.objectContaining({ session_id: 'task-1', key_ok: true, status: 200 })])
  })
  it.each([
    [{ event: 'x', n: 1 }, '{"event":"x","n":1}'],
    [5, '5'],
    [[1, 'a'], '[1,"a"]'],
    [null, 'null'],
    [true, 'true'],
    ['', ''],
  ])('sends the input %j as the text %j', async (input_value, text) => {
    expect((await source(stub).run(call(stub.flows.echo, { input_value: jsonText(input_value) }))).result).toBe(text)
    expect(stub.runs[0]).toMatchObject({ input_value: text })
  })
  it.each([
    [{ event: 'x' }, '{"event":"x"}'],
    ['{"event": "x"}', '{"event": "x"}'],
    ['hello', '{"payload":"hello"}'],
    [[1], '{"payload":[1]}'],
    ['one\nC:\\new', '{"payload":"one\\u000aC:\\u005cnew"}'],
    [{ text: 'one\n' }, '{"text":"one\\u000a"}'],
  ])('gives the input %j to a webhook as %s', async (input_value, data) => {
    const { result } = await source(stub).run(
      await synced(source(stub), stub.flows.webhook, { input_value: jsonText(input_value) }),
    )
    expect(JSON.parse(result.replace(/^```json|```$/g, ''))).toEqual(JSON.parse(data))
    expect(stub.runs[0]).toMatchObject({ tweaks: { 'Webhook-webhook1': { data } } })
  })
  it('reads the chosen output alone', async () => {
    const chosen = await synced(source(stub), stub.flows.multi, {
      output_component: 'ChatOutput-multi3',
      input_value: jsonText('one'),
    })
    expect((await source(stub).run(chosen)).result).toBe('one')
  })
  it('passes tweaks on', async () => {
    const tweaks = jsonText({ 'PromptTemplate-tweak2': { name: 'Ada' } })
    expect(
      (await source(stub).run(await synced(source(stub), stub.flows.tweak, { tweaks, input_value: jsonText('hi') })))
        .result,
    ).toBe('Dear Ada: hi')
  })
  it('says why a flow failed', async () => {
    await expect(source(stub).run(call(stub.flows.fail))).rejects.toMatchObject({
      error_code: 'flow_failed',
      failure: 'flow_failed',
      message: 'The flow failed: Error running graph: Error building Component Rig Fail: rig: this flow always fails',
    })
  })
  it('marks a flow that only streams, and runs it streamed from then on', async () => {
    const tokens = await synced(source(stub), stub.flows.tokens, { input_value: jsonText('one two three') })
    const first = await source(stub).run(tokens)
    expect(first).toMatchObject({
      result: '',
      streams_only: true,
      notes: [expect.stringContaining('perhaps a component of the flow only streams')],
    })
    expect(stub.runs).toHaveLength(1) // a second run would do its work twice

    const second = await source(stub).run({ ...tokens, streams_only: true })
    expect(second).toMatchObject({
      result: 'one two three',
      answer: expect.stringContaining('"session_id":"task-1"'),
      notes: [],
    })
    expect(second.streams_only).toBe(true)
  })
  describe('a component that returns its text piece by piece', () => {
    const flow = (text: string, more = {}) => {
      const data = madeGraph(text, more)
      return { id: stub.made.make('streaming', data), data: data as unknown as RunCall['data'] }
    }
    const input_value = jsonText('one two three')

    it('is streamed from the first run on, which is not empty', async () => {
      const { id, data } = flow('ChatInput-1 Streams-2 ChatOutput-3 ChatInput-1>Streams-2 Streams-2>ChatOutput-3')
      expect(await source(stub).run(call(id, { data, input_value }))).toMatchObject({
        result: 'one two three',
        streams_only: true,
        notes: [],
      })
      expect(stub.runs.map(({ path }) => path)).toEqual([`/api/v1/run/${id}?stream=true`])
    })
    it.each([
      ['lies in a part that does not run', 'ChatInput-1 ChatOutput-3 Streams-2 ChatInput-1>ChatOutput-3', {}],
      ['leads to no output', 'ChatInput-1 Streams-2 ChatOutput-3 ChatInput-1>ChatOutput-3 ChatInput-1>Streams-2', {}],
      [
        'has a switch that a plain run turns off',
        'ChatInput-1 Model-2 ChatOutput-3 ChatInput-1>Model-2 Model-2>ChatOutput-3',
        { 'Model-2': { fields: { input_value: '', stream: true, code: 'yield' } } },
      ],
    ])('is run plainly when it %s', async (_, text, more) => {
      const { id, data } = flow(text, more)
      expect((await source(stub).run(call(id, { data, input_value }))).result).toBe('one two three')
      expect(stub.runs.map(({ path }) => path)).toEqual([`/api/v1/run/${id}?stream=false`])
    })
    it.each([
      'return Message(text=(SimpleNamespace(content=w) for w in words))',
      'words = (word for word in text.split())\n        return Message(text=words)',
      'for chunk in model.stream(text):',
      'async for chunk in chain.astream(x):',
      'def run(self) -> AsyncIterator[str]:',
    ])('is known by its code: %s', async (code) => {
      const { id, data } = flow('ChatInput-1 Own-2 ChatOutput-3 ChatInput-1>Own-2 Own-2>ChatOutput-3', {
        'Own-2': { fields: { input_value: '', code } },
      })
      await source(stub).run(call(id, { data, input_value }))
      expect(stub.runs.map(({ path }) => path)).toEqual([`/api/v1/run/${id}?stream=true`])
    })
    it.each([
      'return Message(text=" ".join(w for w in words))',
      'words = [w for w in text]',
      'for word in words:\n            total += 1',
      'if any(w == "x" for w in words):',
    ])('is not seen in code that gives a whole text: %s', async (code) => {
      const { id, data } = flow('ChatInput-1 Own-2 ChatOutput-3 ChatInput-1>Own-2 Own-2>ChatOutput-3', {
        'Own-2': { fields: { input_value: '', code } },
      })
      await source(stub).run(call(id, { data, input_value }))
      expect(stub.runs.map(({ path }) => path)).toEqual([`/api/v1/run/${id}?stream=false`])
    })
    it('that only looks like one is recognised at the first run, and run plainly from then on', async () => {
      const { id, data } = flow('ChatInput-1 Looks-2 ChatOutput-3 ChatInput-1>Looks-2 Looks-2>ChatOutput-3', {
        'Looks-2': { fields: { input_value: '', code: '# yields nothing: yield' } },
      })
      const first = await source(stub).run(call(id, { data, input_value }))
      expect(first).toMatchObject({ result: 'one two three', streams_only: false })
      expect(await source(stub).run(call(id, { data, input_value, streams_only: false }))).toMatchObject({
        result: 'one two three',
      })
      expect(stub.runs.map(({ path }) => path.split('=')[1])).toEqual(['true', 'false'])
    })
    it('is not assumed after an answer that is rightly empty', async () => {
      const { id, data } = flow('ChatInput-1 Silent-2 ChatOutput-3 ChatInput-1>Silent-2 Silent-2>ChatOutput-3', {
        'Silent-2': { fields: { input_value: '', code: 'return Message(text="")' } },
      })
      const answer = await source(stub).run(call(id, { data, input_value }))
      expect(answer).toMatchObject({ result: '', notes: [] })
      expect(answer).not.toHaveProperty('streams_only')
    })
    it('of unknown code is streamed once after an empty answer, and run plainly again when its text came in one piece', async () => {
      const { id, data } = flow('ChatInput-1 Silent-2 ChatOutput-3 ChatInput-1>Silent-2 Silent-2>ChatOutput-3')
      expect(await source(stub).run(call(id, { data, input_value }))).toMatchObject({
        result: '',
        streams_only: true,
        notes: [expect.stringContaining('to find that out')],
      })
      expect(await source(stub).run(call(id, { data, input_value, streams_only: true }))).toMatchObject({
        result: '',
        streams_only: false,
      })
      const third = await source(stub).run(call(id, { data, input_value, streams_only: false }))
      expect(third).toMatchObject({ result: '', notes: [] })
      expect(third).not.toHaveProperty('streams_only')
    })
  })
  it('does not take an empty input echoed for a flow that only streams', async () => {
    expect(await source(stub).run(call(stub.flows.echo, { input_value: jsonText('') }))).not.toHaveProperty(
      'streams_only',
    )
  })
  it('a streamed run without an end has failed', async () => {
    const failed = source(stub).run(call(stub.flows.fail, { streams_only: true }))
    await expect(failed).rejects.toMatchObject({
      error_code: 'flow_failed',
      failure: 'flow_failed',
      message: expect.stringContaining(version === '1.7.3' ? 'no reason' : 'rig: this flow always fails'),
    })
  })
  it('does not find an unknown flow', async () => {
    await expect(source(stub).run(call('11111111-1111-1111-1111-111111111111'))).rejects.toMatchObject({
      error_code: 'flow_not_found',
      failure: 'refused',
    })
  })

  it('a busy server is reported with the time to wait', async () => {
    await stub.set({ busy: { status: 503, retry_after: 17 } })
    await expect(source(stub).run(call(stub.flows.echo))).rejects.toMatchObject({
      error_code: 'source_busy',
      failure: 'turned_away',
      retry_after: 17,
    })
    await stub.set({ busy: { status: 429, retry_after: 5000 } })
    await expect(source(stub).run(call(stub.flows.echo))).rejects.toMatchObject({
      error_code: 'source_busy',
      retry_after: 900,
    })
  })
  it('a broken connection leaves the outcome unknown', async () => {
    await stub.set({ reset: true })
    await expect(source(stub).run(call(stub.flows.echo))).rejects.toMatchObject({
      error_code: 'outcome_unknown',
      failure: 'unknown',
      message: expect.stringContaining('its outcome is unknown'),
    })
  })
  it('running out of time leaves the outcome unknown', async () => {
    await stub.set({ slow: 'held' })
    await expect(source(stub).run(call(stub.flows.echo, { timeoutMs: patient(300) }))).rejects.toMatchObject({
      error_code: 'outcome_unknown',
      failure: 'unknown',
      message: expect.stringContaining('longer than'),
    })
    stub.release()
  })
  it("the reason of the caller's abort is thrown as it is", async () => {
    await stub.set({ slow: 'held' })
    const controller = new AbortController()
    const running = source(stub).run(call(stub.flows.echo, { signal: controller.signal }))
    await expect.poll(() => stub.inFlight).toBe(1)
    const reason = { cancelled: true }
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect(source(stub).run(call(stub.flows.echo, { signal: controller.signal }))).rejects.toBe(reason)
    stub.release()
    await expect.poll(() => stub.inFlight).toBe(0)
  })
  it('a web page is not the answer of a run', async () => {
    await stub.set({ html: true })
    await expect(source(stub).run(call(stub.flows.echo))).rejects.toMatchObject({
      error_code: 'flow_not_found',
      failure: 'refused',
    })
    await expect(source(stub).run(call(stub.flows.echo, { streams_only: true }))).rejects.toMatchObject({
      error_code: 'flow_not_found',
    })
    await expect(source(stub).probe()).rejects.toMatchObject({
      error_code: 'bad_answer',
      failure: 'refused',
      message: expect.stringContaining('is not a Langflow server'),
    })
    await expect(source(stub).listFlows()).rejects.toMatchObject({ error_code: 'flow_not_found' })
  })
  it('a refused connection is reported as one, and the port is used again when it is back', async () => {
    await source(stub).probe()
    await stub.set({ unreachable: true })
    const refused = {
      error_code: 'source_unreachable',
      failure: 'not_sent',
      message: expect.stringContaining('connection was refused'),
    }
    await expect(source(stub).probe()).rejects.toMatchObject(refused)
    await expect(source(stub).run(call(stub.flows.echo))).rejects.toMatchObject(refused)
    await stub.set({ unreachable: false })
    expect((await source(stub).run(call(stub.flows.echo, { input_value: jsonText('back') }))).result).toBe('back')
  })
})

describe('Langflow 1.7.3 with its web page', () => {
  let stub: StubLangflow
  beforeAll(async () => {
    stub = await startStubLangflow({ version: '1.7.3', frontend: true, key: null })
  })
  afterAll(() => stub.close())

  it('answers unknown flows with html: not found', async () => {
    expect(
      await source(stub, null).getFlow({ id: '11111111-1111-1111-1111-111111111111', flow_type: 'flow' }),
    ).toBeNull()
    await expect(source(stub, null).run(call('11111111-1111-1111-1111-111111111111'))).rejects.toMatchObject({
      error_code: 'flow_not_found',
      failure: 'refused',
    })
  })
  it('is used without a key where none is wanted', async () => {
    expect(await source(stub, null).probe()).toMatchObject({ release: '1.7.3' })
    expect((await source(stub, null).run(call(stub.flows.echo, { input_value: jsonText('hi') }))).result).toBe('hi')
    expect(stub.runs.at(-1)).toMatchObject({ key_ok: true })
  })
})
