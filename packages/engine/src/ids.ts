import type { Clock } from '@automagik-spark/core'
import { uuidV7 } from '@automagik-spark/core'

export type Ids = {
  /** A version 7 UUID, greater than every one made here before: rows of one batch keep their order. */
  next(): string
  /** A random UUID, for fences. */
  token(): string
}

const COUNTER_BITS = 26

/** RFC 9562, section 6.2: within one millisecond a counter of 26 bits, started at random, stands before the randomness. */
export const makeIds = (
  clock: Clock,
  crypto: Pick<typeof globalThis.crypto, 'getRandomValues' | 'randomUUID'> = globalThis.crypto,
): Ids => {
  let lastMs = -1
  let counter = 0
  return {
    next() {
      const now = clock.now().getTime()
      if (now > lastMs) {
        lastMs = now
        counter = crypto.getRandomValues(new Uint32Array(1))[0]! >>> (33 - COUNTER_BITS)
      } else if (++counter >= 2 ** COUNTER_BITS) {
        lastMs++
        counter = 0
      }
      return uuidV7(new Date(lastMs), (bytes) => {
        crypto.getRandomValues(bytes)
        bytes[6] = (counter >>> 22) & 0x0f
        bytes[7] = (counter >>> 14) & 0xff
        bytes[8] = (counter >>> 8) & 0x3f
        bytes[9] = counter & 0xff
        return bytes
      })
    },
    token: () => crypto.randomUUID(),
  }
}
