import ky, { HTTPError } from 'ky'
import { makeDeadline } from './deadline.ts'
import { BadRequestError, ConnectionError, errorOf, SparkError, TimeoutError } from './errors.ts'
import { rememberEtag } from './etags.ts'
import { parseJson, stringifyJson } from './json.ts'
import { isPlatformTimeout, reasonOf, surelyNotSent } from './network.ts'

/** The last argument of every call. */
export type RequestOptions = {
  /** Aborts the call, which rejects with the signal's reason. A request that was already sent continues at the server. */
  signal?: AbortSignal | undefined
  /** Milliseconds for the whole call including its retries; `Infinity` for no limit. */
  timeout?: number | undefined
}

/** The last argument of a call that changes one source or one schedule. */
export type ChangeOptions = RequestOptions & {
  /** The ETag of what you read (`etagOf`): if somebody has changed it since, the call does nothing and is a `PreconditionFailedError`. */
  ifMatch?: string | undefined
}

export type Call = ChangeOptions & {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** Segments below `/api/v1`; each is encoded. */
  path: readonly string[]
  /** The path starts at `/` instead. */
  root?: true
  query?: Record<string, string | number | boolean | undefined> | undefined
  body?: unknown
  /** The header `Prefer` (RFC 7240), which the server may ignore. */
  prefer?: string | undefined
  /** Statuses besides 2xx that are a result and not an error. */
  alsoStatus?: readonly number[]
}
export type Answer<T> = { data: T; status: number; headers: Headers }
export type Send = <T>(call: Call) => Promise<Answer<T>>
/** Gets each successful answer and its JSON text. */
export type OnAnswer = (data: unknown, text: string) => void
export type Fetch = (request: Request, init?: RequestInit) => Promise<Response>

type Settings = {
  baseUrl: string
  apiKey: string | undefined
  timeout: number
  maxRetries: number
  fetch: Fetch | undefined
  onAnswer: OnAnswer | undefined
}

const SAFE_TO_REPEAT = new Set(['get', 'put', 'delete'])
const ALL_METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete']
const BUSY = [429, ...Array.from({ length: 100 }, (_, index) => 500 + index)]
const NO_BODY = new Set([204, 205, 304])
const MAX_BACKOFF_MS = 8_000

/** Milliseconds of a `Retry-After` header; null without a readable one. */
const retryAfterMs = (response: Response): number | null => {
  const text = response.headers.get('retry-after')
  if (!text) return null
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const sentAt = Date.parse(response.headers.get('date') ?? '')
  const at = Date.parse(text)
  return Number.isNaN(at) || Number.isNaN(sentAt) ? null : Math.max(0, at - sentAt)
}

const urlOf = ({ path, root, query }: Call, baseUrl: string): string => {
  const segments = path.map((segment) => {
    // URL parsing resolves dot segments even when encoded, so the call would reach another endpoint.
    if (typeof segment !== 'string' || segment === '' || segment === '.' || segment === '..')
      throw new BadRequestError(`"${segment}" is not an id`)
    return encodeURIComponent(segment)
  })
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value))
  const text = search.toString()
  return `${baseUrl}${root ? '' : '/api/v1'}/${segments.join('/')}${text && `?${text}`}`
}

/** Reads the whole answer before ky sees it, so that ky retries when the connection breaks in the middle of a body. */
const fetchWhole = (fetch: Fetch, baseUrl: string) => async (input: string | URL | Request, init?: RequestInit) => {
  const response = await fetch(input as Request, init) // ky always passes a Request
  if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
    const location = response.headers.get('location')
    throw new SparkError(
      `${baseUrl} redirects${location ? ` to ${location}` : ''}; give the final address as baseUrl`,
      {
        status: response.status || null,
      },
    )
  }
  const text = await response.text()
  return new Response(NO_BODY.has(response.status) ? null : text, {
    status: response.status,
    statusText: response.statusText,
    headers: response.headers,
  })
}

const parse = (text: string): unknown => {
  try {
    return text === '' ? undefined : parseJson(text)
  } catch {
    return undefined
  }
}

/** The JSON text of a body. Throws before anything is sent when the body cannot be JSON. */
const jsonOf = (body: unknown): string => {
  let text: string | undefined
  try {
    text = stringifyJson(body)
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new BadRequestError(`the input cannot be sent as JSON: ${reason}`, { cause: error })
  }
  if (text === undefined) throw new BadRequestError(`the input cannot be sent as JSON: it is a ${typeof body}`)
  return text
}

/** Makes the function that sends every call. */
export const makeSend = ({ baseUrl, apiKey, timeout, maxRetries, fetch, onAnswer }: Settings): Send => {
  const attempt = fetchWhole(fetch ?? ((request, init) => globalThis.fetch(request, init)), baseUrl)

  return async <T>(call: Call): Promise<Answer<T>> => {
    const url = urlOf(call, baseUrl)
    const limitMs = call.timeout ?? timeout
    const body = call.body === undefined ? undefined : jsonOf(call.body)
    const deadline = makeDeadline(call.signal, limitMs)
    const startedAt = performance.now()
    const { signal } = deadline
    const doubt = call.method === 'get' ? '' : '; it may have been carried out anyway'

    /** ky's answer to "retry?": true after the backoff, undefined after the server's Retry-After, false never. */
    const shouldRetry = ({ error }: { error: Error }): boolean | undefined => {
      if (signal.aborted || error instanceof SparkError) return false
      const safe = SAFE_TO_REPEAT.has(call.method)
      if (!(error instanceof HTTPError)) return safe ? !isPlatformTimeout(error) : surelyNotSent(error)
      if (!safe || !BUSY.includes(error.response.status)) return false
      const waitMs = retryAfterMs(error.response)
      if (waitMs === null) return true
      // When the wait would exceed the limit, the server's own answer now is better than a timeout later.
      return performance.now() - startedAt + waitMs < limitMs ? undefined : false
    }

    try {
      const response = await deadline.orAborted(
        ky(url, {
          method: call.method,
          headers: {
            accept: 'application/json',
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            ...(apiKey === undefined ? {} : { 'x-api-key': apiKey }),
            ...(call.prefer === undefined ? {} : { prefer: call.prefer }),
            ...(call.ifMatch === undefined ? {} : { 'if-match': call.ifMatch }),
          },
          ...(body === undefined ? {} : { body }),
          signal,
          timeout: false,
          redirect: 'manual', // following a redirect could send the key to another origin
          fetch: attempt,
          throwHttpErrors: (status) => !call.alsoStatus?.includes(status),
          retry: {
            limit: maxRetries,
            methods: ALL_METHODS,
            statusCodes: BUSY,
            afterStatusCodes: BUSY,
            backoffLimit: MAX_BACKOFF_MS,
            jitter: true,
            shouldRetry,
          },
        }),
      )
      const text = await response.text()
      const data = parse(text)
      if (data === undefined) {
        throw new SparkError(`${url} did not answer with JSON; is ${baseUrl} the address of a Spark API?`, {
          status: response.status,
        })
      }
      rememberEtag(data, response.headers.get('etag'))
      onAnswer?.(data, text)
      return { data: data as T, status: response.status, headers: response.headers } // the contract test of the API proves the shape
    } catch (error) {
      if (error instanceof SparkError) throw error
      if (error instanceof HTTPError) {
        const { status, headers } = error.response
        throw errorOf(status, parse(await error.response.text()), { requestId: headers.get('x-request-id') })
      }
      if (call.signal?.aborted) throw call.signal.reason
      if (signal.aborted)
        throw new TimeoutError(`No answer from ${baseUrl} within ${limitMs / 1000} s${doubt}`, { cause: error })
      if (isPlatformTimeout(error))
        throw new TimeoutError(`No answer from ${baseUrl} within the time that this platform's fetch allows${doubt}`, {
          cause: error,
        })
      throw new ConnectionError(
        `Cannot reach Spark at ${baseUrl}: ${reasonOf(error)}${surelyNotSent(error) ? '' : doubt}`,
        {
          cause: error,
        },
      )
    } finally {
      deadline.end()
    }
  }
}

/** The parsed body of an answer. */
export const dataOf = async <T>(answer: Promise<Answer<T>>): Promise<T> => (await answer).data
