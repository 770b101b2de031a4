export type FieldError = { path: string; message: string }

type Details = {
  status?: number | null
  errors?: FieldError[]
  requestId?: string | null
  cause?: unknown
}

/** Whatever goes wrong with a call, except an abort by the caller's own signal, which rejects with that signal's reason. */
export class SparkError extends Error {
  override readonly name: string = 'SparkError'
  /** Null when there was no answer. */
  readonly status: number | null
  /** One sentence for a person. */
  readonly detail: string
  /** Which fields were wrong, when Spark says so. */
  readonly errors: FieldError[]
  /** Names the answer in Spark's log. */
  readonly requestId: string | null

  constructor(detail: string, details: Details = {}) {
    super(detail, details.cause === undefined ? undefined : { cause: details.cause })
    this.detail = detail
    this.status = details.status ?? null
    this.errors = details.errors ?? []
    this.requestId = details.requestId ?? null
  }
}

/** 400, and an argument that cannot be sent at all. */
export class BadRequestError extends SparkError {
  override readonly name = 'BadRequestError'
}
/** 401: the key is missing or wrong. */
export class AuthenticationError extends SparkError {
  override readonly name = 'AuthenticationError'
}
/** 403: the key may not do this. */
export class PermissionError extends SparkError {
  override readonly name = 'PermissionError'
}
/** 404. */
export class NotFoundError extends SparkError {
  override readonly name = 'NotFoundError'
}
/** 409. */
export class ConflictError extends SparkError {
  override readonly name = 'ConflictError'
}
/** 412. */
export class PreconditionFailedError extends SparkError {
  override readonly name = 'PreconditionFailedError'
}
/** 422. */
export class UnprocessableError extends SparkError {
  override readonly name = 'UnprocessableError'
}
/** 5xx. */
export class ServerError extends SparkError {
  override readonly name = 'ServerError'
}
/** No answer: the address cannot be reached, or the connection was lost. */
export class ConnectionError extends SparkError {
  override readonly name = 'ConnectionError'
}
/** No answer in time. What was asked for may have been done. */
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

/** The error of an answer; `body` is its parsed JSON, or undefined when it is none. */
export const errorOf = (status: number, body: unknown, details: Details): SparkError => {
  const fromSpark = typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string'
  const Kind = byStatus[status] ?? (status >= 500 ? ServerError : SparkError)
  const detail = fromSpark ? String(body.detail) : `The server answered with status ${status}`
  return new Kind(detail, { ...details, status, errors: fromSpark ? fieldErrors(body) : [] })
}
