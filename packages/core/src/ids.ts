const hex = (byte: number) => byte.toString(16).padStart(2, '0')

/** A UUID version 7 (RFC 9562): 48 bits of Unix milliseconds, then randomness, so that ids sort by the time they were made. */
export const uuidV7 = (now: Date, random: (bytes: Uint8Array) => Uint8Array): string => {
  const bytes = random(new Uint8Array(16))
  let ms = now.getTime()
  for (let i = 5; i >= 0; i--) {
    bytes[i] = ms % 256
    ms = Math.floor(ms / 256)
  }
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const text = Array.from(bytes, hex).join('')
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-')
}
