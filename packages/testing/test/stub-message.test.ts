import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  readFixtures,
  type RecordedMessage,
  recordedPieces,
  startStubAgents,
  startStubHive,
  type StubServer,
} from '../src/index.ts'
import { makeAgentsRecogniser } from '../src/message/agents.ts'
import { makeHiveRecogniser } from '../src/message/hive.ts'
import { loadMessages } from '../src/message/manners.ts'

const servers = {
  'hive-0.1.1b2': { start: () => startStubHive({ version: '0.1.1b2' }), recogniser: makeHiveRecogniser('0.1.1b2') },
  'hive-0.2.0': { start: () => startStubHive({ version: '0.2.0' }), recogniser: makeHiveRecogniser('0.2.0') },
  'hive-0.2.0-auth-off': {
    start: () => startStubHive({ version: '0.2.0', key: null }),
    recogniser: makeHiveRecogniser('0.2.0'),
  },
  'hive-1.0.0rc6': { start: () => startStubHive({ version: '1.0.0rc6' }), recogniser: makeHiveRecogniser('1.0.0rc6') },
  'agents-0.6.19': { start: () => startStubAgents(), recogniser: makeAgentsRecogniser('0.6.19') },
}

/** Removes what a server makes for each run, and what a very long message changes. */
const steady = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replace(/\b\d{2,}(\.\d+)?\b|\d\.\d+/g, 'N')
    .replace(/T[\d:.]+/g, 'T')

describe.each(Object.entries(servers))('the stub of %s', (folder, { start, recogniser }) => {
  let stub: StubServer
  beforeAll(async () => {
    stub = await start()
  })
  afterAll(() => stub.close())

  const send = ({ request: { method, path, headers = {}, form, json, body } }: RecordedMessage) =>
    fetch(stub.url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(form
          ? { 'content-type': 'application/x-www-form-urlencoded' }
          : json === undefined
            ? {}
            : { 'content-type': 'application/json' }),
        ...Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, value.replace('<KEY>', stub.key ?? '')]),
        ),
      },
      ...(method === 'POST' && {
        body: form ? new URLSearchParams(form).toString() : json !== undefined ? JSON.stringify(json) : (body ?? ''),
      }),
    })
  // Recordings that need another state of the server. A workflow that was streamed comes last, as it differs from then on.
  const aside = /^(concurrent-first|workflow-run-after-stream)$/

  it.each(
    readFixtures(folder)
      .filter((one) => !aside.test(one.case))
      .sort((a, b) => Number(a.case.includes('stream')) - Number(b.case.includes('stream')))
      .map((one) => [one.case, one] as const),
  )('answers %s as recorded', async (_, one) => {
    const reply = await send(one)
    const text = await reply.text()
    expect(reply.status).toBe(one.response.status)
    expect(reply.headers.get('content-type')).toBe(one.response.headers['content-type'] ?? null)
    if (text.includes('trimmed')) return // recorded in part
    if (reply.status !== 200 || one.case === 'health') expect(steady(text)).toBe(steady(recordedPieces(one).join('')))
    else expect(text.slice(0, 1)).toBe(recordedPieces(one).join('').slice(0, 1))
    expect(stub.unrecorded).toEqual([])
  })
  it('uses every recording that it has', () => {
    const html = { from: 'none', status: 200, headers: {}, pieces: [] }
    expect(loadMessages({ folders: [folder], key: 'any', recogniser, html }).unused).toEqual([])
  })
  it('answers what was never recorded with 599', async () => {
    const reply = await fetch(`${stub.url}/agents/other/runs`, {
      method: 'PUT',
      headers: { 'x-api-key': stub.key ?? '', authorization: `Bearer ${stub.key}` },
    })
    expect([599, 404]).toContain(reply.status)
    stub.clearCalls()
  })
})

describe('what a server remembers', () => {
  const run = (stub: StubServer, path: string, form: Record<string, string>) =>
    fetch(stub.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${stub.key}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    })

  it('Hive: a workflow that was streamed once fails in the plain form', async () => {
    const stub = await startStubHive()
    const plain = async () =>
      (await run(stub, '/workflows/echo-workflow/runs', { message: 'hi', stream: 'false' })).text()
    expect(JSON.parse(await plain())).toMatchObject({ content: 'ECHO: HI', status: 'COMPLETED' })
    expect(
      await (await run(stub, '/workflows/echo-workflow/runs', { message: 'hi', stream: 'true' })).text(),
    ).toContain('"content":"ECHO: HI"')
    expect(await plain()).toContain('async_generator')
    await stub.close()
  })
  it('Hive: a session holds its finished run, also when the client left', async () => {
    const stub = await startStubHive()
    const session = () =>
      fetch(`${stub.url}/sessions/mine/runs?type=agent`, { headers: { authorization: `Bearer ${stub.key}` } })
    await stub.set({ slow: 'held' })
    const leaving = new AbortController()
    const running = fetch(`${stub.url}/agents/echo-agent/runs`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { authorization: `Bearer ${stub.key}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'message=stored&stream=false&session_id=mine',
    }).catch(() => null)
    await expect.poll(() => stub.inFlight).toBe(1)
    leaving.abort()
    await running
    expect((await session()).status).toBe(404)
    stub.release()
    await expect.poll(async () => (await session()).status).toBe(200)
    expect(await (await session()).json()).toMatchObject([{ run_input: 'stored', content: 'Echo: stored' }])
    await stub.close()
  })
  it('Agents: a second run in a session kills the first', async () => {
    const stub = await startStubAgents()
    const go = (message_content: string) =>
      fetch(`${stub.url}/api/v1/agent/simple/run`, {
        method: 'POST',
        headers: { 'x-api-key': stub.key ?? '', 'content-type': 'application/json' },
        body: JSON.stringify({ message_content, session_name: 'one' }),
      })
    await stub.set({ slow: 'held' })
    const first = go('first')
    await expect.poll(() => stub.inFlight).toBe(1)
    const second = go('second')
    await expect.poll(() => stub.inFlight).toBe(2)
    stub.release()
    expect((await first).status).toBe(500)
    expect(await (await second).json()).toMatchObject({ success: true, message: 'Echo: second' })
    await stub.close()
  })
})
