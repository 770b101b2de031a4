import { isIP } from 'node:net'
import { type AddressPolicy, KINDS, parseSourcePolicy } from '@automagik-spark/adapters'
import { SourceType } from '@automagik-spark/core'
import { readAddress } from '@automagik-spark/db'
import { parseEncryptionKey } from '@automagik-spark/engine'
import { z } from 'zod'

// What each kind of variable accepts. A message continues after the variable's name and never repeats a secret.

class Refused extends Error {}

const check = <T>(parse: (text: string, refuse: (message: string) => never) => T) =>
  z.string().transform((text, context): T => {
    try {
      return parse(text, (message) => {
        throw new Refused(message)
      })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })

const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')

export const wholeNumber = (min: number, max: number) =>
  check((text, refuse) => {
    const value = Number(text)
    return /^\d{1,15}$/.test(text) && value >= min && value <= max
      ? value
      : refuse(`must be a whole number from ${min} to ${max}`)
  })

export const oneOf = <const T extends string>(allowed: readonly T[]) =>
  check(
    (text, refuse) =>
      allowed.find((value) => value === text.toLowerCase()) ?? refuse(`must be one of ${allowed.join(', ')}`),
  )

const TRUE = new Set(['true', '1', 'yes', 'on'])
const FALSE = new Set(['false', '0', 'no', 'off'])
export const yesNo = check((text, refuse) => {
  const value = text.toLowerCase()
  return TRUE.has(value) ? true : FALSE.has(value) ? false : refuse('must be true or false')
})

/** Where servers of each kind usually listen: `langflow:7860,automagik-hive:8886`. */
export const USUAL_PLACES = Object.entries(KINDS)
  .map(([type, { port }]) => `${type}:${port}`)
  .join(',')

/** Where to look for which kind of server, written as `USUAL_PLACES`. */
export const discoveryPorts = check((text, refuse) =>
  listOf(text).map((entry) => {
    const [type, port = '', ...rest] = entry.split(':')
    const source_type = SourceType.options.find((one) => one === type)
    const number = Number(port)
    const isPort = /^\d{1,5}$/.test(port) && number >= 1 && number <= 65535 && rest.length === 0
    return source_type && isPort
      ? { source_type, port: number }
      : refuse(
          `must be a comma list of type:port, such as ${USUAL_PLACES.split(',')[0]}; the types are ${SourceType.options.join(', ')}`,
        )
  }),
)

/** The key of a flow server, as it would be given to a source. */
export const sourceKey = check((text, refuse) =>
  /^[\x21-\x7e]{1,4096}$/.test(text)
    ? text
    : refuse('must consist of printable ASCII characters without spaces, at most 4096 of them'),
)

const MIN_KEY_CHARACTERS = 16
const MAX_KEY_CHARACTERS = 512
/** A text with fewer different characters is `aaaa…` or `1212…`, not a key. */
const MIN_DIFFERENT_CHARACTERS = 6

export const apiKey = check((text, refuse) => {
  if (!/^[\x21-\x7e]*$/.test(text))
    return refuse('must consist of printable ASCII characters without spaces, since it travels in a header')
  if (text.length < MIN_KEY_CHARACTERS || text.length > MAX_KEY_CHARACTERS) {
    return refuse(`has ${text.length} characters; it must have ${MIN_KEY_CHARACTERS} to ${MAX_KEY_CHARACTERS}`)
  }
  const isExample = /change.?me|replace.?(me|with|this)|your.?(api.?|secret.?|root.?)?key|namastex/i.test(text)
  return isExample || new Set(text).size < MIN_DIFFERENT_CHARACTERS
    ? refuse('is an example that everybody knows: take a random one, for example from `openssl rand -hex 24`')
    : text
})

const ENCRYPTION_KEY_FORM =
  'must be 32 bytes as base64 (44 characters) or hex (64), for example from `openssl rand -base64 32`'
/** 32 random bytes practically never have so few different values; texts and patterns do. */
const MIN_DIFFERENT_BYTES = 20
/** The default of the earlier Python release. */
const PUBLISHED_KEY = '5aQaTalKCAOAgOPFV_xZrQVzWgE80mseLFW-x_sa06o='

const isGuessable = (key: Uint8Array): boolean =>
  new Set(key).size < MIN_DIFFERENT_BYTES ||
  Buffer.from(key).equals(Buffer.from(PUBLISHED_KEY, 'base64')) ||
  new Set(key.slice(1).map((byte, at) => byte - key[at]!)).size === 1

export const encryptionKey = check((text, refuse): Uint8Array => {
  const key = parseEncryptionKey(text) ?? refuse(ENCRYPTION_KEY_FORM)
  return isGuessable(key)
    ? refuse('is an example or a pattern, not random: take one from `openssl rand -base64 32`')
    : key
})

export const encryptionKeys = check((text, refuse): Uint8Array[] =>
  listOf(text).map(
    (entry, at) =>
      parseEncryptionKey(entry) ??
      refuse(`is a comma list whose entry ${at + 1} is no key: each ${ENCRYPTION_KEY_FORM}`),
  ),
)

export const postgresUrl = check((text, refuse) => {
  const read = readAddress(text)
  return 'url' in read ? read.url : refuse(read.problem)
})

// `URL` refuses several hosts, which MongoDB allows: the driver checks the rest.
export const mongoUri = check((text, refuse) =>
  /^mongodb(\+srv)?:\/\/[^/?#\s]+(\/\S*)?$/i.test(text)
    ? text
    : refuse(
        'must look like mongodb://user:password@host:27017/database or mongodb+srv://…; special characters in user name and password must be percent-encoded',
      ),
)

export const listenHost = check((text, refuse) =>
  isIP(text) !== 0 || isHostName(text)
    ? text
    : refuse('must be an IP address (IPv6 without brackets) or a host name, without scheme and port'),
)

const isHostName = (text: string): boolean =>
  text.length <= 253 &&
  /^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?$/i.test(text) &&
  !/^[\d.]+$/.test(text)

export const hostList = check((text, refuse) =>
  listOf(text).map((entry) => {
    const host = entry.replace(/^\[(.*)\]$/, '$1').toLowerCase()
    return isIP(host) !== 0 || isHostName(host)
      ? host
      : refuse('must be a comma list of host names or IP addresses, without scheme, port and wildcard')
  }),
)

/** Removes a slash at the end, and `/api/v1`, which clients may write too. */
export const publicUrl = check((text, refuse): URL => {
  const url = /^https?:\/\/[^*?#@\\\s{}<>"|^`]+$/i.test(text) && URL.canParse(text) ? new URL(text) : null
  const path = url?.pathname.replace(/\/+$/, '').replace(/\/api\/v1$/, '') ?? ''
  if (!url || !/^(?:\/[A-Za-z0-9._~%-]+)*$/.test(path))
    return refuse(
      'must be an address such as https://tools.example.com/spark: http or https, a host, and perhaps a path of letters, digits, ".", "_", "~" and "-"',
    )
  return new URL(path === '' ? '/' : path, url.origin)
})

export const corsOrigins = check((text, refuse): '*' | string[] => {
  const entries = listOf(text)
  if (entries.includes('*'))
    return entries.length === 1 ? '*' : refuse('must be * alone or a list of origins, not both')
  return entries.map(
    (entry, at) =>
      originOf(entry) ??
      refuse(
        `must be * or a comma list of origins such as https://spark.example.com:8443 (http or https, no path); entry ${at + 1} is none`,
      ),
  )
})

const originOf = (text: string): string | null => {
  if (!/^https?:\/\/[^*?#@\\]+$/i.test(text) || !URL.canParse(text)) return null
  const { origin, pathname } = new URL(text)
  return pathname === '/' ? origin : null
}

export const sourcePolicy = check((text, refuse): AddressPolicy => {
  const policy = parseSourcePolicy(text)
  return typeof policy === 'string' ? refuse(policy) : policy
})
