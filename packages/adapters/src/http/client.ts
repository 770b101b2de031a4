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
import { ACCEPTED_ENCODINGS, type Answer, send } from './send.ts'
import { callUrl } from './source-url.ts'

export const MAX_ANSWER_BYTES = 10 * 1024 * 1024
const MAX_REDIRECTS = 5
const MAX_ERROR_BYTES = 1024 * 1024
const SHORTEST_IN_READS = 8

export type HttpOptions = {
  /** The source's URL, normalized. */
  url: string
  pool: HttpPool
  api_key: string | null
  /** Not sent, and taken out of answers all the same: a server may know it from other calls. */
  known_key?: string | null
  /** How this kind of server wants its key. */
  keyHeaders(key: string): Record<string, string>
  /** What a failed run's answer says about it. */
  reasonOf(body: JsonValue): string | null
}

export type HttpCall = {
  method: 'GET' | 'POST'
  purpose: CallPurpose
  /** Below the source's URL; variable parts made by `pathSegment`. */
  path: string
  query?: Record<string, string>
  /** The body: JSON, or the fields of a form. */
  json?: JsonText
  form?: Record<string, string>
  timeoutMs: number
  signal?: AbortSignal | undefined
}

/** An answer whose body was not read yet. */
export type HttpAnswer = {
  status: number
  isHtml: boolean
  /** The body, decompressed, in pieces; more than `max` bytes of it are an error. */
  chunks(max?: number): AsyncGenerator<Uint8Array, void>
  /** The whole body as JSON. */
  json(): Promise<ReadJson & { bytes: number }>
  /** The same for a part of the body that is JSON of its own. */
  read(bytes: Uint8Array): Promise<ReadJson>
  /** What `pick` makes of each element of the body, an array; large ones are looked at piece by piece. */
  list<T>(pick: (item: JsonValue) => T | null): Promise<T[]>
  /** For any status but a success. `judge` may know better what the server's reason body means than its status says. */
  failure(judge?: (status: number, body: JsonValue) => SourceError | null): Promise<SourceError>
}
export type Http = ReturnType<typeof makeHttp>
type Read = Omit<HttpCall, 'method' | 'purpose'>

/** Calls to one flow server. Every failure is a SourceError that tells what is known about the request; the caller's abort is thrown as it is. */
export const makeHttp = ({ url: base, pool, api_key, known_key = api_key, keyHeaders, reasonOf }: HttpOptions) => {
  const keyed = headersFor(api_key, keyHeaders)
  const origin = new URL(base).origin
  // A server may repeat the key, in an error above all. It is taken out before anything is read, and so before anything is cut.
  const forms = known_key === null ? [] : secretForms(known_key)
  const readers = {
    run: makeJsonReader(pool.threads, forms),
    // A short one may be part of a flow's id, which would name no flow then. Nothing of an answer to a read stands in its error.
    read: makeJsonReader(pool.threads, (known_key?.length ?? 0) < SHORTEST_IN_READS ? [] : forms),
  }

  /** Sends, follows redirects, and hands the answer over while its connection is open; it is closed when `use` is over. */
  const call = async <T>(request: HttpCall, use: (answer: HttpAnswer) => Promise<T>): Promise<T> => {
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
    const sendTo = async (url: string): Promise<Answer> => {
      state.sent = false
      // Together with undici's own wait before it reuses a connection this is a whole turn of the event loop: a connection that its server
      // has closed meanwhile is noticed, instead of leaving the outcome of a call unknown that never arrived.
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
          // The server had closed the connection before it saw the question, most likely; a read may be asked twice in any case.
          if (method !== 'GET' || !reused || !isConnectionLoss(error) || ending.signal.aborted) throw error
          state.sent = false
          return send(pool, { ...sending, fresh: true })
        }),
      )
    }
    const chunks = async function* (response: Answer, max: number): AsyncGenerator<Uint8Array, void> {
      // One encoding is what any server uses; each further one multiplies a bomb.
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
    const answerOf = (response: Answer): HttpAnswer => {
      const json = async (max: number) => {
        const body = await collect(chunks(response, max))
        const bytes = body.byteLength // its memory may go to a thread
        return { ...(await reading(reader.read(body))), bytes }
      }
      return {
        status: response.status,
        isHtml: /^\s*(text\/html|application\/xhtml\+xml)\b/i.test(response.header('content-type') ?? ''),
        chunks: (max = MAX_ANSWER_BYTES) => chunks(response, max),
        json: () => json(MAX_ANSWER_BYTES),
        read: (bytes) => reading(reader.read(bytes)),
        async list(pick) {
          const picked = await reading(reader.list(await collect(chunks(response, MAX_ANSWER_BYTES)), pick))
          if (picked === null) throw badAnswer(base, 'is no list')
          return picked
        },
        async failure(judge) {
          const body =
            purpose === 'run'
              ? await json(MAX_ERROR_BYTES).then(
                  ({ value }) => value,
                  () => null,
                )
              : null
          signal?.throwIfAborted()
          const judged = judge?.(response.status, body) ?? null
          if (judged) return judged
          const reason = reasonOf(body)
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
        if (location === null) return await use(answerOf(response))
        response.body.destroy()
        url = redirectTarget({ from: url, location, status: response.status, method, origin, base })
        if (redirects >= MAX_REDIRECTS) throw refusedRedirect(base, `it redirects more than ${MAX_REDIRECTS} times`)
      }
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      // The connection of an answer that was not read to its end cannot be used again.
      if (!isRead) ending.abort(ENDED)
    }
  }

  const ask = <T>(request: Read, use: (answer: HttpAnswer) => Promise<T>): Promise<T> =>
    call({ method: 'GET', purpose: 'read', ...request }, async (answer) => {
      if (!isSuccess(answer)) throw await answer.failure()
      if (answer.isHtml) throw htmlFailure(base, 'read')
      return use(answer)
    })

  return {
    base,
    call,
    /** A JSON answer of the given shape. */
    get: <T>(request: Read, schema: z.ZodType<T>): Promise<T> =>
      ask(request, async (answer) => shaped(base, schema, (await answer.json()).value)),
    /** A JSON array, element by element; those that `pick` gives null for are left out. */
    list: <T>(request: Read, pick: (item: JsonValue) => T | null): Promise<T[]> =>
      ask(request, (answer) => answer.list(pick)),
  }
}

export const isSuccess = ({ status }: Pick<HttpAnswer, 'status'>): boolean => status >= 200 && status <= 299

/** For what is asked before it is known who answers: without the key. */
export const openHttp = ({ url, pool, known_key = null }: Pick<HttpOptions, 'url' | 'pool' | 'known_key'>): Http =>
  makeHttp({ url, pool, api_key: null, known_key, keyHeaders: () => ({}), reasonOf: () => null })

/** Made once: the reason that `abort` makes by itself, with its stack, is the dearest part of it. */
const ENDED = new Error('the call is over')

/** A stranger's answer in the shape that we read. */
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

const refusedRedirect = (where: string, what: string): SourceError =>
  new SourceError('bad_request', 'refused', `${where} cannot be used: ${what}.`)

type Redirect = { from: string; location: string; status: number; method: string; origin: string; base: string }

/** Only within the same origin: the key goes nowhere else. */
const redirectTarget = ({ from, location, status, method, origin, base }: Redirect): string => {
  if (!URL.canParse(location, from)) throw refusedRedirect(base, 'it redirects to something that is no URL')
  const target = new URL(location, from)
  if (target.origin !== origin) {
    const { hostname, protocol, port } = new URL(origin)
    // The same host under another scheme or port may be told; any other address may be an inner one.
    const hint =
      target.hostname === hostname && (target.protocol !== protocol || target.port !== port)
        ? `, ${target.origin}: use that as the source's url`
        : ''
    throw refusedRedirect(base, `it redirects to another origin${hint}`)
  }
  if (target.username !== '' || target.password !== '')
    throw refusedRedirect(base, 'it redirects to a URL with user information')
  // 301 to 303 would turn the call into a GET, and lose the input.
  if (method !== 'GET' && status !== 307 && status !== 308)
    throw refusedRedirect(base, `it redirects the call with HTTP ${status}, which would lose its body`)
  return target.href
}
