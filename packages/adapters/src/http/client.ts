import { setImmediate as nextTurn } from 'node:timers/promises'
import { type JsonText, secretForms, SourceError } from '@automagik-spark/core'
import type { z } from 'zod'
import { JsonError, type JsonValue, makeJsonReader, type ReadJson, TooManyValues } from '../json/reader.ts'
import {
  type CallPurpose,
  type CallState,
  connectionFailure,
  htmlFailure,
  isConnectionLoss,
  retryAfterOf,
  statusFailure,
} from './failure.ts'
import type { HttpPool } from './pool.ts'
import { redirectTarget, refusedRedirect } from './redirect.ts'
import { ACCEPTED_ENCODINGS, type RawResponse, send } from './send.ts'
import { callUrl } from './source-url.ts'

export const MAX_ANSWER_BYTES = 10 * 1024 * 1024
const MAX_REDIRECTS = 5
const MAX_ERROR_BYTES = 1024 * 1024
/** Characters of a key from which on it is taken out of reads, too. */
const SHORTEST_IN_READS = 8

export type HttpOptions = {
  /** The source's URL, normalized by `normalizeSourceUrl`. */
  url: string
  pool: HttpPool
  api_key: string | null
  /** A key to take out of responses although it is not sent: the server may know it from other calls. */
  known_key?: string | null
  /** How this kind of server wants its key. */
  keyHeaders(key: string): Record<string, string>
  /** Finds the reason in the body of a failed run. */
  reasonOf(body: JsonValue): string | null
}

export type HttpCall = {
  method: 'GET' | 'POST'
  purpose: CallPurpose
  /** Relative to the source's URL; variable parts come from `pathSegment`. */
  path: string
  query?: Record<string, string>
  /** The body: JSON, or the fields of a form. */
  json?: JsonText
  form?: Record<string, string>
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/** A response whose body is not read yet. */
export type HttpResponse = {
  status: number
  isHtml: boolean
  /** The decompressed body, in chunks; a SourceError above `max` bytes. */
  chunks(max?: number): AsyncGenerator<Uint8Array, void>
  /** The whole body as JSON. */
  json(): Promise<ReadJson & { bytes: number }>
  /** Parses a part of the body that is a JSON document. */
  read(bytes: Uint8Array): Promise<ReadJson>
  /** What `pick` makes of each element of the body, which is an array; large ones are parsed piece by piece. */
  list<T>(pick: (item: JsonValue) => T | null): Promise<T[]>
  /** The error that a status other than success means. `judge` decides first, by the body of the response. */
  failure(judge?: (status: number, body: JsonValue) => SourceError | null): Promise<SourceError>
}
export type Http = ReturnType<typeof makeHttp>
type Read = Omit<HttpCall, 'method' | 'purpose'>

/** Calls to one flow server. Every failure is a SourceError that says whether the request was sent; the caller's abort is thrown as it is. */
export const makeHttp = ({ url: base, pool, api_key, known_key = api_key, keyHeaders, reasonOf }: HttpOptions) => {
  const keyed = headersFor(api_key, keyHeaders)
  const origin = new URL(base).origin
  // A server may repeat the key, mostly in an error. It is taken out before the response is parsed, and so before any text is cut.
  const forms = known_key === null ? [] : secretForms(known_key)
  const readers = {
    run: makeJsonReader(pool.threads, forms),
    // A short key could be part of a flow's id, which would then name no flow. Errors of reads hold nothing of the response.
    read: makeJsonReader(pool.threads, (known_key?.length ?? 0) < SHORTEST_IN_READS ? [] : forms),
  }

  /** Sends the request, follows redirects, and passes the response to `use`; the connection is closed or reusable when `use` is over. */
  const call = async <T>(request: HttpCall, use: (response: HttpResponse) => Promise<T>): Promise<T> => {
    const { signal, purpose, timeoutMs, method } = request
    const content = contentOf(request)
    const body = content?.body
    const sentHeaders = {
      accept: 'application/json',
      'accept-encoding': ACCEPTED_ENCODINGS,
      ...(content && { 'content-type': content.type }),
      ...keyed,
    }
    signal?.throwIfAborted()
    const reader = readers[purpose]
    const state: CallState = { where: base, purpose, sent: false, timedOut: false, timeoutMs }
    const ending = new AbortController()
    let isRead = false
    const timer = setTimeout(() => {
      state.timedOut = true
      ending.abort(ENDED)
    }, timeoutMs)
    const onAbort = () => ending.abort(ENDED)
    signal?.addEventListener('abort', onAbort, { once: true })

    const network = async <R>(act: () => Promise<R>): Promise<R> => {
      try {
        return await act()
      } catch (error) {
        signal?.throwIfAborted()
        throw connectionFailure(error, state)
      }
    }
    const sendTo = async (url: string): Promise<RawResponse> => {
      state.sent = false
      // With undici's own wait before it reuses a connection this is a whole turn of the event loop: time to notice that the server has
      // closed the connection. Otherwise a call that never arrived would have an unknown outcome.
      await nextTurn()
      let reused = false
      const onSent = (how: { reused: boolean }) => {
        state.sent = true
        reused = how.reused
      }
      const sending = {
        url: new URL(url),
        method,
        headers: sentHeaders,
        body,
        signal: ending.signal,
        timeoutMs,
        onSent,
      }
      return network(() =>
        send(pool, sending).catch((error: unknown) => {
          // Most likely the server closed the connection before it got the request; a read may be sent twice in any case.
          if (method !== 'GET' || !reused || !isConnectionLoss(error) || ending.signal.aborted) throw error
          state.sent = false
          return send(pool, { ...sending, fresh: true })
        }),
      )
    }
    const chunks = async function* (response: RawResponse, max: number): AsyncGenerator<Uint8Array, void> {
      // Every server uses one encoding; each further one multiplies a decompression bomb.
      if (response.header('content-encoding')?.includes(',')) throw badAnswer(base, 'is compressed more than once')
      const pieces = response.body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
      let total = 0
      for (;;) {
        const { done, value } = await network(() => pieces.next())
        if (done) {
          isRead = true
          return
        }
        total += value.byteLength
        if (total > max) throw tooLarge(base, max)
        yield value
      }
    }
    const reading = <R>(read: Promise<R>): Promise<R> =>
      read.catch((error: unknown) => {
        if (error instanceof TooManyValues)
          throw new SourceError('output_too_large', 'bad_answer', `The answer of ${base} ${error.message}.`, {
            cause: error,
          })
        if (error instanceof JsonError) throw badAnswer(base, error.message, error)
        throw error
      })
    const responseOf = (response: RawResponse): HttpResponse => {
      const json = async (max: number) => {
        const received = await collect(chunks(response, max))
        const bytes = received.byteLength // before its memory goes to a thread
        return { ...(await reading(reader.read(received))), bytes }
      }
      return {
        status: response.status,
        isHtml: /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(response.header('content-type') ?? ''),
        chunks: (max = MAX_ANSWER_BYTES) => chunks(response, max),
        json: () => json(MAX_ANSWER_BYTES),
        read: (bytes) => reading(reader.read(bytes)),
        async list(pick) {
          const picked = await reading(reader.list(await collect(chunks(response, MAX_ANSWER_BYTES)), pick))
          if (picked === null) throw badAnswer(base, 'is not a list')
          return picked
        },
        async failure(judge) {
          const said =
            purpose === 'run'
              ? await json(MAX_ERROR_BYTES).then(
                  ({ value }) => value,
                  () => null,
                )
              : null
          signal?.throwIfAborted()
          const judged = judge?.(response.status, said) ?? null
          if (judged) return judged
          const reason = reasonOf(said)
          const retryAfter = retryAfterOf(response.header('retry-after'), response.header('date'))
          return statusFailure({
            where: base,
            purpose,
            status: response.status,
            keyGiven: api_key !== null,
            retryAfter,
            reason,
          })
        },
      }
    }

    try {
      let url = callUrl(base, request.path, request.query)
      for (let redirects = 0; ; redirects++) {
        const response = await sendTo(url)
        const location = response.status >= 300 && response.status < 400 ? response.header('location') : null
        if (location === null) return await use(responseOf(response))
        response.body.destroy()
        url = redirectTarget({ from: url, location, status: response.status, method, origin, base })
        if (redirects >= MAX_REDIRECTS) throw refusedRedirect(base, `it redirects more than ${MAX_REDIRECTS} times`)
      }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      // A connection with a response that was not read to its end cannot be reused.
      if (!isRead) ending.abort(ENDED)
    }
  }

  const read = <T>(request: Read, use: (response: HttpResponse) => Promise<T>): Promise<T> =>
    call({ method: 'GET', purpose: 'read', ...request }, async (response) => {
      if (!isSuccess(response)) throw await response.failure()
      if (response.isHtml) throw htmlFailure(base, 'read')
      return use(response)
    })

  return {
    base,
    call,
    /** Reads JSON of the given shape. */
    get: <T>(request: Read, schema: z.ZodType<T>): Promise<T> =>
      read(request, async (response) => shaped(base, schema, (await response.json()).value)),
    /** Reads a JSON array, element by element; `pick` leaves one out by null. */
    list: <T>(request: Read, pick: (item: JsonValue) => T | null): Promise<T[]> =>
      read(request, (response) => response.list(pick)),
  }
}

export const isSuccess = ({ status }: Pick<HttpResponse, 'status'>): boolean => status >= 200 && status <= 299

/** Calls without the key, for a server whose kind is not known yet. */
export const openHttp = ({ url, pool, known_key = null }: Pick<HttpOptions, 'url' | 'pool' | 'known_key'>): Http =>
  makeHttp({ url, pool, api_key: null, known_key, keyHeaders: () => ({}), reasonOf: () => null })

/** Made once: the default reason of `abort`, with its stack, is the most expensive part of it. */
const ENDED = new Error('the call is over')

/** A response in the shape that is read of it; a SourceError when it has another one. */
export const shaped = <T>(where: string, schema: z.ZodType<T>, value: JsonValue): T => {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw badAnswer(where, 'does not have the expected shape', result.error)
}

export const badAnswer = (where: string, what: string, cause?: unknown): SourceError =>
  new SourceError('bad_answer', 'bad_answer', `The answer of ${where} cannot be used: it ${what}.`, { cause })

export const tooLarge = (where: string, max: number): SourceError =>
  new SourceError('output_too_large', 'bad_answer', `The answer of ${where} is larger than ${max / 1024 / 1024} MiB.`)

const collect = async (chunks: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

const contentOf = ({ json, form }: Pick<HttpCall, 'json' | 'form'>): { type: string; body: string } | null => {
  if (form) return { type: 'application/x-www-form-urlencoded', body: new URLSearchParams(form).toString() }
  return json === undefined ? null : { type: 'application/json', body: json }
}

const headersFor = (key: string | null, keyHeaders: HttpOptions['keyHeaders']): Record<string, string> => {
  if (key === null) return {}
  // Node's own error would quote the key.
  if (!/^[\x21-\x7e]+$/.test(key))
    throw new SourceError(
      'key_refused',
      'refused',
      'The API key has characters that no header can carry; give the source another api_key.',
    )
  return keyHeaders(key)
}
