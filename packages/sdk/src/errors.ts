export type FieldError = { path: string; message: string }

type Details = {
  status?: number | null
  errors?: FieldError[]
  requestId?: string | null
  cause?: unknown
}

/**
 * The base class of all errors of a call. One exception: an abort by your own signal rejects with the reason of that signal.
 *
 * @example
 * if (error instanceof SparkError) console.error(error.status, error.detail, error.requestId)
 */
export class SparkError extends Error {
  override readonly name: string = 'SparkError'
  /** HTTP status; null without an answer. */
  readonly status: number | null
  /** One sentence that says what is wrong. */
  readonly detail: string
  /** The wrong fields of a request; empty when Spark names none. */
  readonly errors: FieldError[]
  /** Search Spark's log for this id; null when the answer has none. */
  readonly requestId: string | null

  constructor(detail: string, details: Details = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause })
    this.detail = detail
    this.status = details.status ?? null
    this.errors = details.errors ?? []
    this.requestId = details.requestId ?? null
  }
}

/** 400, or an argument that cannot be sent at all (then `status` is null). */
export class BadRequestError extends SparkError {
  override readonly name = 'BadRequestError'
}
/** 401: the key is missing or wrong. */
export class AuthenticationError extends SparkError {
  override readonly name = 'AuthenticationError'
}
/** 403: the scope of the key does not allow this. */
export class PermissionError extends SparkError {
  override readonly name = 'PermissionError'
}
/** 404: there is no object with this id. */
export class NotFoundError extends SparkError {
  override readonly name = 'NotFoundError'
}
/** 409: the request conflicts with another. */
export class ConflictError extends SparkError {
  override readonly name = 'ConflictError'
}
/** 412: the object has changed since it was read. */
export class PreconditionFailedError extends SparkError {
  override readonly name = 'PreconditionFailedError'
}
/** 422: the idempotency key was used with another body. */
export class UnprocessableError extends SparkError {
  override readonly name = 'UnprocessableError'
}
/** 5xx: Spark failed, or it cannot serve requests now. */
export class ServerError extends SparkError {
  override readonly name = 'ServerError'
}
/** No answer: the address cannot be reached, or the connection was lost. */
export class ConnectionError extends SparkError {
  override readonly name = 'ConnectionError'
}
/** No answer in time. The server may have carried out the request. */
export class TimeoutError extends SparkError {
  override readonly name = 'TimeoutError'
}

const byStatus: Record<number, new (detail: string, details: Details) => SparkError> = {
  400: BadRequestError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  412: PreconditionFailedError,
  422: UnprocessableError,
}

const fieldErrors = (body: object): FieldError[] =>
  'errors' in body && Array.isArray(body.errors)
    ? body.errors.filter((one): one is FieldError => typeof one?.path === 'string' && typeof one?.message === 'string')
    : []

/** The error for an answer; `body` is its parsed JSON, or undefined when it is not JSON. */
export const errorOf = (status: number, body: unknown, details: Details): SparkError => {
  const fromSpark = typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string'
  const Kind = byStatus[status] ?? (status >= 500 ? ServerError : SparkError)
  const detail = fromSpark ? String(body.detail) : `The server answered with status ${status}`
  return new Kind(detail, { ...details, status, errors: fromSpark ? fieldErrors(body) : [] })
}
