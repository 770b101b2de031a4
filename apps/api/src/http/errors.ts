import type { ErrorAnswer, ErrorCode } from '@automagik-spark/core'
import { ChangedError, DomainError, wellFormedJson } from '@automagik-spark/core'
import type { ErrorRequestHandler } from 'express'
import type { Logger } from '../logger.ts'
import { send } from './answer.ts'
import { ClientLeft } from './body.ts'
import { etagOf } from './etag.ts'
import { loggedPath } from './logged-path.ts'
import { requestIdOf } from './request-id.ts'

const statuses: Record<ErrorCode, number> = {
  invalid: 400,
  unauthenticated: 401,
  not_found: 404,
  method_not_allowed: 405,
  changed: 412,
  too_large: 413,
  unsupported_media_type: 415,
  unavailable: 503,
}

const errorText = (detail: string, errors: ErrorAnswer['errors'] = []): string =>
  wellFormedJson(errors.length > 0 ? { detail, errors } : { detail })

type Deps = { logger: Logger; isStopping(): boolean; noteFailure(error: unknown): string | null }

/** The only place where a failure becomes a response. An unforeseen one shows nothing; the log has it under the request's id. */
export const makeErrorHandler = ({ logger, isStopping, noteFailure }: Deps): ErrorRequestHandler => {
  const foreseen = (error: unknown): DomainError | null => {
    if (error instanceof DomainError) return error
    // Express could not decode a path segment such as `%zz`.
    if (error instanceof URIError)
      return new DomainError('invalid', 'The path has a "%" that is not followed by two hexadecimal digits of UTF-8', {
        cause: error,
      })
    if (error instanceof Error && error.name === 'AbortError' && isStopping())
      return new DomainError('unavailable', SHUTTING_DOWN, { cause: error })
    return null
  }
  return (error: unknown, req, res, _next) => {
    if (error instanceof ClientLeft || res.destroyed) return
    const known = foreseen(error)
    if (known) {
      const headers = known instanceof ChangedError ? { ETag: etagOf(known.version) } : {}
      send(res, statuses[known.code], errorText(known.message, known.errors), headers)
      return
    }
    const why = noteFailure(error)
    if (why !== null) {
      logger.warn(
        { err: error, request_id: requestIdOf(res), method: req.method, path: loggedPath(req.path) },
        'request failed: PostgreSQL could not do it',
      )
      send(res, 503, errorText(why), { 'Retry-After': '2' })
      return
    }
    logger.error(
      { err: error, request_id: requestIdOf(res), method: req.method, path: loggedPath(req.path) },
      'request failed',
    )
    send(res, 500, errorText('Internal Server Error'))
  }
}

const SHUTTING_DOWN = 'Spark is shutting down'
export const NOT_FOUND_TEXT = errorText('Not Found')
export const MISSING_KEY_TEXT = errorText('X-API-Key header is missing')
export const WRONG_KEY_TEXT = errorText('Invalid API key')
export const SHUTTING_DOWN_TEXT = errorText(SHUTTING_DOWN)
