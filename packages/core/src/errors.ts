import type { TaskErrorCode } from './task/error-code.ts'

/** What can be wrong with a request or in the way of it; the API gives each a status. */
export type ErrorCode =
  | 'invalid'
  | 'not_found'
  | 'method_not_allowed'
  | 'unauthenticated'
  | 'too_large'
  | 'unsupported_media_type'
  | 'changed'
  | 'unavailable'

export type FieldError = { path: string; message: string }

/** A failure that we foresaw. The message is one sentence for a person: which field, what is wrong, how to fix it. */
export class DomainError extends Error {
  readonly code: ErrorCode
  readonly errors: FieldError[]

  constructor(code: ErrorCode, message: string, options: { errors?: FieldError[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DomainError'
    this.code = code
    this.errors = options.errors ?? []
  }
}

export const notFound = (what: 'Source' | 'Workflow' | 'Task' | 'Schedule'): DomainError =>
  new DomainError('not_found', `${what} not found`)

/** The caller has read another version of a source or schedule than there is now. */
export class ChangedError extends DomainError {
  readonly version: number

  constructor(what: 'source' | 'schedule', version: number) {
    super(
      'changed',
      `If-Match: the ${what} has version "${version}" now, which is not what you sent: read it again, and repeat your change with its ETag`,
    )
    this.version = version
  }
}

/** A field of the request is wrong. `message` follows the name of the field: `timezone: "Mars/X" is not …`. */
export const invalid = (path: string, message: string): DomainError =>
  new DomainError('invalid', `${path}: ${message}`, { errors: [{ path, message }] })

/**
 * How a call to a flow server failed, by what it says about the flow (docs/reliability.md): `not_sent` it never started; `turned_away` the
 * server is busy; `flow_failed` the server says that it failed; `refused` this call can never work; `unknown` it may have run; `bad_answer`
 * it ran, and its answer cannot be used.
 */
export type FailureClass = 'not_sent' | 'turned_away' | 'flow_failed' | 'refused' | 'unknown' | 'bad_answer'

/** Every failure at a flow server. */
export class SourceError extends DomainError {
  readonly error_code: TaskErrorCode
  readonly failure: FailureClass
  /** The seconds of the server's Retry-After; null when it sent none. */
  readonly retry_after: number | null
  /** Whether it took too long: then the server may just be busy. */
  readonly timed_out: boolean

  constructor(
    error_code: TaskErrorCode,
    failure: FailureClass,
    message: string,
    options: { retry_after?: number | null; timed_out?: boolean; cause?: unknown } = {},
  ) {
    super('invalid', message, options)
    this.name = 'SourceError'
    this.error_code = error_code
    this.failure = failure
    this.retry_after = options.retry_after ?? null
    this.timed_out = options.timed_out ?? false
  }
}
