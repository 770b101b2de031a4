import { describe, expect, it } from 'vitest'
import { connectionFailure, retryAfterOf, statusFailure } from './failure.ts'

describe('statusFailure', () => {
  const of = (
    status: number,
    more: { keyGiven?: boolean; reason?: string | null; purpose?: 'run' | 'read'; retryAfter?: number | null } = {},
  ) =>
    statusFailure({
      where: 'http://flows:7860',
      purpose: 'run',
      status,
      keyGiven: true,
      retryAfter: null,
      reason: null,
      ...more,
    })

  it.each([
    [400, 'bad_request', 'refused'],
    [405, 'bad_request', 'refused'],
    [409, 'bad_request', 'refused'],
    [413, 'bad_request', 'refused'],
    [418, 'bad_request', 'refused'],
    [422, 'bad_request', 'refused'],
    [304, 'bad_request', 'refused'],
    [501, 'bad_request', 'refused'],
    [401, 'key_refused', 'refused'],
    [403, 'key_refused', 'refused'],
    [404, 'flow_not_found', 'refused'],
    [410, 'flow_not_found', 'refused'],
    [429, 'source_busy', 'turned_away'],
    [503, 'source_busy', 'turned_away'],
    [500, 'flow_failed', 'flow_failed'],
    [408, 'outcome_unknown', 'unknown'],
    [502, 'outcome_unknown', 'unknown'],
    [504, 'outcome_unknown', 'unknown'],
    [520, 'outcome_unknown', 'unknown'],
    [507, 'outcome_unknown', 'unknown'],
  ])('a run answered with %i is %s, %s', (status, error_code, failure) => {
    expect(of(status)).toMatchObject({ error_code, failure })
    expect(of(status).message).toMatch(/\.$/)
  })

  it('a reading call is never of unknown outcome, and no flow failed in it', () => {
    for (const status of [408, 500, 502, 504, 520])
      expect(of(status, { purpose: 'read' })).toMatchObject({ error_code: 'source_unreachable', failure: 'unknown' })
  })
  it('tells a refused key from a missing one', () => {
    expect(of(403).message).toBe('http://flows:7860 refused the API key (HTTP 403). Give the source a valid api_key.')
    expect(of(403, { keyGiven: false }).message).toBe(
      'http://flows:7860 wants an API key (HTTP 403) and the source has none. Set its api_key.',
    )
  })
  it('passes the reason and the time to wait on', () => {
    expect(of(500, { reason: 'rig: this flow always fails' }).message).toBe(
      'The flow failed: rig: this flow always fails',
    )
    expect(of(422, { reason: 'body: bad' }).message).toContain('It says: body: bad')
    expect(of(503, { retryAfter: 7 }).retry_after).toBe(7)
  })
})

describe('retryAfterOf', () => {
  const date = 'Mon, 01 Jun 2026 12:00:00 GMT'
  it.each([
    ['5', 5],
    [' 120 ', 120],
    ['0', 0],
    ['1.2', 2],
    ['100000', 900],
    ['Mon, 01 Jun 2026 12:00:30 GMT', 30],
    ['Mon, 01 Jun 2026 14:00:00 GMT', 900],
    ['Mon, 01 Jun 2026 11:00:00 GMT', 0],
    ['soon', null],
    ['', null],
    ['-5', null],
  ])('%j waits %s s', (value, seconds) => expect(retryAfterOf(value, date)).toBe(seconds))
  it('is null without the header, or without a date to measure against', () => {
    expect(retryAfterOf(null, date)).toBeNull()
    expect(retryAfterOf('Mon, 01 Jun 2026 12:00:30 GMT', null)).toBeNull()
  })
})

describe('connectionFailure', () => {
  const state = { where: 'http://flows:7860', purpose: 'run' as const, timedOut: false, timeoutMs: 2000 }
  const withCode = (code: string) => new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) })

  it.each([
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'UND_ERR_CONNECT_TIMEOUT',
    'ETIMEDOUT',
    'EHOSTUNREACH',
    'ENETUNREACH',
    'ECONNRESET',
    'EPROTO',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    'ESOMETHING',
  ])('%s before the request was written: it never started', (code) =>
    expect(connectionFailure(withCode(code), { ...state, sent: false })).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'not_sent',
    }),
  )
  it.each([
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'CERT_HAS_EXPIRED',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  ])('%s: a bad certificate is refused for good', (code) =>
    expect(connectionFailure(withCode(code), { ...state, sent: false })).toMatchObject({
      error_code: 'source_unreachable',
      failure: 'refused',
    }),
  )
  it.each([
    'ECONNRESET',
    'EPIPE',
    'UND_ERR_SOCKET',
    'UND_ERR_BODY_TIMEOUT',
    'UND_ERR_HEADERS_TIMEOUT',
    'UND_ERR_DESTROYED',
    'HPE_INVALID_EOF_STATE',
    'ESOMETHING',
  ])('%s after it was written: the outcome is unknown', (code) =>
    expect(connectionFailure(withCode(code), { ...state, sent: true })).toMatchObject({
      error_code: 'outcome_unknown',
      failure: 'unknown',
    }),
  )
  it.each([
    'HPE_INVALID_CONSTANT',
    'UND_ERR_HEADERS_OVERFLOW',
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    'Z_DATA_ERROR',
    'Z_BUF_ERROR',
  ])('%s: the flow ran and its answer cannot be used', (code) =>
    expect(connectionFailure(withCode(code), { ...state, sent: true })).toMatchObject({
      error_code: 'bad_answer',
      failure: 'bad_answer',
    }),
  )
  it('running out of time depends on whether it was sent', () => {
    expect(connectionFailure(new Error('aborted'), { ...state, sent: false, timedOut: true })).toMatchObject({
      error_code: 'timeout',
      failure: 'not_sent',
      timed_out: true,
    })
    const sent = connectionFailure(new Error('aborted'), { ...state, sent: true, timedOut: true })
    expect(sent).toMatchObject({ error_code: 'outcome_unknown', failure: 'unknown', timed_out: true })
    expect(sent.message).toContain('longer than 2 s')
  })
  it('tells what took too long from what failed', () => {
    const reading = { ...state, purpose: 'read' as const }
    for (const code of ['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT'])
      expect(connectionFailure(withCode(code), { ...reading, sent: false }).timed_out).toBe(true)
    for (const code of ['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])
      expect(connectionFailure(withCode(code), { ...reading, sent: true }).timed_out).toBe(true)
    expect(connectionFailure(withCode('ECONNREFUSED'), { ...reading, sent: false }).timed_out).toBe(false)
    expect(connectionFailure(withCode('ECONNRESET'), { ...reading, sent: true }).timed_out).toBe(false)
  })
})
