/** Limits that are checked before parsing: a body of some KB can hold, or nest, millions of values once it is decompressed. */
export type JsonLimits = { depth: number; values: number }

export type JsonSize =
  | { within: true; values: number }
  /** Counting stopped at this limit. */
  | { within: false; past: keyof JsonLimits }

/**
 * Counts the values of JSON and checks its depth, in bytes: no byte of a multi-byte character equals one of those searched for. The bytes need
 * not be JSON. Uses nothing outside itself: the thread runs its source text (`threads.ts`).
 */
export const sizeJson = (bytes: Uint8Array, limits: JsonLimits): JsonSize => {
  const [QUOTE, BACKSLASH, COMMA, NEAR] = [0x22, 0x5c, 0x2c, 48]
  /** The position of the closing quote, or the end of the bytes. The native search is faster than the loop from some 48 bytes on. */
  const endOfString = (from: number): number => {
    for (let start = from; ;) {
      const near = Math.min(start + NEAR, bytes.length)
      let at = start
      for (; at < near; at++) {
        const byte = bytes[at]
        if (byte === QUOTE) return at
        if (byte === BACKSLASH) at++
      }
      const quote = bytes.indexOf(QUOTE, at)
      if (quote === -1) return bytes.length
      let backslashes = 0
      while (quote - backslashes > at && bytes[quote - backslashes - 1] === BACKSLASH) backslashes++
      if (backslashes % 2 === 0) return quote
      start = quote + 1
    }
  }
  let values = 1
  let depth = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    // Most bytes of an answer are in strings.
    if (byte === QUOTE) i = endOfString(i + 1)
    else if (byte === COMMA) values++
    else if (byte === 0x5b || byte === 0x7b) {
      values++
      if (++depth > limits.depth) return { within: false, past: 'depth' }
    } else if (byte === 0x5d || byte === 0x7d) depth--
    if (values > limits.values) return { within: false, past: 'values' }
  }
  return { within: true, values }
}
