import { describe, expect, it } from 'vitest'
import {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  errorOf,
  NotFoundError,
  PermissionError,
  PreconditionFailedError,
  ServerError,
  SparkError,
  UnprocessableError,
} from './errors.ts'

describe('errorOf', () => {
  it.each([
    [400, BadRequestError],
    [401, AuthenticationError],
    [403, PermissionError],
    [404, NotFoundError],
    [409, ConflictError],
    [412, PreconditionFailedError],
    [422, UnprocessableError],
    [500, ServerError],
    [503, ServerError],
    [405, SparkError],
    [429, SparkError],
  ])('gives %i its class', (status, Kind) => {
    const error = errorOf(status, { detail: 'Why.' }, { requestId: 'r1' })
    expect(error.constructor).toBe(Kind)
    expect(error).toBeInstanceOf(SparkError)
    expect(error).toMatchObject({
      name: Kind.name,
      message: 'Why.',
      detail: 'Why.',
      status,
      requestId: 'r1',
      errors: [],
    })
  })

  it('keeps which fields were wrong', () => {
    const errors = [{ path: 'url', message: 'must not be empty' }]
    expect(errorOf(400, { detail: 'x', errors }, {}).errors).toEqual(errors)
  })

  it.each([[undefined], [null], ['text'], [{ message: 'other' }], [{ detail: 7 }]])(
    'says the status when the body is not ours: %j',
    (body) => {
      expect(errorOf(502, body, {})).toMatchObject({
        detail: 'The server answered with status 502',
        errors: [],
        requestId: null,
      })
    },
  )
})
