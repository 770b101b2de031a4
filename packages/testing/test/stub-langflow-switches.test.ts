import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { readCallLog, startStubLangflow, type StubLangflow } from '../src/index.ts'
import { any, eventsOf, makeStarter, run, send, textsOf } from './stub-client.ts'

const { start, closeAll } = makeStarter()
afterEach(closeAll)

describe('what can be switched on a running stub', () => {
  it('a new key makes the old one wrong', async () => {
    const stub = await start({ key: 'sk-old' })
    await stub.set({ key: 'sk-new' })
    const whoami = (key: string) => send(stub, 'GET', '/api/v1/users/whoami', { 'x-api-key': key })
    expect((await whoami('sk-old')).status).toBe(403)
    expect((await whoami('sk-new')).status).toBe(200)
  })

  it('refuses to stand for a server that was never recorded', async () => {
    await expect(startStubLangflow({ version: '1.13.0', key: null })).rejects.toThrow(/without a key/)
  })

  it('held calls wait for the release, and count as in flight', async () => {
    const stub = await start()
    await stub.set({ slow: 'held' })
    const replies = [run(stub, stub.flows.echo, any('a')), run(stub, stub.flows.text, any('b'))]
    await expect.poll(() => stub.inFlight).toBe(2)
    expect(stub.runs.map(({ ended }) => ended)).toEqual([null, null])
    expect(stub.release()).toBe(2)
    expect((await Promise.all(replies)).map(({ json }) => textsOf(json))).toEqual([['a'], ['b']])
    expect(stub.runs.map(({ in_flight }) => in_flight)).toEqual([1, 2])
    expect([stub.inFlight, stub.maxInFlight]).toEqual([0, 2])
  })

  it('slow delays runs by the given time, or those of the named flow alone', async () => {
    const stub = await start()
    await stub.set({ slow: 80 }, 'text')
    await run(stub, stub.flows.text, any('a'))
    expect(stub.runs[0]?.took_ms).toBeGreaterThanOrEqual(79)
    await stub.set({ slow: 'held' }, 'text')
    expect((await run(stub, stub.flows.echo, any('b'))).status).toBe(200)
  })

  it('a slow stream shows its beginning first', async () => {
    const stub = await start()
    await stub.set({ slow: 'held' })
    const response = await fetch(`${stub.url}/api/v1/run/${stub.flows.echo}?stream=true`, {
      method: 'POST',
      headers: { 'x-api-key': stub.key ?? '' },
      body: JSON.stringify(any('hi')),
    })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    expect(eventsOf(first).map(({ event }) => event)).toEqual(['add_message'])
    stub.release()
    let rest = ''
    for (let part = await reader.read(); !part.done; part = await reader.read())
      rest += new TextDecoder().decode(part.value)
    expect(eventsOf(rest).at(-1)?.event).toBe('end')
  })

  it('failing makes any flow fail as a recorded one did, or with a given status', async () => {
    const stub = await start()
    await stub.set({ failing: true }, stub.flows.echo)
    const failed = await run(stub, stub.flows.echo, any('hi'))
    expect(failed).toMatchObject({ status: 500, text: expect.stringContaining('Error running graph') })
    const streamed = await run(stub, stub.flows.echo, any('hi'), '?stream=true')
    expect(streamed.status).toBe(200)
    expect(eventsOf(streamed.text).map(({ event }) => event)).not.toContain('end')
    await stub.set({ failing: 502 }, 'all')
    expect((await send(stub, 'GET', '/health')).status).toBe(502)
    stub.clearSwitches()
    expect((await run(stub, stub.flows.echo, any('hi'))).status).toBe(200)
  })

  it('busy says when to come back', async () => {
    const stub = await start()
    await stub.set({ busy: { status: 429, retry_after: 7 } })
    expect(await run(stub, stub.flows.echo, any('hi'))).toMatchObject({ status: 429, headers: { 'retry-after': '7' } })
  })

  it('html answers everything with a web page', async () => {
    const stub = await start()
    await stub.set({ html: true })
    const reply = await send(stub, 'GET', '/health')
    expect(reply).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(reply.text).toMatch(/^<!doctype html>/)
  })

  it('reset breaks the connection once the request was read', async () => {
    const stub = await start()
    await stub.set({ reset: true })
    await expect(run(stub, stub.flows.echo, any('hi', { session_id: 's-1' }))).rejects.toThrow()
    expect(stub.runs[0]).toMatchObject({ session_id: 's-1', input_value: 'hi', ended: 'reset' })
  })

  it('unreachable refuses connections and ends those there are, and comes back on the same port', async () => {
    const stub = await start()
    await stub.set({ slow: 'held' })
    const broken = run(stub, stub.flows.echo, any('hi')).then(
      () => 'answered',
      () => 'broken',
    )
    await expect.poll(() => stub.inFlight).toBe(1)
    await stub.set({ unreachable: true })
    expect(await broken).toBe('broken')
    expect(stub.runs[0]?.ended).toBe('down')
    await expect(send(stub, 'GET', '/health')).rejects.toThrow()
    await stub.set({ unreachable: false, slow: null })
    expect((await run(stub, stub.flows.echo, any('hi'))).status).toBe(200)
    expect(stub.inFlight).toBe(0)
  })

  it('unreachable for a time ends by itself', async () => {
    const stub = await start()
    await stub.set({ unreachable: 100 })
    await expect(send(stub, 'GET', '/health')).rejects.toThrow()
    await expect
      .poll(() =>
        send(stub, 'GET', '/health').then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200)
  })
})

describe('what a stub logs', () => {
  it('tells what came, with which key, and how it ended', async () => {
    const stub = await start({ latencyMs: 1 })
    await run(stub, 'rig-echo', any('hi', { session_id: 's-1' }))
    await send(stub, 'GET', `/api/v1/flows/?header_flows=true&x-api-key=${stub.key}`)
    await send(stub, 'GET', '/api/v1/users/whoami', { 'x-api-key': 'sk-other' })
    expect(stub.calls).toMatchObject([
      {
        method: 'POST',
        path: '/api/v1/run/rig-echo?stream=false',
        run: true,
        flow_id: stub.flows.echo,
        session_id: 's-1',
        input_value: 'hi',
        key_ok: true,
        in_flight: 1,
        status: 200,
        ended: 'answered',
      },
      { method: 'GET', path: '/api/v1/flows/?header_flows=true', run: false, key_ok: true, status: 200 },
      { path: '/api/v1/users/whoami', key_ok: false, status: 403 },
    ])
    expect(JSON.stringify(stub.calls)).not.toContain(stub.key)
  })

  const leave = async (stub: StubLangflow, query: string): Promise<void> => {
    await stub.set({ slow: 'held' })
    const options = { method: 'POST', headers: { 'x-api-key': stub.key ?? '' } }
    const client = request(`${stub.url}/api/v1/run/${stub.flows.echo}${query}`, options)
    client.on('error', () => undefined)
    client.end(JSON.stringify(any('hi')))
    await expect.poll(() => stub.inFlight).toBe(1)
    client.destroy()
    await expect.poll(() => stub.runs[0]?.ended).toBe('client_left')
  }

  it('notes at once when a client leaves, while its run goes on', async () => {
    const stub = await start()
    await leave(stub, '')
    expect(stub.inFlight).toBe(1)
    stub.release()
    await expect.poll(() => stub.inFlight).toBe(0)
  })

  it('cancels a streamed run when its client leaves', async () => {
    const stub = await start()
    await leave(stub, '?stream=true')
    await expect.poll(() => stub.inFlight).toBe(0)
  })

  it('can be read from its file, in full order, after the stub is gone and over a second start', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'spark-stub-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const logFile = join(folder, 'calls.log')
    const first = await start({ logFile })
    await run(first, first.flows.echo, any('one'))
    await first.set({ slow: 'held' })
    const broken = run(first, first.flows.echo, any('two')).catch(() => 'broken')
    const read = () => readCallLog(logFile).map(({ input_value, ended }) => [input_value, ended])
    await expect.poll(read).toEqual([
      ['one', 'answered'],
      ['two', null],
    ])
    await first.close()
    await broken
    const second = await start({ logFile })
    await run(second, second.flows.echo, any('three'))
    expect(read()).toEqual([
      ['one', 'answered'],
      ['two', 'down'],
      ['three', 'answered'],
    ])
  })

  it('is open to other processes only on request', async () => {
    const closed = await start()
    expect((await send(closed, 'GET', '/__stub/calls')).status).not.toBe(200)
    const stub = await start({ control: true })
    const set = (body: object) => send(stub, 'POST', '/__stub/set', {}, JSON.stringify(body))
    expect((await set({ failing: 503, where: 'echo' })).status).toBe(200)
    expect((await run(stub, stub.flows.echo, any('hi'))).status).toBe(503)
    expect(await set({ unreachable: true })).toMatchObject({ status: 400 })
    const seen = { calls: [{ input_value: 'hi', status: 503 }], max_in_flight: 1, in_flight: 0, unrecorded: [] }
    expect((await send(stub, 'GET', '/__stub/calls')).json).toMatchObject(seen)
    expect((await send(stub, 'GET', '/__stub/count')).json).toEqual({ runs: 1, in_flight: 0 })
    await send(stub, 'POST', '/__stub/clear')
    expect((await send(stub, 'GET', '/__stub/count')).json).toEqual({ runs: 0, in_flight: 0 })
    expect((await send(stub, 'GET', '/__stub/calls')).json).toMatchObject({ calls: [] })
  })
})
