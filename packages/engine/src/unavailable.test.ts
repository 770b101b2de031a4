import { SourceError } from '@automagik-spark/core'
import { expect, it } from 'vitest'
import { cannotStore, isDatabaseAway, isOurBug, whyUnavailable } from './unavailable.ts'

const coded = (code: string, more: ErrorOptions = {}) => Object.assign(new Error('x', more), { code })

it.each([
  ['a refused connection', coded('ECONNREFUSED')],
  ['both addresses of localhost refused', new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')])],
  ['a server that is shutting down', coded('57P01')],
  ['a connection that broke', new Error('Connection terminated unexpectedly')],
  ['the same inside another error', new Error('outside', { cause: coded('ECONNRESET') })],
])('is true for %s', (_, error) => expect(isDatabaseAway(error)).toBe(true))

it.each([
  ['a bug', new TypeError('x is not a function')],
  ['what PostgreSQL refuses', coded('23505')],
  ['a statement that took too long', coded('57014')],
  ['a flow server that is away', new SourceError('source_unreachable', 'not_sent', 'nobody listens')],
  ['no error', 'ECONNREFUSED'],
])('is false for %s', (_, error) => expect(isDatabaseAway(error)).toBe(false))

it.each([
  ['53100', /disk is full/],
  ['53200', /out of memory/],
  ['53300', /max_connections/],
  ['53400', /limit of its configuration/],
  ['25006', /primary, not to a standby/],
  ['57014', /did not finish in time/],
  ['55P03', /locked/],
  ['40001', /same rows/],
  ['58030', /failure of its own/],
  ['XX001', /failure of its own/],
  ['28P01', /password in DATABASE_URL/],
  ['42501', /GRANTs/],
  ['57P03', /does not answer/],
  ['08006', /does not answer/],
])('of %s there is a sentence, without a word of PostgreSQL, which may hold data', (code, sentence) => {
  const error = Object.assign(new Error('secret: could not extend file'), { code })
  expect(whyUnavailable(error)).toMatch(sentence)
  expect(whyUnavailable(error)).not.toContain('secret')
  expect(
    whyUnavailable(
      Object.assign(new Error('Prisma'), {
        code: 'P2039',
        meta: { driverAdapterError: new Error('x', { cause: { originalCode: code } }) },
      }),
    ),
  ).toMatch(sentence)
})

it.each([['23505'], ['22P02'], ['42601'], ['42P01']])(
  'of %s there is none: it is not that PostgreSQL could not',
  (code) => expect(whyUnavailable(coded(code))).toBeNull(),
)

it('a statement that PostgreSQL does not understand is our bug; what it does not allow is not', () => {
  expect([
    isOurBug(coded('42601')),
    isOurBug(coded('42P01')),
    isOurBug(coded('42501')),
    isOurBug(coded('53100')),
  ]).toEqual([true, true, false, false])
})

it('a full disk, a broken one and a standby cannot store; one that is away may', () => {
  expect(['53100', '58030', 'XX001', '25006', '08006', 'ECONNREFUSED'].map((code) => cannotStore(coded(code)))).toEqual(
    [true, true, true, true, false, false],
  )
})
