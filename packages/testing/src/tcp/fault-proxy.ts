import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

export const FAULTS = ['slow', 'stuck', 'half_open', 'reset'] as const
/**
 * What a network does to a connection. `slow`: all that goes by is late, for some seconds. `stuck`: nothing goes by any more, and nobody is told,
 * until the connection is given up. `half_open`: the far end is gone, and the near one is not told. `reset`: it breaks after some more bytes.
 */
export type Fault = (typeof FAULTS)[number]

type Options = {
  /** In [0, 1). */
  random?: () => number
  /** How many of the connections meet a fault within each second, from 0 to 1; as many new ones are refused. */
  share?: number
}
type Place = { host: string; port: number }

const LATEST_MS = 400
const SLOW_FOR_MS = 3_000
const GIVEN_UP_MS = 10_000
const MOST_BYTES = 2_000
const LOOK_MS = 1_000

/** A way to a server that can be slow, broken or closed. Each byte that does go by is right and in order, as with TCP. */
export const startFaultProxy = async (place: Place, { random = Math.random, share = 0 }: Options = {}) => {
  let target = place
  const strikes = new Set<(fault: Fault) => void>()
  const sockets = new Set<Socket>()
  const counts: Record<Fault | 'refused', number> = { slow: 0, stuck: 0, half_open: 0, reset: 0, refused: 0 }

  const serve = (inside: Socket) => {
    sockets.add(inside)
    inside.on('close', () => sockets.delete(inside)).on('error', () => undefined)
    if (random() < share) {
      counts.refused++
      return void inside.resetAndDestroy()
    }
    const outside = connect(target.port, target.host)
    sockets.add(outside)
    outside.on('error', () => undefined).on('close', () => sockets.delete(outside))
    let lateMs = 0
    let isStuck = false
    let bytesLeft = Infinity
    let queue = Promise.resolve()
    const timers = new Set<NodeJS.Timeout>()
    const after = (ms: number, work: () => void) => {
      const timer = setTimeout(() => void (timers.delete(timer), work()), ms)
      timers.add(timer)
    }
    const end = (how: 'destroy' | 'resetAndDestroy') => {
      strikes.delete(strike)
      for (const timer of timers) clearTimeout(timer)
      inside[how]()
      outside[how]()
    }
    const pass = (to: Socket) => (chunk: Buffer) => {
      if (isStuck) return
      bytesLeft -= chunk.length
      if (bytesLeft < 0) return end('resetAndDestroy')
      if (lateMs === 0) return void queue.then(() => to.write(chunk))
      const waitMs = lateMs
      queue = queue
        .then(() => new Promise<void>((resolve) => after(waitMs, resolve)))
        .then(() => void (to.destroyed || to.write(chunk)))
    }
    const strike = (fault: Fault) => {
      counts[fault]++
      if (fault === 'slow') {
        lateMs = Math.ceil(random() * LATEST_MS)
        after(SLOW_FOR_MS, () => (lateMs = 0))
      } else if (fault === 'reset') {
        bytesLeft = Math.floor(random() * MOST_BYTES)
      } else {
        isStuck = true
        if (fault === 'half_open') {
          outside.removeAllListeners('close')
          outside.on('close', () => sockets.delete(outside)).destroy()
        }
        after(GIVEN_UP_MS, () => end('resetAndDestroy'))
      }
    }
    strikes.add(strike)
    inside.on('data', pass(outside)).on('close', () => end('destroy'))
    outside.on('data', pass(inside)).on('close', () => end('destroy'))
  }

  const server = createServer(serve)
  const listenOn = async (port: number) => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port // listening on TCP
  }
  const port = await listenOn(0)
  const shut = async () => {
    if (!server.listening) return
    const closed = once(server.close(), 'close')
    for (const socket of sockets) socket.destroy()
    await closed
  }
  const looking =
    share === 0
      ? undefined
      : setInterval(() => {
          for (const strike of [...strikes])
            if (random() < share) strike(FAULTS[Math.floor(random() * FAULTS.length)] ?? 'reset')
        }, LOOK_MS)

  return {
    host: '127.0.0.1',
    port,
    /** How often each happened. */
    counts: counts as Readonly<typeof counts>,
    /** Strikes every connection there is. */
    strikeAll(fault: Fault) {
      for (const strike of [...strikes]) strike(fault)
    },
    /** Where new connections go from now on. */
    lead(to: Place) {
      target = to
    },
    /** Nobody gets through, and whoever was is cut off. */
    shut,
    open: async () => void (await listenOn(port)),
    async close() {
      clearInterval(looking)
      await shut()
    },
  }
}
export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>
