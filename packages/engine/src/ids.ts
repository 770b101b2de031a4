import type { Clock } from '@automagik-spark/core'
import { v7 } from 'uuid'

export type Ids = {
  /** A version 7 UUID, greater than every one made here before: rows of one batch keep their order. */
  next(): string
  /** A random UUID, for fences. */
  token(): string
}

const SEQUENCES = 2 ** 32

/**
 * RFC 9562, section 6.2: within one millisecond a sequence number of 32 bits, which starts at random, stands before the randomness. The
 * library would keep such a number only with its own clock.
 */
export const makeIds = (
  clock: Clock,
  crypto: Pick<typeof globalThis.crypto, 'getRandomValues' | 'randomUUID'> = globalThis.crypto,
): Ids => {
  let msecs = -1
  let seq = 0
  return {
    next() {
      const now = clock.now().getTime()
      if (now > msecs) {
        msecs = now
        // Half of the range, so that a batch has room before the number runs over.
        seq = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1
      } else if (++seq >= SEQUENCES) {
        msecs++
        seq = 0
      }
      return v7({ msecs, seq, random: crypto.getRandomValues(new Uint8Array(16)) })
    },
    token: () => crypto.randomUUID(),
  }
}
