import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net'

type Family = 'ipv4' | 'ipv6'
/** An address in its one canonical form. */
export type Ip = { family: Family; address: string }
/** The first `bits` of its address are those of each address in it. */
export type IpRange = Ip & { bits: number; list: BlockList }

const WIDTH = { ipv4: 32, ipv6: 128 } as const

/** A literal as `URL` and DNS give it, also with a zone; an IPv4 address mapped into IPv6 is that IPv4 address. */
export const parseIp = (text: string): Ip | null => {
  const literal = text.replace(/%.*$/s, '')
  if (isIPv4(literal)) return { family: 'ipv4', address: literal }
  if (!isIPv6(literal)) return null
  const { address } = new SocketAddress({ address: literal, family: 'ipv6' })
  const mapped = /^::ffff:([\d.]+)$/.exec(address)?.[1]
  return mapped === undefined ? { family: 'ipv6', address } : { family: 'ipv4', address: mapped }
}

/** `10.0.0.0/8`, or an address for itself alone. */
export const parseRange = (text: string): IpRange | null => {
  const [literal = '', length, ...rest] = text.split('/')
  const ip = parseIp(literal)
  if (!ip || rest.length > 0) return null
  const width = WIDTH[ip.family]
  // The length of a mapped IPv4 range would count from the wrong end.
  if (length !== undefined && (ip.family === 'ipv4') !== isIPv4(literal)) return null
  if (length !== undefined && (!/^\d{1,3}$/.test(length) || Number(length) > width)) return null
  const bits = length === undefined ? width : Number(length)
  const list = new BlockList()
  list.addSubnet(ip.address, bits, ip.family)
  return { ...ip, bits, list }
}

export const isIn = (ip: Ip, { family, list }: IpRange): boolean =>
  ip.family === family && list.check(ip.address, ip.family)

/** Whether the whole of `inner` lies in `outer`. */
export const covers = (outer: IpRange, inner: IpRange): boolean => inner.bits >= outer.bits && isIn(inner, outer)
