/** What is looked at before anything is parsed: a body of some KB can nest, or hold, millions of values once it is decompressed. */
export type JsonLimits = { depth: number; values: number }

export type JsonSize =
  | { within: true; values: number }
  /** Counting ended at the limit that was passed. */
  | { within: false; past: keyof JsonLimits }

/**
 * How many values JSON holds, and whether it nests too deep. It need not be JSON; every byte of a multi-byte character is above those looked for.
 * Complete in itself, as its own source text is what the thread runs (`threads.ts`).
 */
export const sizeJson = (bytes: Uint8Array, limits: JsonLimits): JsonSize => {
  const [QUOTE, BACKSLASH, COMMA, NEAR] = [0x22, 0x5c, 0x2c, 48]
  /** Where the quote is that ends the string; the end of all where none does. A native search pays from some letters on. */
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
    // Strings are most of an answer, and are searched natively.
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
