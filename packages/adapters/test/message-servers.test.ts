import { type FlowType, jsonText, SourceError, SourceType } from '@automagik-spark/core'
import { hiveVersions, patient, startStubAgents, startStubHive, type StubServer } from '@automagik-spark/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  detectSourceType,
  type JsonValue,
  type LostCall,
  makeHttpPool,
  makeSource,
  RECOVERING_TYPES,
  type RunCall,
  type Source,
} from '../src/index.ts'
import { bodyOf, serve } from './servers.ts'

const pool = makeHttpPool({ policy: { mode: 'private', hosts: [], ranges: [] } })
afterAll(() => pool.close())

const call = (flow_type: FlowType, flow_id: string, more: Partial<RunCall> = {}): RunCall => ({
  flow_id,
  flow_type,
  input_value: jsonText('Olá 🚀 "quoted"\nline 2'),
  session_id: 'task-own',
  tweaks: null,
  input_component: null,
  output_component: null,
  data: { id: flow_id },
  streams_only: null,
  timeoutMs: patient(10_000),
  signal: new AbortController().signal,
  ...more,
})
/** A call with what the engine stores at a sync. */
const synced = async (from: Source, flow_type: FlowType, id: string, more: Partial<RunCall> = {}): Promise<RunCall> => {
  const flow = await from.getFlow({ id, flow_type })
  if (!flow) throw new Error(`no ${flow_type} ${id}`)
  return call(flow_type, id, { data: flow.data, ...from.components(flow, {}), ...more })
}

type Server = {
  name: string
  type: SourceType
  start: () => Promise<StubServer>
  version: string
  features: string[]
  runs: [FlowType, string, (input: string) => string][]
}
const servers: Server[] = [
  ...hiveVersions.map((version): Server => ({
    name: `Hive ${version}`,
    type: 'automagik-hive',
    start: () => startStubHive({ version, key: 'key-1' }),
    version: { '0.1.1b2': '0.1', '0.2.0': '0.2.0', '1.0.0rc6': '1.0.0' }[version],
    features: version === '0.1.1b2' ? ['stream'] : ['stream', 'recover'],
    runs: [
      ['agent', 'echo-agent', (input) => `Echo: ${input}`],
      ['team', version === '0.2.0' ? 'gpt-stub' : 'echo-team', (input) => `Team answer: ${input}`],
      ['workflow', 'echo-workflow', (input) => `ECHO: ${input.toUpperCase()}`],
    ],
  })),
  {
    name: 'Agents 0.6.19',
    type: 'automagik-agents',
    start: () => startStubAgents({ key: 'key-1' }),
    version: '0.6.19',
    features: [],
    runs: [['agent', 'simple', (input) => `Echo: ${input}`]],
  },
]

describe.each(servers)('$name', ({ type, start, version, features, runs, name: server }) => {
  let stub: StubServer
  beforeAll(async () => {
    stub = await start()
  })
  afterAll(() => stub.close())
  afterEach(() => {
    stub.clearSwitches()
    try {
      stub.assertOnlyRecorded()
    } finally {
      stub.clearCalls()
    }
  })
  const source = (api_key: string | null = 'key-1') => makeSource({ source_type: type, url: stub.url, api_key, pool })
  const [[kind, id, answerTo]] = runs as [Server['runs'][0]]

  it('is recognised without a key, and probed with it', async () => {
    expect(await detectSourceType({ url: stub.url, pool })).toBe(type)
    expect(await source().probe()).toMatchObject({
      version,
      features,
      status: expect.any(String),
      name: expect.stringMatching(/AgentOS|Automagik/),
    })
  })
  it('tells a wrong key from a missing one', async () => {
    const refused = { error_code: 'key_refused', failure: 'refused' }
    await expect(source('wrong').probe()).rejects.toMatchObject({
      ...refused,
      message: `${stub.url} refused the API key (HTTP 401). Give the source a valid api_key.`,
    })
    await expect(source(null).probe()).rejects.toMatchObject({
      ...refused,
      message: `${stub.url} wants an API key (HTTP 401) and the source has none. Set its api_key.`,
    })
    await expect(
      source('wrong').run(call(kind, id, server.includes('0.1') ? { data: { agent_id: id } } : {})),
    ).rejects.toMatchObject(refused)
  })
  it.each(['langflow', 'automagik-hive', 'automagik-agents'] as const)(
    'is no %s, unless it is, and says which kind it is',
    async (other) => {
      const probing = makeSource({ source_type: other, url: stub.url, api_key: 'key-1', pool }).probe()
      if (other === type) expect(await probing).toMatchObject({ version })
      else
        await expect(probing).rejects.toMatchObject({
          error_code: 'bad_answer',
          failure: 'refused',
          message: expect.stringContaining(`Give source_type ${type}, or leave it out.`),
        })
    },
  )
  it('lists what it has, and gives each whole', async () => {
    const list = await source().listFlows()
    expect(new Set(list.map(({ flow_type, id: one }) => `${flow_type}:${one}`)).size).toBe(list.length)
    for (const [flow_type, one] of runs) {
      expect(list).toContainEqual(
        expect.objectContaining({
          flow_type,
          id: one,
          data: null,
          components: [expect.objectContaining({ id: 'message' }), expect.objectContaining({ id: 'result' })],
        }),
      )
      const flow = await source().getFlow({ flow_type, id: one })
      expect(flow).toMatchObject({
        flow_type,
        id: one,
        data: expect.any(Object),
        description: expect.stringMatching(/\w/),
      })
      expect(await source().findFlows(one)).toEqual([flow])
      if (type === 'automagik-hive') expect(await source().findFlows(`${flow_type}:${one}`)).toEqual([flow])
      expect(source().components(flow!, {})).toMatchObject({
        input_component: 'message',
        output_component: 'result',
        warnings: [],
      })
      expect(source().canonicalGraph(flow!)).toEqual(
        source().canonicalGraph((await source().getFlow({ flow_type, id: one }))!),
      )
    }
  })
  it('has no unknown flow, and none whose id would leave its path', async () => {
    expect(await source().findFlows('nope')).toEqual([])
    for (const bad of ['../agents', '..', '%2e%2e%2f', '..%252f', 'a/b', 'a\u0000']) {
      expect(await source().getFlow({ flow_type: kind, id: bad })).toBeNull()
      await expect(source().run(call(kind, bad))).rejects.toMatchObject({
        error_code: 'flow_not_found',
        failure: 'refused',
      })
    }
    stub.clearCalls()
    await expect(source().run(call(kind, '../agents'))).rejects.toMatchObject({ error_code: 'flow_not_found' })
    expect(stub.calls).toEqual([])
    await expect(source().run(await synced(source(), kind, id, { flow_id: 'nope' }))).rejects.toMatchObject({
      error_code: 'flow_not_found',
      failure: 'refused',
    })
  })

  it.each(runs)('runs %s %s, whose input arrives and whose content is the answer', async (flow_type, one, text) => {
    const answer = await source().run(await synced(source(), flow_type, one))
    expect(answer).toMatchObject({ result: text('Olá 🚀 "quoted"\nline 2'), answer: expect.stringMatching(/^\{/) })
    expect(answer.bytes).toBeGreaterThan(10)
    expect(stub.runs.at(-1)).toMatchObject({
      input_value: 'Olá 🚀 "quoted"\nline 2',
      session_id: 'task-own',
      key_ok: true,
      status: 200,
    })
  })
  it.each<[JsonValue, string]>([
    [{ event: 'x', n: 1 }, '{"event":"x","n":1}'],
    [5, '5'],
    [[1, 'a'], '[1,"a"]'],
    [null, 'null'],
    [true, 'true'],
    ['a&b=c%20+d', 'a&b=c%20+d'],
  ])('sends the input %j as the text %j', async (input_value, text) => {
    expect((await source().run(await synced(source(), kind, id, { input_value: jsonText(input_value) }))).result).toBe(
      answerTo(text),
    )
    expect(stub.runs[0]).toMatchObject({ input_value: text })
  })
  it('says why a run failed, where its server says it', async () => {
    const message =
      type === 'automagik-hive'
        ? /gave no reason \(HTTP 500\)/
        : /^The flow failed: I apologize, but I encountered an issue/
    await expect(
      source().run(await synced(source(), kind, id, { input_value: jsonText('[[fail]]') })),
    ).rejects.toMatchObject({
      error_code: 'flow_failed',
      failure: 'flow_failed',
      message: expect.stringMatching(message),
    })
  })
  it('refuses tweaks, as it has no components', async () => {
    await expect(source().run(call(kind, id, { tweaks: jsonText({ 'ChatInput-1': { x: 1 } }) }))).rejects.toMatchObject(
      { error_code: 'bad_request', failure: 'refused', message: expect.stringContaining('Leave tweaks out') },
    )
    expect(stub.runs).toEqual([])
  })
  it('gives each call the session that it is told', async () => {
    await stub.set({ slow: 'held' })
    const running = Promise.all(
      ['one', 'two', 'three'].map(async (session_id) =>
        source().run(await synced(source(), kind, id, { session_id, input_value: jsonText(session_id) })),
      ),
    )
    await expect.poll(() => stub.inFlight).toBe(3)
    stub.release()
    expect((await running).map(({ result }) => result)).toEqual(['one', 'two', 'three'].map(answerTo))
  })

  it('a busy server, a broken connection, a timeout and an abort are told apart', async () => {
    const run = async (more: Partial<RunCall> = {}) => source().run(await synced(source(), kind, id, more))
    await stub.set({ busy: { status: 503, retry_after: 17 } })
    await expect(run()).rejects.toMatchObject({ error_code: 'source_busy', failure: 'turned_away', retry_after: 17 })
    stub.clearSwitches()
    await stub.set({ reset: true })
    await expect(run()).rejects.toMatchObject({ error_code: 'outcome_unknown', failure: 'unknown' })
    stub.clearSwitches()
    await stub.set({ slow: 'held' })
    await expect(run({ timeoutMs: patient(300) })).rejects.toMatchObject({
      error_code: 'outcome_unknown',
      failure: 'unknown',
      message: expect.stringContaining('longer than'),
    })
    const leaving = new AbortController()
    const running = run({ signal: leaving.signal })
    await expect.poll(() => stub.inFlight).toBe(2)
    const reason = { cancelled: true }
    leaving.abort(reason)
    await expect(running).rejects.toBe(reason)
    stub.release()
    await expect.poll(() => stub.inFlight).toBe(0)
  })
  it('a web page is not one of its answers', async () => {
    const target = await synced(source(), kind, id)
    await stub.set({ html: true })
    await expect(source().run(target)).rejects.toMatchObject({ error_code: 'flow_not_found', failure: 'refused' })
    await expect(source().probe()).rejects.toMatchObject({
      error_code: 'bad_answer',
      failure: 'refused',
      message: expect.stringContaining('is not an Automagik'),
    })
    await expect(source().listFlows()).rejects.toBeInstanceOf(SourceError)
  })
  it('a refused connection is reported as one', async () => {
    const target = await synced(source(), kind, id)
    await stub.set({ unreachable: true })
    const refused = {
      error_code: 'source_unreachable',
      failure: 'not_sent',
      message: expect.stringContaining('connection was refused'),
    }
    await expect(source().probe()).rejects.toMatchObject(refused)
    await expect(source().run(target)).rejects.toMatchObject(refused)
    await expect(detectSourceType({ url: stub.url, pool })).rejects.toMatchObject(refused)
    await stub.set({ unreachable: false })
    expect((await source().run(target)).result).toBe(answerTo('Olá 🚀 "quoted"\nline 2'))
  })
})

describe('what only Hive does', () => {
  const started: StubServer[] = []
  afterEach(async () => {
    await Promise.all(started.splice(0).map((stub) => stub.close()))
  })
  const hive = async (options: Parameters<typeof startStubHive>[0] = {}) => {
    const stub = await startStubHive(options)
    started.push(stub)
    return { stub, source: makeSource({ source_type: 'automagik-hive', url: stub.url, api_key: stub.key, pool }) }
  }

  it('an id of an agent and a team is told apart by the kind', async () => {
    const { source } = await hive({ version: '0.2.0' })
    expect((await source.findFlows('team:gpt-stub')).map(({ name }) => name)).toEqual(['Echo Team'])
  })
  it('accepts a server that needs no key, with a key and without', async () => {
    const { stub, source } = await hive({ version: '0.2.0', key: null })
    expect(await source.probe()).toMatchObject({ version: '0.2.0' })
    expect((await source.run(call('agent', 'echo-agent', { input_value: jsonText('hello') }))).result).toBe(
      'Echo: hello',
    )
    expect(
      await makeSource({ source_type: 'automagik-hive', url: stub.url, api_key: 'any', pool }).probe(),
    ).toMatchObject({ version: '0.2.0' })
  })
  it.each(['0.2.0', '1.0.0rc6'] as const)(
    '%s: a workflow that somebody streamed is streamed from then on, and no agent ever is',
    async (version) => {
      const { stub, source } = await hive({ version })
      const workflow = await synced(source, 'workflow', 'echo-workflow', { input_value: jsonText('hi') })
      expect(await source.run(workflow)).not.toHaveProperty('streams_only')
      await source.run({ ...workflow, streams_only: true }) // by another client
      stub.clearCalls()
      const answer = await source.run(workflow)
      expect(answer).toMatchObject({
        result: 'ECHO: HI',
        streams_only: true,
        notes: [expect.stringContaining('streamed form')],
      })
      expect(stub.runs.map(({ from }) => from)).toEqual(['workflow-run-after-stream', 'workflow-run-stream'])
      expect(await source.run({ ...workflow, streams_only: true })).toMatchObject({ result: 'ECHO: HI' })
      expect(stub.runs).toHaveLength(3)
    },
  )
  it('0.1: its workflows are streamed from the start, and run once', async () => {
    const { stub, source } = await hive({ version: '0.1.1b2' })
    const answer = await source.run(await synced(source, 'workflow', 'echo-workflow', { input_value: jsonText('hi') }))
    expect(answer).toMatchObject({ result: 'ECHO: HI', notes: [] })
    expect(answer).not.toHaveProperty('streams_only')
    expect(stub.runs.map(({ from }) => from)).toEqual(['workflow-run-stream'])
  })
  it('a server that was upgraded since the sync is found at its new place', async () => {
    const { source } = await hive({ version: '1.0.0rc6' })
    const old = call('agent', 'echo-agent', { data: { agent_id: 'echo-agent' }, input_value: jsonText('hi') })
    expect((await source.run(old)).result).toBe('Echo: hi')
  })
  it.each<[number, string, string]>([
    // agno passes on the status and the text of its model's provider.
    [401, 'Incorrect API key provided: sk-…', 'flow_failed'],
    [429, 'Rate limit reached for gpt-4o', 'flow_failed'],
    [400, 'model refused: bad request', 'flow_failed'],
    [404, 'The model `gpt-9` does not exist', 'flow_failed'],
    [404, 'Model not found: gpt-9', 'flow_failed'],
    [422, 'Unprocessable: too many tokens', 'flow_failed'],
    [404, 'Team not found', 'flow_not_found'],
    [404, 'Not Found', 'flow_not_found'],
    [401, 'Invalid authentication token', 'key_refused'],
    [429, 'Too Many Requests', 'source_busy'],
    [404, 'Agent not found', 'flow_not_found'],
  ])('%i with "%s" is %s', async (status, detail, error_code) => {
    const { url } = await serve((_, response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ detail })),
    )
    const source = makeSource({ source_type: 'automagik-hive', url, api_key: 'k', pool })
    await expect(source.run(call('agent', 'a'))).rejects.toMatchObject({
      error_code,
      message: expect.stringContaining(detail),
    })
  })
  it('an input over 1 MiB, counted as a form encodes it, is refused before it is sent', async () => {
    const { stub, source } = await hive()
    await expect(
      source.run(call('agent', 'echo-agent', { input_value: jsonText('é'.repeat(500_000)) })),
    ).rejects.toMatchObject({
      error_code: 'bad_request',
      failure: 'refused',
      message: 'The input has 3000000 bytes as a form sends it, and Automagik Hive takes at most 1048569.',
    })
    await expect(
      source.run(call('agent', 'echo-agent', { input_value: jsonText('&'.repeat(350_000)) })),
    ).rejects.toMatchObject({ error_code: 'bad_request' })
    expect(
      (
        await source.run(
          call('agent', 'echo-agent', { input_value: jsonText('x'.repeat(1024 * 1024 - 'message'.length)) }),
        )
      ).result,
    ).toContain('xxx')
    expect(stub.runs).toHaveLength(1)
  })
  it('a workflow of 0.1 takes JSON, which has no such limit', async () => {
    const { source } = await hive({ version: '0.1.1b2' })
    expect(
      (
        await source.run(
          await synced(source, 'workflow', 'echo-workflow', { input_value: jsonText('é'.repeat(400_000)) }),
        )
      ).result,
    ).toContain('ÉÉÉ')
  })
  it.each([
    ['2.8.9', []],
    ['2.9.0', ['input_value']],
    ['3.1.10', ['input_value']],
    ['1.7.12', []],
    [null, []],
    ['unknown', []],
  ])('with agno %s an empty input is refused when it is asked for: %j', async (agno, paths) => {
    const { source } = await hive()
    const asked = {
      flow_type: 'agent' as const,
      tweaks: null,
      input_component: null,
      data: null,
      server: agno === null ? null : { version: '1', name: 'x', status: 'ok', features: [], agno },
    }
    expect(source.checkRun({ ...asked, input_value: jsonText('') }).errors.map(({ path }) => path)).toEqual(paths)
    expect(source.checkRun({ ...asked, input_value: null }).errors.map(({ path }) => path)).toEqual(paths)
    expect(source.checkRun({ ...asked, input_value: jsonText('hi') }).errors).toEqual([])
    expect(
      source.checkRun({ ...asked, input_value: jsonText('hi'), tweaks: jsonText({ a: {} }) }).errors,
    ).toMatchObject([{ path: 'tweaks' }])
    expect(
      source.checkRun({ ...asked, input_value: jsonText('é'.repeat(500_000)), tweaks: jsonText({}) }).errors,
    ).toMatchObject([{ path: 'input_value' }])
  })
  it('names a chosen component that does not exist, except for the names of old clients', async () => {
    const { source } = await hive()
    const flow = (await source.getFlow({ id: 'echo-agent', flow_type: 'agent' }))!
    expect(source.components(flow, { input_component: 'input', output_component: 'output' }).warnings).toEqual([])
    expect(source.components(flow, { input_component: 'ChatInput-1' })).toMatchObject({
      input_component: 'message',
      warnings: ['The agent has no component "ChatInput-1"; message is used.'],
    })
  })
})

it('Agents: an older server that does not know the origin of the call is called without it', async () => {
  const bodies: string[] = []
  const { url } = await serve(
    (request, response) =>
      void bodyOf(request).then((body) => {
        bodies.push(body)
        const known = !body.includes('session_origin')
        response.writeHead(known ? 200 : 422, { 'content-type': 'application/json' })
        response.end(
          JSON.stringify(
            known
              ? { message: 'fine', success: true }
              : { detail: [{ loc: ['body', 'session_origin'], msg: "Input should be 'web' or 'cli'" }] },
          ),
        )
      }),
  )
  expect(
    await makeSource({ source_type: 'automagik-agents', url, api_key: null, pool }).run(
      call('agent', 'simple', { input_value: jsonText('hi') }),
    ),
  ).toMatchObject({ result: 'fine' })
  expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([
    { message_content: 'hi', session_name: 'task-own', session_origin: 'automagik-spark' },
    { message_content: 'hi', session_name: 'task-own' },
  ])
})

describe('a server that is up and unhealthy', () => {
  it.each<[SourceType, Record<string, unknown>]>([
    [
      'automagik-hive',
      { '/api/v1/health': { status: 'degraded CANARY', service: 'Automagik Hive Multi-Agent System' } },
    ],
    ['automagik-hive', { '/': { name: 'AgentOS API', version: '1.0.0' }, '/health': { status: 'CANARY' } }],
    ['automagik-agents', { '/': { name: 'Automagik API', version: '0.6.19' }, '/health': { status: 'CANARY' } }],
    ['langflow', { '/api/v1/version': { version: '1.13.0', package: 'Langflow' }, '/health': { status: 'CANARY' } }],
  ])('%s says so, and the probe does not repeat its words', async (source_type, pages) => {
    const { url } = await serve((request, response) => {
      const page = pages[request.url ?? '']
      response.writeHead(page ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(page ?? {}))
    })
    await expect(makeSource({ source_type, url, api_key: null, pool }).probe()).rejects.toMatchObject({
      error_code: 'source_unreachable',
      failure: 'unknown',
      message: `${url} answers, and says that it is not healthy. Look at the server's own log.`,
    })
  })
})

describe('the outcome of a lost call', () => {
  const lost = (run: RunCall, more: Partial<LostCall> = {}): LostCall => ({
    ...run,
    own_session: true,
    tries: 1,
    ...more,
  })

  it.each(['0.2.0', '1.0.0rc6'] as const)('Hive %s is asked: not over, then completed', async (version) => {
    const stub = await startStubHive({ version })
    const source = makeSource({ source_type: 'automagik-hive', url: stub.url, api_key: stub.key, pool })
    const run = await synced(source, 'agent', 'echo-agent', {
      session_id: 'lost-1',
      input_value: jsonText('lost and found'),
      timeoutMs: patient(300),
    })
    await stub.set({ slow: 'held' })
    await expect(source.run(run)).rejects.toMatchObject({ failure: 'unknown' })
    // For 0.2.0 the answer to an unknown session in a named database was not recorded.
    if (version === '1.0.0rc6') expect(await source.recover?.(lost(run))).toEqual({ state: 'running' })
    stub.release()
    await expect.poll(() => stub.inFlight).toBe(0)
    expect(await source.recover?.(lost(run))).toMatchObject({
      state: 'completed',
      result: 'Echo: lost and found',
      notes: [],
    })
    // Another run in a shared session proves nothing, nor does a run with another input, nor a session that is not stored.
    expect(await source.recover?.(lost(run, { own_session: false }))).toEqual({ state: 'unknown' })
    expect(await source.recover?.(lost(run, { input_value: jsonText('another') }))).toEqual({ state: 'running' })
    expect(await source.recover?.(lost(run, { data: { id: 'echo-agent' } }))).toEqual({ state: 'unknown' })
    stub.assertOnlyRecorded()
    await stub.close()
  })
  it('is recovered by kind and database, from the session of the task, and only where that can tell', async () => {
    let status = 404
    const { url, seen } = await serve((_, response) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"detail":"Session not found"}'),
    )
    const source = makeSource({ source_type: 'automagik-hive', url, api_key: 'k', pool })
    const ask = (more: Partial<LostCall> = {}) =>
      source.recover!(
        lost(call('team', 'a', { session_id: 'task/1', data: { id: 'a', db_id: 'd&b' } }), {
          session_id: 'task-1',
          ...more,
        }),
      )
    expect(await ask()).toEqual({ state: 'running' })
    expect(seen).toEqual(['GET /sessions/task-1/runs?type=team&db_id=d%26b'])
    for (const more of [
      { own_session: false },
      { data: { id: 'a' } },
      { data: { team_id: 'a' } },
      { data: null },
      { flow_type: 'flow' as const },
    ])
      expect(await ask(more)).toEqual({ state: 'unknown' })
    expect(seen).toHaveLength(1)
    // A server that refuses to tell refuses later, too; one that is away may tell.
    for (status of [400, 401, 403]) expect(await ask()).toEqual({ state: 'unknown' })
    for (status of [429, 500, 502]) await expect(ask()).rejects.toBeInstanceOf(SourceError)
  })
  it.each(SourceType.options)('the table of kinds says whether a lost call of %s can be recovered', (source_type) => {
    const source = makeSource({ source_type, url: 'http://localhost:1', api_key: null, pool })
    expect(source.recover !== undefined).toBe(RECOVERING_TYPES.includes(source_type))
  })
})
