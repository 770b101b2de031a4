import { isIPv4, isIPv6 } from 'node:net'

/** An IP address as a number. */
export type Ip = { family: 4 | 6; value: bigint }
export type IpRange = { family: 4 | 6; base: bigint; bits: number }

const WIDTH = { 4: 32, 6: 128 } as const
const MAPPED: IpRange = { family: 6, base: 0xffffn << 32n, bits: 96 }

/** A canonical literal (what `URL` and DNS give), also with a zone; an IPv4 address mapped into IPv6 is that IPv4 address. */
export const parseIp = (text: string): Ip | null => {
  const literal = text.replace(/%.*$/s, '')
  if (isIPv4(literal)) return { family: 4, value: v4(literal) }
  if (!isIPv6(literal)) return null
  const ip: Ip = { family: 6, value: v6(literal) }
  return isIn(ip, MAPPED) ? { family: 4, value: ip.value & 0xffffffffn } : ip
}

/** `10.0.0.0/8`, or an address for itself alone. */
export const parseRange = (text: string): IpRange | null => {
  const [address = '', length, ...rest] = text.split('/')
  const ip = parseIp(address)
  if (!ip || rest.length > 0) return null
  const width = WIDTH[ip.family]
  if (length === undefined) return { family: ip.family, base: ip.value, bits: width }
  // The length of a mapped IPv4 range would count from the wrong end.
  if (!/^\d{1,3}$/.test(length) || Number(length) > width || (ip.family === 4) !== isIPv4(address)) return null
  const bits = Number(length)
  const host = BigInt(width - bits)
  return { family: ip.family, base: (ip.value >> host) << host, bits }
}

export const isIn = (ip: Ip, range: IpRange): boolean => {
  if (ip.family !== range.family) return false
  const host = BigInt(WIDTH[ip.family] - range.bits)
  return ip.value >> host === range.base >> host
}

/** Whether the whole of `inner` lies in `outer`. */
export const covers = (outer: IpRange, inner: IpRange): boolean =>
  inner.bits >= outer.bits && isIn({ family: inner.family, value: inner.base }, outer)

const v4 = (literal: string): bigint => literal.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)

const v6 = (literal: string): bigint => {
  const dotted = /^(.*:)([\d.]+)$/.exec(literal)
  if (dotted?.[1] && dotted[2]?.includes('.')) {
    const low = v4(dotted[2])
    return v6(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const [left = '', right] = literal.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const head = groups(left)
  const tail = right === undefined ? [] : groups(right)
  const zeros = Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}
