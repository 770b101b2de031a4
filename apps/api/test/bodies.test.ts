import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { useFixture } from '@automagik-spark/testing/fixture'
import { describe, expect, it } from 'vitest'
import { ID } from './fake-engine.ts'
import { KEY, sendRaw, startApi } from './running-api.ts'
import { rows } from './table.ts'

const api = useFixture(startApi)

const RUN = `/api/v1/workflows/${ID}/run`
const MiB = 1024 * 1024
const TOO_LARGE = { detail: `The body is larger than 1 MiB (${MiB} bytes)` }
const last = () => api.calls.at(-1)!

describe.each(rows.filter(({ takesBody }) => takesBody))('the body of $id', ({ method, path, endpoint, body }) => {
  it('refuses JSON that is none, and says where', async () => {
    const answer = await api.call(method, path, { body: '{"a": 1,\n "b": }' })
    expect([answer.status, answer.json.detail]).toEqual([
      400,
      'The body is not valid JSON: unexpected "}" at line 2, column 7',
    ])
  })

  it('refuses a field that it does not know', async () => {
    const answer = await api.call(method, path, { body: { ...(body as object), surely_unknown_1: 1 } })
    expect(answer.status).toBe(400)
    expect(answer.json.detail).toMatch(/^"surely_unknown_1": unknown field/)
  })

  it.each(['__proto__', 'constructor', 'prototype'])('refuses %s as a field', async (name) => {
    const answer = await api.call(method, path, { body: `{${JSON.stringify(name)}: {"polluted": 1}}` })
    expect(answer.status).toBe(400)
    expect(answer.json.detail).toContain(`"${name}": unknown field`)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('refuses more than 1 MiB, said beforehand or not', async () => {
    const long = JSON.stringify('x'.repeat(MiB))
    expect(await api.call(method, path, { body: long })).toMatchObject({ status: 413, json: TOO_LARGE })
    const chunked = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent <= MiB; sent += 65_536) controller.enqueue(new Uint8Array(65_536).fill(32))
        controller.close()
      },
    })
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: { 'X-API-Key': KEY },
      body: chunked,
      duplex: 'half',
    })
    expect([response.status, await response.json()]).toEqual([413, TOO_LARGE])
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/jsonx',
    'text/json',
    'json',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
  ])('refuses the type "%s"', async (type) => {
    const answer = await api.call(method, path, { body: '{}', headers: { 'Content-Type': type } })
    expect(answer.status).toBe(415)
    expect(answer.json.detail).toMatch(/^Content-Type: /)
  })

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
    'application/merge-patch+json',
    'application/vnd.api+json',
  ])('takes the type "%s"', async (type) => {
    expect(
      (await api.call(method, path, { body: JSON.stringify(body ?? {}), headers: { 'Content-Type': type } })).status,
    ).toBe(endpoint.status)
  })

  it('reads a missing type as JSON', async () => {
    const bytes = Buffer.from(JSON.stringify(body ?? {}))
    const response = await fetch(`${api.url}${path}`, { method, headers: { 'X-API-Key': KEY }, body: bytes })
    expect(response.status).toBe(endpoint.status)
  })

  it('refuses a compressed body', async () => {
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: { 'X-API-Key': KEY, 'Content-Encoding': 'gzip' },
      body: gzipSync('{}'),
    })
    expect(response.status).toBe(415)
  })

  it(endpoint.emptyBody ? 'may be missing' : 'must be there', async () => {
    const answer = await api.call(method, path)
    if (endpoint.emptyBody) expect(answer.status).toBe(endpoint.status)
    else expect([answer.status, answer.json.detail]).toEqual([400, 'The body is empty: JSON is needed'])
  })

  it(endpoint.emptyBody ? 'is taken for a missing one when it is null' : 'must not be null', async () => {
    expect((await api.call(method, path, { body: 'null' })).status).toBe(endpoint.emptyBody ? endpoint.status : 400)
  })

  it('refuses JSON 5,000 levels deep and lives on', async () => {
    for (const deep of ['['.repeat(5000), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, '['.repeat(MiB - 1)]) {
      const answer = await api.call(method, path, { body: deep })
      expect([answer.status, answer.json.detail]).toEqual([400, 'The body is nested deeper than 64 levels'])
    }
    expect((await api.call('GET', '/health')).status).toBe(200)
  })

  it('refuses bytes that are no UTF-8', async () => {
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: { 'X-API-Key': KEY },
      body: Buffer.from([0x22, 0xff, 0xfe, 0x22]),
    })
    expect([response.status, ((await response.json()) as { detail: string }).detail]).toEqual([
      400,
      'The body is not valid UTF-8',
    ])
  })
})

describe('the input of a run', () => {
  it.each(['"Hello"', '"{\\"a\\":1}"', '""', ' "é \\ud83d\\ude00" ', '"\\u00e9\\/a\\u0000\\ud800"'])(
    'may be the JSON string %s, which stays as it is written',
    async (body) => {
      expect((await api.call('POST', RUN, { body })).status).toBe(200)
      expect(last()[2]).toBe(body.trim())
    },
  )

  it.each([
    '1',
    '"x"',
    'true',
    '[]',
    '{"a":{"b":[1,null]}}',
    '{ "2": 1234567890123456789, "1" :1.10, "a":1,"a": -0, "__proto__":[1E400 ] }',
    '"\\u0000\\ud800"',
  ])('may be %s in input_value, which stays as it is written', async (text) => {
    expect((await api.call('POST', RUN, { body: `{"input_value": ${text} }` })).status).toBe(200)
    expect(last()[2]).toEqual({ input_value: text })
  })
  it.each([
    [undefined, {}],
    ['{}', {}],
    ['{"session_id": "a"}', { session_id: 'a' }],
  ])('may be left out, which is none: %s', async (body, given) => {
    expect((await api.call('POST', RUN, body === undefined ? {} : { body })).status).toBe(200)
    expect(last()[2]).toEqual(given)
  })
  it('is none where the body is null', async () => {
    expect((await api.call('POST', RUN, { body: ' null ' })).status).toBe(200)
    expect(last()[2]).toEqual({})
  })

  it('may be null, which is none', async () => {
    expect((await api.call('POST', RUN, { body: '{"input_value": null}' })).status).toBe(200)
    expect(last()[2]).toEqual({ input_value: null })
  })

  it('is the last of doubled fields, for the check and for the flow', async () => {
    const deep = `${'['.repeat(40)}${']'.repeat(40)}`
    expect(
      (
        await api.call('POST', RUN, {
          body: `{"input_value": ${deep}, "tweaks": 5, "input\\u005fvalue": {"n": 1.10}, "tweaks": {"a": 1.0}}`,
        })
      ).status,
    ).toBe(200)
    expect(last()[2]).toEqual({ input_value: '{"n": 1.10}', tweaks: '{"a": 1.0}' })
    const answer = await api.call('POST', RUN, { body: `{"input_value": 1, "input\\u005fvalue": ${deep}}` })
    expect([answer.status, answer.json.detail]).toEqual([400, 'input_value: must not be nested deeper than 32 levels'])
  })

  it('keeps __proto__ and its like as data', async () => {
    const body =
      '{"input_value": {"__proto__": {"polluted": 1}, "constructor": 2}, "tweaks": {"__proto__": {"polluted": 1}, "prototype": 3}}'
    expect((await api.call('POST', RUN, { body })).status).toBe(200)
    expect(last()[2]).toEqual({
      input_value: '{"__proto__": {"polluted": 1}, "constructor": 2}',
      tweaks: '{"__proto__": {"polluted": 1}, "prototype": 3}',
    })
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it.each([
    ['5', 'body: must be a JSON string, the input, or an object with input_value'],
    ['[]', 'body: must be a JSON string, the input, or an object with input_value'],
    ['{"input_valu": 1}', '"input_valu": unknown field, did you mean "input_value"?'],
    ['{"input_value": 1, "timeout": 0}', 'timeout: must be 1 to 3600 seconds'],
    ['{"input_value": 1, "timeout": "60"}', 'timeout: must be a whole number of seconds'],
    ['{"input_value": 1, "max_retries": 101}', 'max_retries: must be a whole number from 0 to 100'],
    ['{"input_value": 1, "retry_on": "always"}', 'retry_on: must be safe, failure or unknown'],
    ['{"input_value": 1, "tweaks": []}', 'tweaks: must be an object'],
    ['{"input_value": 1, "session_id": ""}', 'session_id: must not be empty'],
    ['{"input_value": 1, "session_id": "a\\u0000b"}', 'session_id: must not contain the NUL character'],
    [
      '{"input_value": 1, "session_id": "\\ud800"}',
      'session_id: must be well-formed Unicode (it has half of a surrogate pair)',
    ],
    [`{"input_value": ${'['.repeat(40)}${']'.repeat(40)}}`, 'input_value: must not be nested deeper than 32 levels'],
    [`{"input_value": [${'1,'.repeat(10_000)}1]}`, 'input_value: must not have more than 10000 keys and elements'],
  ])('%s is a 400 that says what to do', async (body, detail) => {
    const answer = await api.call('POST', RUN, { body })
    expect([answer.status, answer.json.detail]).toEqual([400, detail])
  })
})

describe('fields', () => {
  it('are all named at once, a misspelt name first', async () => {
    const answer = await api.call('POST', '/api/v1/schedules', { body: { schedule_exp: '5m', timezone: 5 } })
    expect(answer.json.detail).toMatch(
      /^"schedule_exp": unknown field, did you mean "schedule_expr"\?; .*; and 2 more$/,
    )
    expect(answer.json.errors?.map(({ path }) => path)).toEqual([
      'schedule_exp',
      'workflow_id',
      'schedule_type',
      'schedule_expr',
      'timezone',
    ])
  })

  it('of unknown name are listed twenty at most', async () => {
    const answer = await api.call('POST', '/api/v1/sources', {
      body: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`x${i}`, 1])),
    })
    expect(answer.status).toBe(400)
    expect(answer.json.errors).toHaveLength(20)
  })

  it('never come back in a message', async () => {
    const secret = 'sk-canary-4711'
    const attempts = [
      `{"url": "x", "api_key": "${secret}",}`,
      `{"url": "x", "api_key": ["${secret}"]}`,
      `{"url": 5, "api_key": "${secret}"}`,
      `{"url": "x", "api_key": "${secret}", "status": "active"}`,
    ]
    for (const body of attempts) {
      const answer = await api.call('POST', '/api/v1/sources', { body })
      expect(answer.status).toBe(400)
      expect(answer.text).not.toContain(secret)
    }
  })
})

describe('a connection', () => {
  it('is good for the next request after a body was refused', async () => {
    const long = 'x'.repeat(2 * MiB)
    const head = (path: string, more: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n${more}\r\n`
    const bye = `GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const said = await sendRaw(api.port, head(RUN, `Content-Length: ${long.length}\r\n`), long, bye)
    expect(said.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
    const chunked = await sendRaw(
      api.port,
      head(RUN, 'Transfer-Encoding: chunked\r\n'),
      `${long.length.toString(16)}\r\n${long}\r\n0\r\n\r\n`,
      bye,
    )
    expect(chunked.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413', 'HTTP/1.1 200'])
    const unread = await sendRaw(
      api.port,
      `POST ${RUN} HTTP/1.1\r\nHost: x\r\nContent-Length: ${long.length}\r\n\r\n`,
      long,
      bye,
    )
    expect(unread.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401', 'HTTP/1.1 200'])
  })

  it('is told to send a body only when it will be read', async () => {
    const ask = (key: string, length: number) =>
      `POST ${RUN} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${key}\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`
    expect((await sendRaw(api.port, ask('wrong', 7), '')).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401'])
    expect((await sendRaw(api.port, ask(KEY, 2 * MiB), '')).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 413'])
    expect((await sendRaw(api.port, ask(KEY, 7), '"Hello"')).match(/HTTP\/1\.1 \d+/g)).toEqual([
      'HTTP/1.1 100',
      'HTTP/1.1 200',
    ])
  })

  it('that ends in the middle of a body changes nothing', async () => {
    api.calls.length = 0
    await new Promise<void>((resolve) => {
      const socket = connect(api.port, '127.0.0.1', () => {
        socket.write(`POST ${RUN} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\nContent-Length: 100\r\n\r\n"Hel`, () =>
          socket.destroy(),
        )
      })
      socket.on('close', () => resolve())
    })
    await expect
      .poll(() => api.log.find(({ message }) => message === 'client left'))
      .toMatchObject({ method: 'POST', path: RUN })
    expect(api.calls).toEqual([])
    expect(api.log.filter(({ level }) => level === 'error')).toEqual([])
  })

  it('with headers over 16 KiB gets a 431, and what is not HTTP a 400', async () => {
    const large = await sendRaw(api.port, `GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(17 * 1024)}\r\n\r\n`)
    expect(large).toMatch(/^HTTP\/1\.1 431 /)
    expect(large).toContain('{"detail":"The headers are larger than 16 KiB"}')
    const nonsense = await sendRaw(api.port, 'hello\r\n\r\n')
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 /)
    expect(nonsense).toMatch(/X-Request-Id: [0-9a-f-]{36}/)
  })
})
