import { describe, expect, it } from 'vitest'
import { makeLogger } from './logger.ts'

const NAMES = [
  'api_key',
  'x-api-key',
  'authorization',
  'proxy-authorization',
  'set-cookie',
  'password',
  'secret',
  'token',
  'a_token',
  'input_value',
]
/** What a pattern with two ways through a text would look at again and again; each is tried alone and behind words that make the scrubber look. */
const UNITS = [
  'a',
  'A',
  '0',
  '-',
  '_',
  '.',
  '+',
  ' ',
  '\\',
  '"',
  '\\"',
  "'",
  '/',
  ':',
  '://',
  'a://',
  'http://a',
  '@',
  '=',
  ',',
  ';',
  '%41',
  'ä',
  '\u{1F600}',
  '\ud800',
  '\u0000',
  'a-',
  'a_',
  'a.',
  'key',
  'bearer ',
  'a ',
  'token token',
  ...NAMES,
  ...NAMES.flatMap((name) => [
    `${name}:`,
    `${name}=`,
    `${name}: `,
    `${name}:"`,
    `\\"${name}\\":\\"`,
    `"${name}": bearer `,
  ]),
]
const SMALL = 2 * 1024
const TIMES = 16

/** CPU of this process in µs, the least of some tries. */
const cpuOf = (work: () => void): number => {
  let least = Infinity
  for (let i = 0; i < 3; i++) {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

describe.each(['json', 'pretty'] as const)('a line of the log (%s)', (format) => {
  const logger = makeLogger({
    level: 'info',
    format,
    secrets: ['sk-canary-1234', 'another/Secret+of=ours'],
    destination: { write: () => undefined },
  })
  it('takes as long for each letter in a long text as in a short one, whatever the letters are', () => {
    const slow = UNITS.flatMap((unit) => ['key ', '"password": '].map((lead) => ({ unit, lead }))).find(
      ({ unit, lead }) => {
        const ofLength = (length: number) => lead + unit.repeat(Math.ceil(length / unit.length))
        const [small, large] = [ofLength(SMALL), ofLength(SMALL * TIMES)]
        const many = cpuOf(() => {
          for (let i = 0; i < TIMES; i++) logger.info({ path: small }, 'request')
        })
        const one = cpuOf(() => logger.info({ path: large }, 'request'))
        // Quadratic would be 16 times as much; what is too little to be measured says nothing.
        return one > 5_000 && one > many * 5
      },
    )
    expect(slow).toBeUndefined()
  }, 120_000)
})
