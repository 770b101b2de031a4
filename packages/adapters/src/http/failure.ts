import { SourceError } from '@automagik-spark/core'
import { oneLine } from '../plain-text.ts'
import { AddressRefused, CONNECT_TIMEOUT_MS } from './pool.ts'

/** What a call is for. Only a run can have an effect that Spark cannot see. */
export type CallPurpose = 'run' | 'read'

export type CallState = {
  /** The server's URL, for messages. */
  where: string
  purpose: CallPurpose
  /** The request was written, or was about to be. */
  sent: boolean
  timedOut: boolean
  timeoutMs: number
}

/** What the failure of a call without a whole response means, by the errors of Node and undici. */
export const connectionFailure = (error: unknown, state: CallState): SourceError => {
  const { where, purpose, sent, timedOut, timeoutMs } = state
  const chain = causes(error)
  const code = chain.map(codeOf).find((text) => text !== '') ?? ''
  const refused = chain.find((cause) => cause instanceof AddressRefused)
  const seconds = `${timeoutMs / 1000} s`
  const unreachable = (reason: string, failure: 'not_sent' | 'refused' = 'not_sent') =>
    new SourceError('source_unreachable', failure, `Cannot reach ${where}: ${reason}`, {
      cause: error,
      timed_out: code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT',
    })

  if (refused)
    return new SourceError('address_refused', 'refused', `${where} is not allowed: ${refused.message}.`, {
      cause: error,
    })

  if (!sent) {
    if (timedOut) {
      return new SourceError(
        'timeout',
        'not_sent',
        `The call to ${where} could not be sent within ${seconds}: no connection was free in time.`,
        { cause: error, timed_out: true },
      )
    }
    if (isTls(code)) return unreachable(`the TLS handshake failed (${code}). Is it really an https address?`)
    if (isCertificate(code)) {
      return unreachable(
        `its TLS certificate is not trusted (${code}). Give the server a valid certificate, or name its host in SPARK_TLS_INSECURE_HOSTS.`,
        'refused',
      )
    }
    return unreachable(UNSENT[code] ?? `no connection (${code || 'unknown reason'}).`)
  }

  if (isBadAnswer(code)) {
    return new SourceError(
      'bad_answer',
      'bad_answer',
      `The answer of ${where} cannot be read: ${badAnswer(code)} (${code}).`,
      { cause: error },
    )
  }
  if (timedOut || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
    return unknown(state, `it took longer than ${seconds}`, error, true)
  return unknown(
    state,
    purpose === 'run'
      ? `the connection was lost (${code || 'no reason given'})`
      : `the connection was lost before the whole answer came (${code})`,
    error,
  )
}

/** The request was sent, and its outcome is unknown. A read has no effect, so for it the server is unreachable. */
export const unknown = (
  { where, purpose }: Pick<CallState, 'where' | 'purpose'>,
  reason: string,
  cause?: unknown,
  timed_out = false,
): SourceError =>
  purpose === 'run'
    ? new SourceError(
        'outcome_unknown',
        'unknown',
        `The flow was started at ${where} and its outcome is unknown: ${reason}.`,
        { cause, timed_out },
      )
    : new SourceError('source_unreachable', 'unknown', `No answer from ${where}: ${reason}.`, { cause, timed_out })

const UNSENT: Record<string, string> = {
  ECONNREFUSED: 'the connection was refused. Is the server running, and is the port right?',
  ENOTFOUND: 'its host name cannot be resolved (DNS). Is it spelled right?',
  EAI_AGAIN: 'its host name cannot be resolved right now (DNS).',
  UND_ERR_CONNECT_TIMEOUT: `no connection within ${CONNECT_TIMEOUT_MS / 1000} s (timeout).`,
  ETIMEDOUT: 'no connection in time (timeout).',
  EHOSTUNREACH: 'there is no route to the host.',
  ENETUNREACH: 'there is no route to its network.',
  ECONNRESET: 'the connection was closed before the request was sent. Is http or https right?',
}

/** The server closed or reset the connection. */
export const isConnectionLoss = (error: unknown): boolean => causes(error).some((cause) => LOST.has(codeOf(cause)))
const LOST = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'UND_ERR_SOCKET'])

const isTls = (code: string): boolean => code === 'EPROTO' || code.startsWith('ERR_SSL_')
const isCertificate = (code: string): boolean =>
  /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|CRL|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED/.test(code)

const codeOf = (error: Error): string => {
  if ('code' in error && typeof error.code === 'string') return error.code
  return error.name === 'HTTPParserError' ? 'HPE_INVALID' : ''
}

/** A parser at the end of the stream (HPE_INVALID_EOF_STATE) has lost the connection: that is not a bad answer. */
const isBadAnswer = (code: string): boolean =>
  (/^(HPE_|Z_|ERR__ERROR_|ERR_BROTLI|ERR_ZLIB|BROTLI)/.test(code) && !code.includes('EOF')) ||
  code === 'UND_ERR_HEADERS_OVERFLOW' ||
  code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'
const badAnswer = (code: string): string => {
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'its headers are too large'
  return code.startsWith('HPE_') || code.startsWith('UND_') ? 'it is not valid HTTP' : 'its compression is broken'
}

const causes = (error: unknown): Error[] => {
  const chain: Error[] = []
  for (let cause = error; cause instanceof Error && chain.length < 8; cause = cause.cause) chain.push(cause)
  return chain
}

type Status = {
  where: string
  purpose: CallPurpose
  status: number
  keyGiven: boolean
  retryAfter: number | null
  reason: string | null
}

/** What a status other than success means. `reason` is the server's own text, for runs alone: a validation must not show the body of an unknown server. */
export const statusFailure = ({ where, purpose, status, keyGiven, retryAfter, reason }: Status): SourceError => {
  const said = reason === null ? '' : ` It says: ${reason}`
  const http = `HTTP ${status}`
  if (status === 429 || status === 503) {
    return new SourceError('source_busy', 'turned_away', `${where} is busy and rejected the call (${http}).${said}`, {
      retry_after: retryAfter,
    })
  }
  if (status === 401 || status === 403) {
    const key = keyGiven
      ? `${where} refused the API key (${http}). Give the source a valid api_key.`
      : `${where} wants an API key (${http}) and the source has none. Set its api_key.`
    return new SourceError('key_refused', 'refused', key + said)
  }
  if (status === 404 || status === 410) {
    const missing =
      purpose === 'run'
        ? `The flow was not found at ${where} (${http}): it was deleted, or this key may not see it.`
        : `Not found at ${where} (${http}).`
    return new SourceError('flow_not_found', 'refused', missing + said)
  }
  if (status === 408 || status === 502 || status === 504)
    return unknown({ where, purpose }, `a gateway gave up (${http})`)
  if (status === 500) {
    if (purpose === 'read')
      return new SourceError('source_unreachable', 'unknown', `${where} is not healthy: it answered ${http}.`)
    return new SourceError(
      'flow_failed',
      'flow_failed',
      reason === null
        ? `The flow failed, and ${where} gave no reason (${http}). Its own log may hold one.`
        : `The flow failed: ${reason}`,
    )
  }
  if (status > 500 && status !== 501 && status !== 505) return unknown({ where, purpose }, `it answered ${http}`)
  return new SourceError('bad_request', 'refused', `${where} refused the call as it is (${http}).${said}`)
}

/** Seconds to wait, from `Retry-After`: a number, or a date minus the response's own `Date`. At most 15 minutes. */
export const retryAfterOf = (value: string | null, date: string | null): number | null => {
  if (value === null) return null
  // Date.parse takes nearly anything for a date, so the name of a month is required.
  const at = /[a-z]{3}/i.test(value) ? Date.parse(value) : NaN
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : (at - Date.parse(date ?? '')) / 1000
  return Number.isFinite(seconds) ? Math.min(900, Math.max(0, Math.ceil(seconds))) : null
}

/** The server says that the flow failed; null when it gave no reason. */
export const flowFailed = (reason: string | null): SourceError => {
  const line = reason === null ? '' : oneLine(reason)
  return new SourceError(
    'flow_failed',
    'flow_failed',
    line === '' ? 'The flow failed and its server gave no reason.' : `The flow failed: ${line}`,
  )
}

/** A web page instead of the API: Langflow up to 1.7 answers an unknown path so, and so does a server of another kind. */
export const htmlFailure = (where: string, purpose: CallPurpose): SourceError =>
  new SourceError(
    'flow_not_found',
    'refused',
    purpose === 'run'
      ? `${where} answered with a web page instead of a run: it does not know the flow, or it is not the API of a flow server.`
      : `${where} answered with a web page: nothing of that kind is there, or it is not the API of a flow server.`,
  )
