import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

// Hashes have one length, so the comparison reveals nothing about the key, not even its length.
const digest = (bytes: Buffer) => hash('sha256', bytes, 'buffer')

/** Says what is wrong with the key of a request, or null. */
export const makeAuth = (apiKey: string) => {
  const expected = digest(Buffer.from(apiKey, 'utf8'))
  return (req: IncomingMessage): 'missing' | 'wrong' | null => {
    const given = req.headers['x-api-key']
    if (typeof given !== 'string' || given === '') return 'missing'
    // Node reads header bytes as latin1: this gives back the client's bytes.
    return timingSafeEqual(digest(Buffer.from(given, 'latin1')), expected) ? null : 'wrong'
  }
}
