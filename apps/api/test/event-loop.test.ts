import { connect } from 'node:net'
import { makeLogger } from '@automagik-spark/runtime'
import { holdsEventLoop, patient } from '@automagik-spark/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { docsPaths } from '../src/http/docs.ts'
import { ID } from './fake-engine.ts'
import { getRaw, KEY, sendRaw, startApi } from './running-api.ts'

const MIB = 1024 * 1024
const LIMIT_MS = patient(60_000)
const free = { holds: false }
const filled = (unit: string, length: number): string => unit.repeat(Math.floor(length / unit.length))

/** With the log as it is in life, written to nowhere. */
const start = async () => {
  const api = await startApi({
    logger: makeLogger({
      level: 'debug',
      format: 'json',
      secrets: [KEY, 'sk-canary-of-the-tests'],
      destination: { write: () => undefined },
    }),
  })
  onTestFinished(api.close)
  return api
}

describe('the event loop goes on beside', () => {
  it(
    'requests without a key of 15,500 letters, in the path, the query and headers, whatever the letters are',
    async () => {
      const { port } = await start()
      const units = [
        'a',
        'key',
        'cookie:',
        'token=',
        'api_key:%22',
        '%22secret%22:',
        'http://',
        '://a',
        '\\\\',
        '%5C%22token%5C%22:%5C%22',
        'a-',
        'authorization:bearer',
      ]
      const letters = units.map((unit) => filled(unit, 15_500))
      expect(
        await holdsEventLoop(async () => {
          for (const text of letters) {
            const answers = await Promise.all([
              getRaw(port, `/${text}`, { key: null }),
              getRaw(port, `/api/v1/sources?${text}`, { key: null }),
              sendRaw(
                port,
                `GET /api/v1/sources HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: ${text}\r\n\r\n`,
              ),
              sendRaw(
                port,
                `GET /api/v1/sources HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nOrigin: ${text}\r\n\r\n`,
              ),
              sendRaw(
                port,
                `GET /api/v1/sources HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: ${text}\r\n\r\n`,
              ),
            ])
            expect(
              answers.map((answer) => (typeof answer === 'string' ? answer.slice(9, 12) : String(answer.status))),
            ).toEqual(Array(5).fill('401'))
          }
        }),
      ).toMatchObject(free)
    },
    LIMIT_MS,
  )

  it.each([
    ['500,000 values', `{"input_value":[${filled('1,', 0.9 * MIB)}1]}`],
    ['300,000 arrays', `{"input_value":[${filled('[],', 0.9 * MIB)}0]}`],
    ['values that are no JSON', filled('[],', 0.9 * MIB)],
    ['90,000 unknown fields', `{${Array.from({ length: 90_000 }, (_, at) => `"k${at}":0`).join(',')}}`],
    ['45,000 unknown fields', `{${Array.from({ length: 45_000 }, (_, at) => `"k${at}":0`).join(',')}}`],
    ['brackets 5,000 deep', `{"input_value":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
    ['line breaks before a fault', `${'\n'.repeat(0.9 * MIB)}x`],
    ['a text that never ends', `{"input_value":"${'\\"'.repeat(0.4 * MIB)}`],
    ['escapes', `{"input_value":"${'\\u0000'.repeat(0.15 * MIB)}"}`],
  ])(
    'a body of 1 MiB with %s',
    async (_, body) => {
      const api = await start()
      expect(await holdsEventLoop(() => api.call('POST', `/api/v1/workflows/${ID}/run`, { body }))).toMatchObject(free)
    },
    LIMIT_MS,
  )

  it(
    '200 readers of documentation pages who read nothing',
    async () => {
      const { port, call } = await start()
      expect(
        await holdsEventLoop(async () => {
          const slow = Array.from({ length: 200 }, () => {
            const socket = connect(port, '127.0.0.1', () =>
              socket.write(`GET ${docsPaths.redoc}/redoc.standalone.js HTTP/1.1\r\nHost: x\r\n\r\n`),
            )
            return socket.pause().on('error', () => undefined)
          })
          for (let i = 0; i < 20; i++) expect((await call('GET', '/health')).status).toBe(200)
          for (const socket of slow) socket.destroy()
        }),
      ).toMatchObject(free)
    },
    LIMIT_MS,
  )
})
