import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { DomainError } from '@automagik-spark/core'

export const KEY_BYTES = 32
const NONCE_BYTES = 12 // a GCM nonce of another length is hashed first, which only weakens it
const TAG_BYTES = 16
const VERSION = 'v1'

/** A stored secret cannot be decrypted: its key is not here, or it was not stored for this row and column. */
export class VaultError extends DomainError {
  /** The id of the key that encrypted it; null when unknown. */
  readonly key_id: string | null

  constructor(message: string, key_id: string | null) {
    super('invalid', message)
    this.name = 'VaultError'
    this.key_id = key_id
  }
}

export type Vault = {
  /** `place` is `table:id:column`; only there can the text be opened. */
  seal(plain: string, place: string): string
  /** Throws a VaultError. */
  open(sealed: string, place: string): string
}

/** 32 bytes from 64 hex digits or from base64 in either alphabet; null for anything else. */
export const parseEncryptionKey = (text: string): Uint8Array | null => {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return null
  const key = Buffer.from(text, 'base64')
  return key.length === KEY_BYTES ? key : null
}

/** Tells keys apart and reveals nothing about them. */
export const keyId = (key: Uint8Array): string =>
  createHash('sha256').update('spark encryption key id\0').update(key).digest().subarray(0, 6).toString('base64url')

export const makeVault = ({ key, previous }: { key: Uint8Array; previous: Uint8Array[] }): Vault => {
  for (const one of [key, ...previous]) {
    if (one.length !== KEY_BYTES) throw new Error(`an encryption key has ${one.length} bytes instead of ${KEY_BYTES}`)
  }
  const current = keyId(key)
  const keys = new Map([...previous, key].map((one) => [keyId(one), one]))

  return {
    seal(plain, place) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(
        context(current, place),
      )
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return [VERSION, current, nonce.toString('base64url'), body.toString('base64url')].join('.')
    },

    open(sealed, place) {
      const [version, id, nonceText, bodyText, ...more] = sealed.split('.')
      const nonce = decode(nonceText)
      const body = decode(bodyText)
      if (
        version !== VERSION ||
        !id ||
        nonce?.length !== NONCE_BYTES ||
        !body ||
        body.length < TAG_BYTES ||
        more.length > 0
      ) {
        throw new VaultError(
          `What is stored as ${place} was not encrypted by this version of Spark, or is damaged.`,
          null,
        )
      }
      const own = keys.get(id)
      if (!own) {
        throw new VaultError(
          `What is stored as ${place} was encrypted with the key ${id}, which is not here: add that key to SPARK_ENCRYPTION_KEY_PREVIOUS, or set the value again.`,
          id,
        )
      }
      const decipher = createDecipheriv('aes-256-gcm', own, nonce, { authTagLength: TAG_BYTES }).setAAD(
        context(id, place),
      )
      decipher.setAuthTag(body.subarray(-TAG_BYTES))
      try {
        return Buffer.concat([decipher.update(body.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8')
      } catch {
        throw new VaultError(
          `What is stored as ${place} was changed or moved since it was encrypted with the key ${id}: set the value again.`,
          id,
        )
      }
    },
  }
}

const context = (id: string, place: string): Buffer => Buffer.from(`${VERSION}.${id}:${place}`)

/** Accepts only the exact encoding: Node skips foreign characters and ignores spare bits of the last one. */
const decode = (text: string | undefined): Buffer | null => {
  const bytes = Buffer.from(text ?? '', 'base64url')
  return bytes.toString('base64url') === text ? bytes : null
}
