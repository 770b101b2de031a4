import { describe, expect, it } from 'vitest'
import { type LogFormat, type LogLevel, makeLogger } from './logger.ts'

const API_KEY = 'spark_canary-Key_0123456789'
const OTHER = 'p"ss\\wörd & more'

const start = (options: { level?: LogLevel; format?: LogFormat; secrets?: Iterable<string> } = {}) => {
  let written = ''
  const logger = makeLogger({
    level: 'info',
    format: 'json',
    ...options,
    destination: { write: (text) => void (written += text) },
  })
  return {
    logger,
    text: () => written,
    lines: () => written.split('\n').slice(0, -1),
    /** The one line that was written. */
    line: (): Record<string, unknown> => JSON.parse(written) as Record<string, unknown>, // what pino writes is an object
  }
}

describe('makeLogger', () => {
  it('writes an event as one line of JSON with level, time and message', () => {
    const { logger, lines, line } = start()
    logger.info({ task_id: 't1', took_ms: 12, count: null }, 'task finished')
    expect(lines()).toHaveLength(1)
    expect(line()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
      task_id: 't1',
      took_ms: 12,
      count: null,
      msg: 'task finished',
    })
  })

  it('writes nothing below its level', () => {
    const { logger, text } = start({ level: 'warn' })
    logger.info({}, 'quiet')
    expect(text()).toBe('')
  })

  it.each(['json', 'pretty'] as const)('keeps one line and obeys no control character (%s)', (format) => {
    const { logger, text, lines } = start({ format })
    logger.info(
      { detail: 'a\r\n{"level":"fatal"}\u001b[2J\u009b2J\u007f\u0000\u2028\u202e', 'na\nme': 1 },
      'first\nsecond\u001b]0;title\u0007',
    )
    if (format === 'json') expect(lines()).toHaveLength(1)
    // eslint-disable-next-line no-control-regex -- colours are ours
    const shown = text().replace(/\u001b\[\d*m/g, '')
    // eslint-disable-next-line no-control-regex -- finding control characters is the point
    expect(shown.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    expect(shown).not.toMatch(/^(second|\{"level":"fatal)/m)
  })

  it.each([
    ['as a field', { detail: API_KEY }],
    ['inside a sentence', { detail: `the key ${API_KEY}!` }],
    ['as the name of a field', { [API_KEY]: 1 }],
    ['deep inside', { a: [{ b: { c: API_KEY } }] }],
    ['in an error and its cause', { err: new Error(API_KEY, { cause: new Error(`because ${API_KEY}`) }) }],
    ['in JSON kept as text', { body: JSON.stringify({ a: JSON.stringify({ x: API_KEY }) }) }],
    ['with quotes and backslashes', { detail: OTHER, body: JSON.stringify({ x: OTHER }) }],
    ['in a URL', { url: `http://flows/?x=${encodeURIComponent(OTHER)}` }],
  ])('hides a known secret %s', (_, fields) => {
    const { logger, text, line } = start({ secrets: [API_KEY, OTHER] })
    logger.info(fields, 'something happened')
    for (const secret of [API_KEY, OTHER, encodeURIComponent(OTHER), JSON.stringify(OTHER).slice(1, -1)])
      expect(text()).not.toContain(secret)
    expect(text()).toContain('[hidden]')
    expect(line()['msg']).toBe('something happened')
  })

  it('hides a known secret in the message and in what a child logger carries', () => {
    const { logger, text } = start({ secrets: [API_KEY] })
    logger.child({ detail: API_KEY }).info(`got ${API_KEY}`)
    expect(text()).not.toContain(API_KEY)
    expect(text().match(/\[hidden\]/g)).toHaveLength(2)
  })

  it('hides each of many known secrets', () => {
    const secrets = Array.from({ length: 200 }, (_, at) => `sk-${at}-of-a-source`)
    const { logger, text } = start({ secrets })
    for (const secret of secrets)
      logger.info(
        { detail: `a ${secret} b`, also: Buffer.from(`user:${secret}`).toString('base64'), [secret]: 1 },
        secret,
      )
    expect(text()).not.toContain('of-a-source')
    expect(text().match(/\[hidden\]/g)).toHaveLength(800)
  })

  it('hides a secret that became known after the logger was made', () => {
    const secrets = new Set<string>()
    const { logger, text } = start({ secrets })
    secrets.add('sk-added-later')
    logger.info({ detail: 'sk-added-later' }, 'added')
    expect(text()).not.toContain('sk-added-later')
  })

  it('stays valid JSON when a secret is a number or a word of the line', () => {
    const { logger, line } = start({ secrets: ['123456', 'message'] })
    logger.info({ took_ms: 1234567, message: 'a message' }, 'done')
    expect(line()).toMatchObject({ took_ms: '[hidden]', '[hidden]': 'a [hidden]', msg: 'done' })
  })

  it.each([
    'x-api-key',
    'X-API-Key',
    'authorization',
    'api_key',
    'apiKey',
    'SPARK_API_KEY',
    'password',
    'key',
    'token',
    'access_token',
    'secret',
    'cookie',
    'input_value',
    'input_data',
  ])('hides what a field named %s holds, at any depth and of any kind', (name) => {
    const { logger, text } = start()
    logger.info(
      {
        [name]: 'canary-one',
        request: { headers: { [name]: ['canary-two'] } },
        list: [{ [name]: { value: 'canary-three' } }],
      },
      'called',
    )
    expect(text()).not.toContain('canary')
  })

  it('shows fields whose names only resemble those', () => {
    const { logger, line } = start()
    const fields = { key_id: 'abc', keys: 3, token_count: 4, api_key: null, tokens: ['a'], schedule_id: 's' }
    logger.info(fields, 'fine')
    expect(line()).toMatchObject(fields)
  })

  it.each([
    ['an address with a password', 'connect to postgresql://spark:canary@db:5432/spark failed'],
    ['a header', 'sent X-API-Key: canary-1234 and Authorization: Bearer canary5678'],
    ['a query', 'GET /flows?api_key=canary&x=1'],
    ['JSON', 'answer {"api_key": "can\\"ary", "password":"canary"} came'],
    ['JSON in JSON', JSON.stringify({ body: JSON.stringify({ token: 'a"canary', ok: true }) })],
    ['an object as Node prints it', "{ 'x-api-key': 'canary', password: 'canary' }"],
  ])('hides the secret in a text that holds %s', (_, detail) => {
    const { logger, text } = start()
    logger.info({ detail }, detail)
    expect(text()).not.toContain('ary')
    expect(text()).toContain('[hidden]')
  })

  it('leaves sentences about secrets readable', () => {
    const { logger, line } = start()
    const message = 'api_key: must have at least 16 characters; password authentication failed for user "spark"'
    logger.info(message)
    expect(line()['msg']).toBe(message)
  })

  it('shows of an error its kind, message, code, stack and causes, and nothing else that hangs on it', () => {
    const cause = Object.assign(new Error('refused'), {
      code: 'ECONNREFUSED',
      address: '127.0.0.1',
      port: 7860,
      headers: { a: 'canary' },
    })
    const { logger, text, line } = start()
    logger.error(
      { err: Object.assign(new TypeError('call failed', { cause }), { request: 'canary', detail: 'canary' }) },
      'a call failed',
    )
    expect(line()['err']).toMatchObject({
      type: 'TypeError',
      message: 'call failed',
      stack: expect.stringContaining('logger.test.ts') as string,
      cause: { message: 'refused', code: 'ECONNREFUSED', address: '127.0.0.1', port: 7860 },
    })
    expect(text()).not.toContain('canary')
  })

  it('treats an error under any name, and one with many causes, alike', () => {
    const { logger, text, line } = start()
    logger.warn(
      { reason: new AggregateError([Object.assign(new Error('first'), { body: 'canary' })], 'all failed') },
      'tried',
    )
    expect(line()['reason']).toMatchObject({
      type: 'AggregateError',
      message: 'all failed',
      errors: [{ message: 'first' }],
    })
    expect(text()).not.toContain('canary')
  })

  it('is readable on a terminal, with the stack on lines of its own', () => {
    const { logger, text } = start({ format: 'pretty', secrets: [API_KEY] })
    logger.error({ err: new Error(`bad ${API_KEY}`), task_id: 't1' }, 'a run failed')
    expect(text()).toContain('a run failed')
    expect(text()).toContain('task_id')
    expect(text()).toMatch(/\n\s+at .*logger\.test\.ts/)
    expect(text()).not.toContain(API_KEY)
  })
})
