import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

export type Place = { host: string; port: number }
/** A client's connection (`inside`) and the one to the server that belongs to it (`outside`). When one closes, the other is closed. */
export type Link = {
  inside: Socket
  outside: Socket
  cut: () => void
  /** Closes the connection to the server alone: the client is not told. */
  dropServer: () => void
}

type Options = {
  /** Before anything is read of a connection. False: it was ended. */
  letsIn?: (socket: Socket) => boolean
  /** Passes on what comes. */
  serve?: (link: Link) => void
  /** TLS towards the client, and plain towards the server. */
  certificate?: { key: string; cert: string }
}

const passOn = ({ inside, outside }: Link): void => {
  inside.pipe(outside)
  outside.pipe(inside)
}

/** What every TCP proxy of the tests stands on: accepts on 127.0.0.1, connects to the target, and can freeze, cut and shut all of it. */
export const startRelay = async (target: Place, { letsIn = () => true, serve = passOn, certificate }: Options = {}) => {
  let place = target
  const sockets = new Set<Socket>()
  let isFrozen = false

  const track = (socket: Socket, onClose?: () => void) => {
    sockets.add(socket)
    socket.on('error', () => undefined) // 'close' comes after it
    socket.on('close', () => {
      sockets.delete(socket)
      onClose?.()
    })
  }
  const link = (inside: Socket) => {
    const outside = connect(place.port, place.host)
    track(inside, () => outside.destroy())
    let isDropped = false
    track(outside, () => void (isDropped || inside.destroy()))
    serve({
      inside,
      outside,
      cut() {
        inside.destroy()
        outside.destroy()
      },
      dropServer() {
        isDropped = true
        outside.destroy()
      },
    })
    if (isFrozen) for (const socket of [inside, outside]) socket.pause()
  }
  const tls = certificate && createTlsServer(certificate, link)
  const server = createServer((socket) => {
    if (tls) track(socket)
    if (!letsIn(socket)) return
    if (tls) tls.emit('connection', socket)
    else link(socket)
  })

  const listenOn = async (port: number): Promise<number> => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port // listening on TCP
  }
  const port = await listenOn(0)
  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }

  return {
    host: '127.0.0.1',
    port,
    /** The same URL, by way of this relay. */
    through(url: string): string {
      const way = new URL(url)
      way.hostname = '127.0.0.1'
      way.port = String(port)
      return way.href
    },
    /** Where new connections go from now on. */
    lead(to: Place) {
      place = to
    },
    isFrozen: () => isFrozen,
    /** Takes what is sent and passes nothing on, on new connections, too: as a frozen server does. */
    freeze() {
      isFrozen = true
      for (const socket of sockets) socket.pause()
    },
    thaw() {
      isFrozen = false
      for (const socket of sockets) socket.resume()
    },
    cutAll,
    isOpen: () => server.listening,
    /** Takes connections again, on the same port. */
    open: async (): Promise<void> => void (await listenOn(port)),
    /** Cuts every connection and refuses new ones. */
    async shut(): Promise<void> {
      if (!server.listening) return
      const closed = once(server.close(), 'close')
      cutAll()
      await closed
    },
  }
}

/** Where the server of a URL is; the URL names its port. */
export const placeOf = (url: string): Place => {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}
