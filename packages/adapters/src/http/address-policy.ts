import { covers, type Ip, type IpRange, isIn, parseIp, parseRange } from './ip.ts'

/** Which addresses a source may have (SPARK_SOURCE_POLICY). */
export type AddressPolicy = {
  mode: 'private' | 'public' | 'list'
  /** Allowed host names, in mode `list`. */
  hosts: string[]
  ranges: IpRange[]
}

type Block = { range: IpRange; what: string }
const block = (what: string, ...ranges: string[]): Block[] =>
  ranges.map((text) => {
    const range = parseRange(text)
    if (!range) throw new Error(`not a range: ${text}`)
    return { range, what }
  })

/** Refused by every policy: no flow server is there, and each is a way into a machine's internals or around this list. */
const ALWAYS_REFUSED: Block[] = [
  ...block('a link-local address (cloud metadata is served there)', '169.254.0.0/16', 'fe80::/10'),
  // Of Alibaba, Azure, Oracle (its second one), and AWS and Google over IPv6.
  ...block(
    'a cloud metadata address',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fd00:ec2::/32',
    'fd20:ce::254',
  ),
  ...block('an unspecified address', '0.0.0.0/8', '::'),
  ...block('a multicast address', '224.0.0.0/4', 'ff00::/8'),
  ...block('a NAT64 address', '64:ff9b::/96', '64:ff9b:1::/48'),
  ...block('a 6to4 address', '192.88.99.0/24', '2002::/16'),
  ...block('a Teredo address', '2001::/32'),
  ...block(
    'a reserved address',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '240.0.0.0/4',
    '2001::/23',
    '2001:db8::/32',
    '3fff::/20',
  ),
]
/** The only IPv6 ranges that are assigned; all others are reserved, among them the embeddings of IPv4. */
const ASSIGNED_V6 = ['::1', 'fc00::/7', '2000::/3'].flatMap((text) => block('', text))
const PRIVATE: Block[] = [
  ...block('a loopback address', '127.0.0.0/8', '::1'),
  ...block('a private address', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7'),
]

const find = (blocks: Block[], ip: Ip): string | null => blocks.find(({ range }) => isIn(ip, range))?.what ?? null

const alwaysRefused = (ip: Ip): string | null =>
  find(ALWAYS_REFUSED, ip) ?? (ip.family === 'ipv6' && find(ASSIGNED_V6, ip) === null ? 'a reserved address' : null)

export const isLoopback = (address: string): boolean => {
  const ip = parseIp(address)
  return ip !== null && find(PRIVATE, ip) === 'a loopback address'
}

/** Why nobody may connect to this address of this host name; null when it is allowed. The sentence continues the address. */
export const addressRefusal = (policy: AddressPolicy, hostname: string, address: string): string | null => {
  const ip = parseIp(address)
  if (!ip) return 'is not an IP address'
  const always = alwaysRefused(ip)
  if (always) return `is ${always}, which is always refused`
  if (policy.mode === 'private') return null
  if (policy.mode === 'public') {
    const inside = find(PRIVATE, ip)
    return inside && `is ${inside}, which SPARK_SOURCE_POLICY=public refuses`
  }
  const allowed =
    policy.hosts.includes(hostname.toLowerCase().replace(/\.$/, '')) || policy.ranges.some((range) => isIn(ip, range))
  return allowed ? null : 'is not in the list of SPARK_SOURCE_POLICY'
}

/** The policy; or what is wrong with the text, as a sentence that continues the variable's name. */
export const parseSourcePolicy = (text: string): AddressPolicy | string => {
  const mode = text.trim().toLowerCase()
  if (mode === 'private' || mode === 'public') return { mode, hosts: [], ranges: [] }
  const policy: AddressPolicy = { mode: 'list', hosts: [], ranges: [] }
  for (const entry of text.split(',').map((part) => part.trim())) {
    const problem = addEntry(policy, entry)
    if (problem) return `must be private, public, or a comma list of hosts and CIDRs; ${problem}`
  }
  return policy
}

const addEntry = (policy: AddressPolicy, entry: string): string | null => {
  if (entry === '') return 'it has an empty entry'
  const range = parseRange(entry.replace(/^\[([^\]]*)\]/, '$1'))
  if (range) {
    const never = ALWAYS_REFUSED.find((refused) => covers(refused.range, range))
    if (never) return `${entry} is always refused (${never.what})`
    policy.ranges.push(range)
    return null
  }
  if (/^(private|public)$/i.test(entry)) return `${entry} stands alone or not at all`
  const host = hostOf(entry)
  if (!host)
    return `${JSON.stringify(entry.slice(0, 100))} is neither a host name (without scheme and port) nor an address or CIDR`
  policy.hosts.push(host)
  return null
}

/** The name as `URL` writes it: a source's host name is compared with it. */
const hostOf = (entry: string): string | null => {
  if (!/^[^\s/?#@:*\\%[\]]{1,253}$/.test(entry)) return null
  if (!URL.canParse(`http://${entry}`)) return null
  const name = new URL(`http://${entry}`).hostname.replace(/\.$/, '')
  // `0x7f.1` is an address in disguise: refuse it rather than guess.
  return name !== '' && parseIp(name) === null ? name : null
}
