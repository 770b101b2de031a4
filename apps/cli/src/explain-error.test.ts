import {
  AuthenticationError,
  BadRequestError,
  ConnectionError,
  NotFoundError,
  PermissionError,
  ServerError,
  SparkError,
  TimeoutError,
} from '@automagik-spark/sdk'
import { describe, expect, it } from 'vitest'
import type { Connection } from './api-connection.ts'
import { CliError, usage } from './errors.ts'
import { explain } from './explain-error.ts'

const connection: Connection = {
  baseUrl: 'http://localhost:8883',
  urlFrom: 'the default',
  apiKey: 'k',
  keyFrom: 'SPARK_API_KEY',
  keyHint: 'Set SPARK_API_KEY.',
  whyNoSecrets: null,
}
const field = { path: 'schedule_expr', message: 'is no cron expression' }

describe('explain', () => {
  it.each([
    [
      'a wrong key',
      new AuthenticationError('Invalid API key', { status: 401 }),
      4,
      'Invalid API key. http://localhost:8883 does not accept the key from SPARK_API_KEY; set SPARK_API_KEY.',
    ],
    ['too small a scope', new PermissionError('This key may only read', { status: 403 }), 4, 'This key may only read.'],
    [
      'an unknown id',
      new NotFoundError('Schedule not found', { status: 404 }),
      3,
      'Schedule not found. See: automagik-spark schedules list',
    ],
    [
      'an unknown flow',
      new NotFoundError('Flow x not found in source y', { status: 404 }),
      3,
      'Flow x not found in source y. See: automagik-spark workflows remote',
    ],
    [
      'nobody there',
      new ConnectionError('Cannot reach Spark at http://localhost:8883: the connection was refused'),
      5,
      'Cannot reach Spark at http://localhost:8883: the connection was refused (the address is from the default). Start Spark with `automagik-spark start`, or set SPARK_API_URL.',
    ],
    [
      'no answer in time',
      new TimeoutError('No answer from http://localhost:8883 within 60 s'),
      5,
      'No answer from http://localhost:8883 within 60 s. Try again, or look at http://localhost:8883/health.',
    ],
    [
      'a wrong field',
      new BadRequestError('schedule_expr: is no cron expression', { status: 400, errors: [field] }),
      2,
      'schedule_expr: is no cron expression.',
    ],
    [
      'two wrong fields',
      new BadRequestError('Two fields are wrong', {
        status: 400,
        errors: [field, { path: 'timezone', message: 'is unknown' }],
      }),
      2,
      'Two fields are wrong.\n  schedule_expr: is no cron expression\n  timezone: is unknown',
    ],
    [
      'an operation that failed',
      new BadRequestError('Failed to validate source: refused', { status: 400 }),
      1,
      'Failed to validate source: refused.',
    ],
    ['an id that cannot be sent', new BadRequestError('"" is not an id'), 2, '"" is not an id.'],
    [
      'a bug of the server',
      new ServerError('Internal Server Error', { status: 500, requestId: 'r1' }),
      1,
      "Internal Server Error. Spark's log says more under request id r1.",
    ],
    ['another answer', new SparkError('Body too large', { status: 413 }), 1, 'Body too large.'],
    ['a wrong use', usage('Say when.'), 2, 'Say when.'],
    ['a failure of ours', new CliError('Nothing was deleted.'), 1, 'Nothing was deleted.'],
  ])('%s', (_, error, exitCode, message) => {
    expect(explain(error, connection)).toEqual({ exitCode, message })
  })

  it('says why there is no key', () => {
    const without = {
      ...connection,
      apiKey: null,
      keyFrom: null,
      keyHint: 'Set SPARK_API_KEY: /x/.spark/api-key does not exist.',
    }
    expect(explain(new AuthenticationError('X-API-Key header is missing', { status: 401 }), without)).toEqual({
      exitCode: 4,
      message: 'There is no API key for http://localhost:8883. Set SPARK_API_KEY: /x/.spark/api-key does not exist.',
    })
  })

  it('tells whoever has a wrong key in a file to correct that file', () => {
    const fromFile = { ...connection, keyFrom: 'SPARK_API_KEY_FILE' }
    expect(explain(new AuthenticationError('Invalid API key', { status: 401 }), fromFile).message).toBe(
      'Invalid API key. http://localhost:8883 does not accept the key from SPARK_API_KEY_FILE; correct that file.',
    )
  })

  it('shows the stack of a bug', () => {
    expect(explain(new RangeError('oops'), null)).toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/RangeError: oops\n +at /),
    })
  })
})
