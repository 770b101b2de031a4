import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { FaultProxy } from '../src/tcp/fault-proxy.ts'
import { FAULTS, startFaultProxy } from '../src/tcp/fault-proxy.ts'

const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
let port: number
let proxy: FaultProxy
let client: Socket
let heard = ''
let ended = ''

beforeAll(async () => {
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  port = (echo.address() as AddressInfo).port
})
const dial = async (to: FaultProxy) => {
  heard = ended = ''
  const mine = (client = connect(to.port, to.host))
  const end = (how: string) => client === mine && (ended ||= how)
  mine
    .on('data', (chunk) => client === mine && (heard += chunk.toString()))
    .on('error', (error: NodeJS.ErrnoException) => end(error.code ?? ''))
    .on('close', () => end('closed'))
  await once(mine, 'connect')
}
beforeEach(async () => {
  await proxy?.close()
  proxy = await startFaultProxy({ host: '127.0.0.1', port }, { random: () => 0.5 })
  await dial(proxy)
  client.write('hello')
  await until(() => heard === 'hello')
})
afterAll(async () => {
  client.destroy()
  await proxy.close()
  echo.close()
})
const until = async (holds: () => boolean) => {
  while (!holds()) await sleep(5)
}

it('slow: everything is late, and in order', async () => {
  proxy.strikeAll('slow')
  for (const word of [' one', ' two', ' three']) client.write(word)
  await sleep(0)
  expect(heard).toBe('hello')
  await until(() => heard === 'hello one two three')
})

it('reset: breaks after some more bytes', async () => {
  proxy.strikeAll('reset')
  client.write('x'.repeat(300))
  await until(() => heard.length === 305)
  client.write('x'.repeat(3_000))
  await until(() => ended !== '')
  expect(ended).toBe('ECONNRESET')
  expect(heard.length).toBeLessThan(1_100)
})

it.each(['stuck', 'half_open'] as const)('%s: nothing comes back, and no end is told', async (fault) => {
  proxy.strikeAll(fault)
  client.write('lost')
  const other = connect(proxy.port, proxy.host)
  other.write('there')
  const [answer] = (await once(other, 'data')) as [Buffer]
  expect([answer.toString(), heard, ended]).toEqual(['there', 'hello', ''])
  other.destroy()
})

it('can be shut, opened again, and led elsewhere', async () => {
  await proxy.shut()
  await until(() => ended !== '')
  await expect(dial(proxy)).rejects.toThrow()
  proxy.lead({ host: '127.0.0.1', port })
  await proxy.open()
  await dial(proxy)
  client.write('again')
  await until(() => heard === 'again')
})

it('strikes the given share of connections by itself', async () => {
  const fierce = await startFaultProxy({ host: '127.0.0.1', port }, { share: 0.9, random: () => 0.89 })
  await dial(fierce).catch(() => undefined)
  await until(() => fierce.counts.refused > 0)
  await fierce.close()
  expect(Object.keys(fierce.counts)).toEqual([...FAULTS, 'refused'])
})
