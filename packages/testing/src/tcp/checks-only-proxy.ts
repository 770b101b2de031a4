import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { certificate } from './certificate.ts'

/**
 * A TLS front of a server, as a proxy is, that decides of each connection before the handshake whether to let it in: one that it ends has surely not
 * been sent anything. `letsIn` is asked for each.
 */
const openTlsDoor = async (targetUrl: string, letsIn: () => boolean) => {
  const target = new URL(targetUrl)
  const sockets = new Set<Socket>()
  let change = (text: string): string => text
  const inner = createTlsServer(certificate, (inside) => {
    const outside = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const)
      from.on('error', () => to.destroy()).on('close', () => to.destroy())
    inside.on('data', (bytes: Buffer) => outside.write(change(bytes.toString('latin1')), 'latin1'))
    outside.pipe(inside)
  })
  const outer = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    if (letsIn()) inner.emit('connection', socket)
    else socket.destroy()
  })
  await once(outer.listen(0, '127.0.0.1'), 'listening')
  const address = outer.address()
  return {
    url: `https://localhost:${typeof address === 'object' && address ? address.port : 0}`,
    /** What clients send, and what is passed on of it. */
    onRequest(listener: (text: string) => string) {
      change = listener
    },
    endAll() {
      for (const socket of sockets) socket.destroy()
    },
    async close() {
      this.endAll()
      outer.close()
      await once(outer, 'close')
    },
  }
}

/** A door of a Langflow that lets health checks in, and after each ends the next connection, which is a run's: up by every check, and it takes no call. */
export const openDoorForChecks = async (targetUrl: string) => {
  let isNext = false
  let turnedAway = 0
  const door = await openTlsDoor(targetUrl, () => {
    if (!isNext) return true
    isNext = false
    turnedAway++
    return false
  })
  door.onRequest((text) => {
    if (!text.includes('/users/whoami')) return text
    isNext = true
    return text.replace(/connection: keep-alive/i, 'connection: close') // nor is the run let in by the check's connection
  })
  return {
    url: door.url,
    turnedAway: () => turnedAway,
    /** Whatever comes next is let in, as what is asked for by hand between two checks. */
    letNextIn() {
      isNext = false
    },
    /** Ends what is connected, and the next connection. */
    endNext() {
      door.endAll()
      isNext = true
    },
    close: () => door.close(),
  }
}
