import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { docsPaths } from '../src/http/docs.ts'
import { limitSlowReader, type Patience } from '../src/http/slow-reader.ts'
import { KEY, startApi } from './running-api.ts'

const LARGE = Buffer.alloc(32 * 1024 * 1024, 'x')
const LONG = 600_000

/** What becomes of a large answer whose reader takes a piece of it at a time. */
const endOf = async (patience: Patience, read: 'nothing' | 'slowly' | 'all'): Promise<'ended' | 'whole'> => {
  let ended: (how: 'ended' | 'whole') => void
  const outcome = new Promise<'ended' | 'whole'>((resolve) => (ended = resolve))
  const server = createServer((_, res) => {
    // It closes, too, when all of it was handed to the system, before a reader that reads has it: such a one is asked itself.
    if (read !== 'all') res.on('close', () => ended('ended'))
    res.end(LARGE)
    limitSlowReader(res, patience)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  )
  socket.on('error', () => undefined)
  socket.on('close', () => ended('ended'))
  let bytes = 0
  if (read === 'all') socket.on('data', (chunk) => (bytes += chunk.length) >= LARGE.length && ended('whole'))
  const drip = setInterval(() => read === 'slowly' && socket.read(1024 * 1024), 20)
  onTestFinished(() => {
    clearInterval(drip)
    socket.destroy()
    server.closeAllConnections()
    server.close()
  })
  return outcome
}

describe('an answer', () => {
  it('ends when its reader reads nothing', async () => {
    expect(await endOf({ idleMs: 200, wholeMs: LONG, bytesPerSecond: 1e9 }, 'nothing')).toBe('ended')
  })
  it('ends when its reader takes too long, though it reads a little all the time', async () => {
    expect(await endOf({ idleMs: LONG, wholeMs: 100, bytesPerSecond: 1e9 }, 'slowly')).toBe('ended')
  })
  it('is whole for a reader that reads', async () => {
    expect(await endOf({ idleMs: LONG, wholeMs: LONG, bytesPerSecond: 1e9 }, 'all')).toBe('whole')
  })
})

const LIMITED = { idleMs: 300, wholeMs: LONG, bytesPerSecond: 1e9 }

describe('every answer', () => {
  it.each([
    ['a documentation page', `${docsPaths.redoc}/redoc.standalone.js`],
    ['the OpenAPI document', docsPaths.openapi],
    ['a refusal', '/api/v1/nope'],
    ['a list', '/api/v1/workflows'],
  ])('ends when its reader reads nothing: %s', async (_, path) => {
    const api = await startApi({ patience: LIMITED })
    onTestFinished(api.close)
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEY}\r\n\r\n`
    const socket = connect(api.port, '127.0.0.1', () => {
      socket.pause()
      // As many as the connection takes: the answers stay, and at some time the requests do.
      const more = () => void (socket.write(request.repeat(200)) && setImmediate(more))
      more()
    })
    const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined))
    await closed
  })
})
