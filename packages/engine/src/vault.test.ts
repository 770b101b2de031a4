import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keyId, makeVault, parseEncryptionKey, VaultError } from './vault.ts'

const PLACE = 'sources:0190f3c1-0000-7000-8000-000000000001:api_key'
const SECRET = 'sk-a remote key ✓'

const failure = (action: () => unknown): VaultError => {
  try {
    action()
  } catch (error) {
    if (error instanceof VaultError) return error
    throw error
  }
  throw new Error('it did not fail')
}

describe('makeVault', () => {
  const key = randomBytes(32)
  const vault = makeVault({ key, previous: [] })

  it.each(['', 'x', SECRET, 'long '.repeat(10_000)])('opens what it sealed (%#)', (plain) => {
    expect(vault.open(vault.seal(plain, PLACE), PLACE)).toBe(plain)
  })

  it('seals the same text differently each time, and never readably', () => {
    const sealed = [vault.seal(SECRET, PLACE), vault.seal(SECRET, PLACE)]
    expect(sealed[0]).not.toBe(sealed[1])
    for (const text of sealed) expect(text).toMatch(/^v1\.[\w-]{8}\.[\w-]{16}\.[\w-]+$/)
    expect(sealed[0]!.split('.')[2]).not.toBe(sealed[1]!.split('.')[2])
  })

  it('names the key in the record without telling anything of it', () => {
    expect(vault.seal(SECRET, PLACE).split('.')[1]).toBe(keyId(key))
    expect(keyId(key)).not.toBe(keyId(randomBytes(32)))
  })

  it('refuses a record with any bit flipped', () => {
    for (const plain of ['', 'a', 'ab', SECRET]) {
      const sealed = vault.seal(plain, PLACE)
      for (let at = 0; at < sealed.length; at++) {
        for (let bit = 0; bit < 8; bit++) {
          const flipped =
            sealed.slice(0, at) + String.fromCharCode(sealed.charCodeAt(at) ^ (1 << bit)) + sealed.slice(at + 1)
          expect(() => vault.open(flipped, PLACE), `character ${at}, bit ${bit}`).toThrow(VaultError)
        }
      }
    }
  })

  it('refuses a record that was cut or lengthened', () => {
    const sealed = vault.seal(SECRET, PLACE)
    for (const text of [
      '',
      'v1',
      sealed.slice(0, -1),
      `${sealed}A`,
      `${sealed}.`,
      `${sealed}\n`,
      sealed.replace(/\.[^.]*$/, '.'),
    ]) {
      expect(() => vault.open(text, PLACE)).toThrow(VaultError)
    }
  })

  it('refuses a record moved to another row, column or table', () => {
    const sealed = vault.seal(SECRET, PLACE)
    for (const place of [
      PLACE.replace('01:', '02:'),
      PLACE.replace('api_key', 'name'),
      PLACE.replace('sources', 'workflows'),
      '',
    ]) {
      expect(failure(() => vault.open(sealed, place)).message).toContain('changed or moved')
    }
  })

  it('opens with a previous key and seals with the new one', () => {
    const newKey = randomBytes(32)
    const rotated = makeVault({ key: newKey, previous: [randomBytes(32), key] })
    expect(rotated.open(vault.seal(SECRET, PLACE), PLACE)).toBe(SECRET)
    expect(makeVault({ key: newKey, previous: [] }).open(rotated.seal(SECRET, PLACE), PLACE)).toBe(SECRET)
  })

  it('says which key is missing, and shows neither text nor key', () => {
    const sealed = vault.seal(SECRET, PLACE)
    const error = failure(() => makeVault({ key: randomBytes(32), previous: [randomBytes(32)] }).open(sealed, PLACE))
    expect(error.key_id).toBe(keyId(key))
    expect(error.message).toContain(keyId(key))
    expect(error.message).toContain('SPARK_ENCRYPTION_KEY_PREVIOUS')
    for (const secret of [SECRET, key.toString('hex'), key.toString('base64')])
      expect(error.message).not.toContain(secret)
  })

  it('fails on a key id that was swapped for that of another key it has', () => {
    const other = randomBytes(32)
    const both = makeVault({ key: other, previous: [key] })
    const sealed = vault.seal(SECRET, PLACE).replace(keyId(key), keyId(other))
    expect(failure(() => both.open(sealed, PLACE)).message).toContain('changed or moved')
  })

  it('refuses a key of another length', () => {
    expect(() => makeVault({ key: randomBytes(16), previous: [] })).toThrow('16 bytes')
  })
})

describe('parseEncryptionKey', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => 255 - i * 5))

  it.each([
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64'),
    key.toString('base64url'),
    `${key.toString('base64url')}=`,
  ])('reads 32 bytes as %s', (text) => expect(parseEncryptionKey(text)).toEqual(key))

  it.each([
    '',
    'short',
    key.toString('hex').slice(2),
    `${key.toString('hex')}00`,
    randomBytes(31).toString('base64'),
    randomBytes(33).toString('base64'),
    `${key.toString('base64')} `,
  ])('refuses "%s"', (text) => expect(parseEncryptionKey(text)).toBeNull())
})
