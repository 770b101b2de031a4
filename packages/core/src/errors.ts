import type { TaskErrorCode } from './task/error-code.ts'

/** What a caller can do wrong or run into; the API maps each to a status. */
export type ErrorCode =
  | 'invalid'
  | 'not_found'
  | 'method_not_allowed'
  | 'unauthenticated'
  | 'too_large'
  | 'unsupported_media_type'
  | 'unavailable'

export type FieldError = { path: string; message: string }

/** A failure that was foreseen. The message is one sentence for a person: which field, what is wrong, how to fix it. */
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

/** A field of the request is wrong; `message` goes on from its name: `timezone` + `"Mars/X" is not …`. */
export const invalid = (path: string, message: string): DomainError =>
  new DomainError('invalid', `${path}: ${message}`, { errors: [{ path, message }] })

/**
 * How a call to a flow server failed, by what is known about the flow (docs/reliability.md):
 * `not_sent` it never started; `turned_away` the server asked to come later; `flow_failed` the server says it failed;
 * `refused` it will never work like this; `unknown` it may have run; `bad_answer` it ran, and the answer cannot be used.
 */
export type FailureClass = 'not_sent' | 'turned_away' | 'flow_failed' | 'refused' | 'unknown' | 'bad_answer'

/** Whatever goes wrong with a flow server. */
export class SourceError extends DomainError {
  readonly error_code: TaskErrorCode
  readonly failure: FailureClass
  /** Seconds the server asked to wait, when it did. */
  readonly retry_after: number | null
  /** It did not fail, it took too long: the server may just be busy. */
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
