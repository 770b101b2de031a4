import { DomainError } from '@automagik-spark/core'
import { expect, it } from 'vitest'
import { mayBeCommitted } from './doubt.ts'

const failed = (more: object, message = 'x') => Object.assign(new Error(message), more)

it.each([
  ['a connection that broke', failed({}, 'Connection terminated unexpectedly')],
  ['a connection that was reset', failed({ code: 'ECONNRESET', syscall: 'read' })],
  ['an answer that did not come in time', failed({}, 'Query read timeout')],
  ['a pooler that lost its server', failed({ severity: 'FATAL', code: '08P01' })],
])('a write may be committed after %s', (_, error) => expect(mayBeCommitted(error)).toBe(true))

it.each([
  ['nobody listened', failed({ code: 'ECONNREFUSED', syscall: 'connect' })],
  [
    'neither address of localhost let it in',
    new AggregateError([failed({ code: 'ECONNREFUSED' }), failed({ code: 'ECONNREFUSED' })]),
  ],
  ['no connection was free in time', failed({}, 'timeout exceeded when trying to connect')],
  ['PostgreSQL said that it was shutting down', failed({ severity: 'FATAL', code: '57P01' })],
  ['PostgreSQL refused it', failed({ severity: 'ERROR', code: '23505' })],
  ['Spark itself refused it', new DomainError('invalid', 'Connection terminated')],
  ['a bug', new TypeError('x is not a function')],
])('a write is surely not committed when %s', (_, error) => expect(mayBeCommitted(error)).toBe(false))
