import type { Socket } from 'node:net'
import { type Link, type Place, startRelay } from './relay.ts'

export const FAULTS = ['slow', 'stuck', 'half_open', 'reset'] as const
/**
 * What a network does to a connection. `slow`: everything is late, for some seconds. `stuck`: nothing is passed on any more, and neither end
 * is told before the connection is given up. `half_open`: the far end is gone, and the near one is not told. `reset`: it breaks after some
 * more bytes.
 */
export type Fault = (typeof FAULTS)[number]

type Options = {
  /** In [0, 1). */
  random?: () => number
  /** The share of connections that meet a fault within each second, from 0 to 1; the same share of new ones is refused. */
  share?: number
}

const MAX_LATE_MS = 400
const SLOW_FOR_MS = 3_000
const GIVE_UP_MS = 10_000
const MAX_BYTES_BEFORE_RESET = 2_000
const STRIKE_EVERY_MS = 1_000

/** Lets faults strike one connection. Each byte that is passed on is right and in order, as with TCP. */
const makeStrike = ({ inside, outside, dropServer }: Link, random: () => number) => {
  let lateMs = 0
  let isStuck = false
  let bytesLeft = Infinity
  let queue = Promise.resolve()
  const timers = new Set<NodeJS.Timeout>()
  const after = (ms: number, work: () => void) => {
    const timer = setTimeout(() => void (timers.delete(timer), work()), ms)
    timers.add(timer)
  }
  const reset = () => {
    inside.resetAndDestroy()
    outside.resetAndDestroy()
  }
  const pass = (to: Socket) => (chunk: Buffer) => {
    if (isStuck) return
    bytesLeft -= chunk.length
    if (bytesLeft < 0) return reset()
    if (lateMs === 0) return void queue.then(() => to.write(chunk))
    const waitMs = lateMs
    queue = queue
      .then(() => new Promise<void>((resolve) => after(waitMs, resolve)))
      .then(() => void (to.destroyed || to.write(chunk)))
  }
  inside.on('data', pass(outside)).on('close', () => {
    for (const timer of timers) clearTimeout(timer)
  })
  outside.on('data', pass(inside))

  return (fault: Fault): void => {
    if (fault === 'slow') {
      lateMs = Math.ceil(random() * MAX_LATE_MS)
      after(SLOW_FOR_MS, () => (lateMs = 0))
    } else if (fault === 'reset') {
      bytesLeft = Math.floor(random() * MAX_BYTES_BEFORE_RESET)
    } else {
      isStuck = true
      if (fault === 'half_open') dropServer()
      after(GIVE_UP_MS, reset)
    }
  }
}

/** A way to a server that can be slow, broken or closed. */
export const startFaultProxy = async (place: Place, { random = Math.random, share = 0 }: Options = {}) => {
  const strikes = new Set<(fault: Fault) => void>()
  const counts: Record<Fault | 'refused', number> = { slow: 0, stuck: 0, half_open: 0, reset: 0, refused: 0 }

  const relay = await startRelay(place, {
    letsIn(socket) {
      if (random() >= share) return true
      counts.refused++
      socket.resetAndDestroy()
      return false
    },
    serve(link) {
      const strike = makeStrike(link, random)
      const counted = (fault: Fault) => {
        counts[fault]++
        strike(fault)
      }
      strikes.add(counted)
      link.inside.on('close', () => strikes.delete(counted))
    },
  })
  const striking =
    share === 0
      ? undefined
      : setInterval(() => {
          for (const strike of [...strikes])
            if (random() < share) strike(FAULTS[Math.floor(random() * FAULTS.length)] ?? 'reset')
        }, STRIKE_EVERY_MS)

  const { host, port, lead, shut, open } = relay
  return {
    host,
    port,
    /** How often each happened. */
    counts: counts as Readonly<typeof counts>,
    /** Strikes every connection there is. */
    strikeAll(fault: Fault) {
      for (const strike of [...strikes]) strike(fault)
    },
    lead,
    shut,
    open,
    async close() {
      clearInterval(striking)
      await shut()
    },
  }
}
export type FaultProxy = Awaited<ReturnType<typeof startFaultProxy>>
