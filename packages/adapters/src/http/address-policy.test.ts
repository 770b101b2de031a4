import { describe, expect, it } from 'vitest'
import { type AddressPolicy, addressRefusal, parseSourcePolicy } from './address-policy.ts'
import { normalizeSourceUrl } from './source-url.ts'

const policy = (text: string): AddressPolicy => {
  const parsed = parseSourcePolicy(text)
  if (typeof parsed === 'string') throw new Error(parsed)
  return parsed
}

/** What happens to a source's URL with this host: it is not a URL, its name must be resolved first, or its address gets a verdict. */
const verdict = (host: string, rules = 'private'): string => {
  let url: URL
  try {
    url = new URL(normalizeSourceUrl(`http://${host}/`))
  } catch {
    return 'no URL'
  }
  const address = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (!/^[\d.]+$/.test(address) && !address.includes(':')) return 'a name'
  return addressRefusal(policy(rules), url.hostname, address) ?? 'allowed'
}

const REFUSED: [why: string, ...hosts: string[]][] = [
  [
    'link-local',
    '169.254.169.254',
    '169.254.0.1',
    '169.254.255.255',
    '169.254.170.2',
    '169.254.170.23',
    '2852039166',
    '0xa9fea9fe',
    '0xA9FEA9FE',
    '0xa9.0xfe.0xa9.0xfe',
    '0251.0376.0251.0376',
    '025177524776',
    '169.16689662',
    '169.254.43518',
    '0xa9.254.0251.254',
    '169.254.169.254.',
    '0xa9fea9fe.',
    '169。254。169。254',
    '１６９.２５４.１６９.２５４',
    '①⑥⑨.②⑤④.①⑥⑨.②⑤④',
    '169%2E254%2E169%2E254',
    '%31%36%39.254.169.254',
    '[::ffff:169.254.169.254]',
    '[::ffff:a9fe:a9fe]',
    '[0:0:0:0:0:ffff:a9fe:a9fe]',
    '[::FFFF:169.254.169.254]',
    '[0000:0000:0000:0000:0000:ffff:169.254.169.254]',
    '[fe80::1]',
    '[fe80::a9fe:a9fe]',
    '[febf:ffff::1]',
    '[FE80::1]',
  ],
  [
    'metadata',
    '100.100.100.200',
    '1684301000',
    '0x646464c8',
    '168.63.129.16',
    '192.0.0.192',
    '[::ffff:100.100.100.200]',
    '[fd00:ec2::254]',
    '[fd00:0ec2::0254]',
    '[fd00:ec2::23]',
    '[fd20:ce::254]',
  ],
  [
    'unspecified',
    '0.0.0.0',
    '0',
    '00',
    '0x0',
    '0.0',
    '0.1',
    '0.0.0.1',
    '0.255.255.255',
    '[::]',
    '[0:0:0:0:0:0:0:0]',
    '[::ffff:0.0.0.0]',
    '[::ffff:0:0]',
  ],
  ['multicast', '224.0.0.1', '239.255.255.255', '3758096385', '[ff02::1]', '[ff0e::1]', '[::ffff:224.0.0.1]'],
  [
    'NAT64',
    '[64:ff9b::a9fe:a9fe]',
    '[64:ff9b::169.254.169.254]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b::808:808]',
    '[64:ff9b:1::1]',
  ],
  ['6to4', '[2002:a9fe:a9fe::1]', '[2002:7f00:1::]', '192.88.99.1'],
  ['Teredo', '[2001::1]', '[2001:0:a9fe:a9fe::]'],
  [
    'reserved',
    '240.0.0.1',
    '255.255.255.255',
    '4294967295',
    '0xffffffff',
    '192.0.2.1',
    '198.51.100.7',
    '203.0.113.9',
    '198.18.0.1',
    '198.19.255.255',
    '192.0.0.1',
    '[::1.2.3.4]',
    '[::127.0.0.1]',
    '[::7f00:1]',
    '[::a9fe:a9fe]',
    '[::2]',
    '[::ffff:0:169.254.169.254]',
    '[::fffe:169.254.169.254]',
    '[fec0::1]',
    '[100::1]',
    '[2001:db8::1]',
    '[2001:10::1]',
    '[3fff::1]',
    '[4000::1]',
    '[5f00::1]',
    '[e000::1]',
    '[fe00::1]',
    '[fb00::1]',
  ],
]

describe('addresses that are always refused', () => {
  const forms = REFUSED.flatMap(([why, ...hosts]) => hosts.map((host): [string, string] => [host, why]))
  it.each(forms)('%s is refused as %s, whatever the policy', (host, why) => {
    for (const rules of ['private', 'public', '0.0.0.0/0, ::/0, 10.0.0.1']) {
      expect(verdict(host, rules)).toContain(why)
      expect(verdict(host, rules)).toContain('always refused')
    }
  })
})

describe('hosts that are not a URL, or must be resolved first', () => {
  it.each([
    '256.256.256.256',
    '0x100000000',
    '4294967296',
    '1.2.3.4.5',
    '169.254.169.300',
    '0xa9.0xfe.0xa9.0xfe.0',
    '[fe80::1%25eth0]',
    '[fe80::1%eth0]',
    '[::g]',
    '[1:2:3]',
    '169.254.169.254\\@x',
    'a b',
  ])('%s is not a URL', (host) => expect(verdict(host)).toBe('no URL'))
  it.each(['localhost', 'metadata.google.internal', 'example.com.', '169.254.169.254.nip.io', 'ⓛocalhost'])(
    '%s is a name',
    (host) => expect(verdict(host)).toBe('a name'),
  )
})

describe('loopback and private addresses', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['127.0.1', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['0x7f.1', 'loopback'],
    ['2130706433', 'loopback'],
    ['017700000001', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['127.0.0.1.', 'loopback'],
    ['[::1]', 'loopback'],
    ['[0:0:0:0:0:0:0:1]', 'loopback'],
    ['[::ffff:127.0.0.1]', 'loopback'],
    ['[::ffff:7f00:1]', 'loopback'],
    ['１２７.０.０.１', 'loopback'],
    ['10.0.0.1', 'private'],
    ['10.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['3232235777', 'private'],
    ['100.64.0.1', 'private'],
    ['[fc00::1]', 'private'],
    ['[fd12:3456::1]', 'private'],
    ['[::ffff:10.0.0.1]', 'private'],
  ])('%s is allowed by default and refused as %s by `public`', (host, why) => {
    expect(verdict(host)).toBe('allowed')
    expect(verdict(host, 'public')).toContain(why)
    expect(verdict(host, 'public')).toContain('SPARK_SOURCE_POLICY=public')
  })

  it.each([
    '8.8.8.8',
    '172.15.255.255',
    '172.32.0.1',
    '192.167.1.1',
    '100.63.255.255',
    '100.128.0.1',
    '169.253.1.1',
    '223.255.255.255',
    '1.0.0.1',
    '[2606:4700::1111]',
    '[2a00::1]',
    '[2001:4860::8888]',
    '[::ffff:8.8.8.8]',
  ])('%s is public and allowed by both', (host) => {
    expect(verdict(host)).toBe('allowed')
    expect(verdict(host, 'public')).toBe('allowed')
  })
})

describe('a list of hosts and ranges', () => {
  const listed = policy(' 10.1.0.0/16, flows.example.com ,192.168.7.7,[fd00:1::]/32,FLOWS2.example.com.')
  it.each([
    ['10.1.2.3', '10.1.2.3', null],
    ['10.2.0.1', '10.2.0.1', 'not in the list'],
    ['192.168.7.7', '192.168.7.7', null],
    ['192.168.7.8', '192.168.7.8', 'not in the list'],
    ['8.8.8.8', '8.8.8.8', 'not in the list'],
    ['[fd00:1::5]', 'fd00:1::5', null],
    ['flows.example.com', '8.8.8.8', null],
    ['flows.example.com.', '127.0.0.1', null],
    ['flows2.example.com', '8.8.8.8', null],
    ['flows.example.com', '169.254.169.254', 'always refused'],
    ['other.example.com', '10.1.9.9', null],
    ['other.example.com', '8.8.8.8', 'not in the list'],
    ['x.flows.example.com', '8.8.8.8', 'not in the list'],
  ])('%s at %s: %s', (host, address, refusal) => {
    const found = addressRefusal(listed, host, address)
    if (refusal === null) expect(found).toBeNull()
    else expect(found).toContain(refusal)
  })
})

describe('parseSourcePolicy', () => {
  it.each([
    'private',
    ' Public ',
    'langflow',
    'localhost',
    '127.0.0.1',
    '10.0.0.0/8,langflow.internal',
    '::1',
    'fd00::/8',
    'bücher.example',
    '10.0.0.5/8',
  ])('takes %s', (text) => {
    expect(parseSourcePolicy(text)).toBeTypeOf('object')
  })
  it.each([
    ['', 'empty entry'],
    ['a,,b', 'empty entry'],
    ['10.0.0.0/33', '"10.0.0.0/33" is neither'],
    ['10.0.0.0/x', 'is neither'],
    ['::/129', 'is neither'],
    ['http://langflow', 'is neither'],
    ['langflow:7860', 'is neither'],
    ['*.example.com', 'is neither'],
    ['0x7f.1', 'is neither'],
    ['public, 10.0.0.0/8', 'stands alone'],
    ['169.254.0.0/16', 'always refused (a link-local'],
    ['10.0.0.0/8,169.254.169.254', 'always refused'],
    ['2002::/16', 'always refused (a 6to4'],
  ])('says what is wrong with %j', (text, problem) => {
    expect(parseSourcePolicy(text)).toContain(problem)
    expect(parseSourcePolicy(text)).toMatch(/^must be private, public, or a comma list of hosts and CIDRs; /)
  })
})
