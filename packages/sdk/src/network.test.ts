import { describe, expect, it } from 'vitest'
import { isPlatformTimeout, reasonOf, surelyNotSent } from './network.ts'

const failed = (cause: unknown) => new TypeError('fetch failed', { cause })
const system = (code: string, syscall?: string) =>
  Object.assign(new Error(`${syscall} ${code}`), { code, ...(syscall && { syscall }) })

describe('surelyNotSent', () => {
  it.each([
    ['a refused connection', failed(system('ECONNREFUSED', 'connect')), true],
    ['an unknown host', failed(system('ENOTFOUND', 'getaddrinfo')), true],
    ['a connect timeout', failed(system('UND_ERR_CONNECT_TIMEOUT')), true],
    [
      'two addresses that both refuse',
      failed(
        Object.assign(new AggregateError([system('ECONNREFUSED', 'connect'), system('ENETUNREACH', 'connect')]), {
          code: 'ECONNREFUSED',
        }),
      ),
      true,
    ],
    ["Bun's refused connection", Object.assign(new Error('Unable to connect'), { code: 'ConnectionRefused' }), true],
    [
      "Deno's refused connection",
      new TypeError('error sending request for url (http://localhost:1/): client error (Connect): tcp connect error'),
      true,
    ],
    ['a connection lost while reading', failed(system('ECONNRESET', 'read')), false],
    ['a connection lost while writing', failed(system('EPIPE', 'write')), false],
    ['a closed socket', failed(system('UND_ERR_SOCKET')), false],
    ['a route lost on an open connection', failed(system('EHOSTUNREACH', 'read')), false],
    [
      'one refused address beside a lost connection',
      failed(new AggregateError([system('ECONNREFUSED', 'connect'), system('ECONNRESET', 'read')])),
      false,
    ],
    ["a browser's word for everything", new TypeError('Failed to fetch'), false],
    ['a value that is not an error', 'ECONNREFUSED', false],
  ])('%s', (_, error, expected) => {
    expect(surelyNotSent(error)).toBe(expected)
  })
})

describe('reasonOf', () => {
  it.each([
    ['says known codes in words', failed(system('ECONNREFUSED', 'connect')), 'the connection was refused'],
    ["says an unknown cause in the cause's words", failed(new Error('bad port')), 'bad port'],
    ["says the platform's words when there is no cause", new TypeError('Failed to fetch'), 'Failed to fetch'],
  ])('%s', (_, error, expected) => {
    expect(reasonOf(error)).toBe(expected)
  })
})

it("knows the platform's own timeout", () => {
  expect(isPlatformTimeout(failed(system('UND_ERR_HEADERS_TIMEOUT')))).toBe(true)
  expect(isPlatformTimeout(failed(system('ECONNRESET')))).toBe(false)
})

it("translates Deno's message for a failed connection", () => {
  expect(
    reasonOf(
      new TypeError('error sending request for url (http://localhost:1/): client error (Connect): tcp connect error'),
    ),
  ).toBe('no connection was made')
})
