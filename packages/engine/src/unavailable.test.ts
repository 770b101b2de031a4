import { SourceError } from '@automagik-spark/core'
import { expect, it } from 'vitest'
import { isDatabaseAway } from './unavailable.ts'

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
