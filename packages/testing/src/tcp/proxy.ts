import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export type Door = Awaited<ReturnType<typeof makeDoor>>

/** A way to a server that can be shut, as if the server were restarted. */
export const makeDoor = async (serverUrl: string) => {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let frozen = false
  const server = createServer((inside) => {
    const outside = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(from)
      if (frozen) from.pause()
      else from.pipe(to)
      from.on('error', () => to.destroy()).on('close', () => sockets.delete(from) && to.destroy())
    }
  })
  const listenOn = async (port: number) => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    const address = server.address()
    return typeof address === 'object' && address ? address.port : 0
  }
  const port = await listenOn(0)
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  return {
    url: url.href,
    /** Takes what is sent and lets no answer through, as a frozen server does. */
    freeze() {
      for (const socket of sockets) socket.pause()
      frozen = true
    },
    open: () => listenOn(port),
    async shut() {
      if (!server.listening) return
      const closed = once(server.close(), 'close')
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
