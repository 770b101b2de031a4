import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Endpoint } from '@automagik-spark/core'
import { DomainError, withSources, writeJson } from '@automagik-spark/core'
import type { JsonBody } from '@automagik-spark/engine'
import type { Express, Request, Response } from 'express'
import { z } from 'zod'
import { send } from './answer.ts'
import { EMPTY_BODY, hasBody, readBody } from './body.ts'
import type { ParsedBody } from './json.ts'
import { makeParse } from './parse.ts'
import { prefixOf } from './prefix.ts'
import { parseQuery } from './query.ts'

type Part<E, K extends string> = E extends Record<K, infer S extends z.ZodType> ? z.output<S> : undefined

/** A request, decoded. */
export type Call<E extends Endpoint = Endpoint> = {
  params: Part<E, 'params'>
  query: Part<E, 'query'>
  body: Part<E, 'body'>
  header(name: string): string | undefined
  /** The path under which the caller sees this API; empty when there is none. */
  readonly prefix: string
  /** Aborts when nobody waits for the response any more: the client left, or the API closes. */
  readonly signal: AbortSignal
}

const isJsonBody = (value: unknown): value is JsonBody =>
  typeof value === 'object' && value !== null && 'json_text' in value

/** A response with another status or headers than the table says. */
class Reply<T> {
  readonly value: T
  readonly status: number | undefined
  readonly headers: Record<string, string> | undefined
  constructor(value: T, options: { status?: number; headers?: Record<string, string> }) {
    this.value = value
    this.status = options.status
    this.headers = options.headers
  }
}
export const reply = <T>(value: T, options: { status?: number; headers?: Record<string, string> }): Reply<T> =>
  new Reply(value, options)

type Value<E extends Endpoint> = z.output<E['response']> | JsonBody
type Result<E extends Endpoint> = Value<E> | Reply<Value<E>>
export type Handler<E extends Endpoint> = (call: Call<E>) => Result<E> | Promise<Result<E>>

/** A row of the table with its handler. */
export type Route = { endpoint: Endpoint; answer(req: Request, res: Response, signalOf: SignalOf): Promise<void> }
export type SignalOf = (res: Response) => AbortSignal

/** The parsed query of a request without one, made once; null when a query is required. */
const defaultsOf = (parse: (value: unknown) => unknown): object | null => {
  try {
    return parse({}) as object // every query schema is an object
  } catch {
    return null
  }
}

/** Decodes the request and encodes the response by the row's schemas, so a response never holds more than its schema lists. */
export const handle = <E extends Endpoint>(endpoint: E, handler: Handler<E>): Route => {
  const params = endpoint.params ? makeParse(endpoint.params, 'path') : undefined
  // Load balancers call open paths and may add any parameter.
  const query = endpoint.query || !endpoint.open ? makeParse(endpoint.query ?? z.strictObject({}), 'query') : undefined
  const noQuery = query && defaultsOf(query)
  const takesBody = endpoint.body !== undefined || endpoint.emptyBody === true
  const body = makeParse(endpoint.body ?? z.strictObject({}).nullish(), 'body')
  const mayBeEmpty = endpoint.emptyBody === true
  // The user's own JSON is written as its source text.
  const decodeBody = ({ value, text }: ParsedBody) =>
    body(endpoint.stringBody !== true && typeof value === 'string' ? value : withSources(value, text))
  // Clients in some languages send this for "no body".
  const orNone = (read: ParsedBody) => (mayBeEmpty && read.value === null ? EMPTY_BODY : read)

  return {
    endpoint,
    async answer(req, res, signalOf) {
      const call = {
        params: params?.(req.params),
        query: noQuery && !req.url.includes('?') ? { ...noQuery } : query?.(parseQuery(req.url)),
        body: takesBody
          ? decodeBody(mayBeEmpty && !hasBody(req) ? EMPTY_BODY : orNone(await readBody(req, res, mayBeEmpty)))
          : undefined,
        header: (name: string) => req.get(name),
        get prefix() {
          return prefixOf(res)
        },
        get signal() {
          return signalOf(res)
        },
      } as Call<E> // the parsers above come from the same schemas as these types

      const result = await handler(call)
      const plain = result instanceof Reply ? result : undefined
      const value = plain ? plain.value : result
      const text = isJsonBody(value) ? value.json_text : await encode(endpoint.response, value)
      send(res, plain?.status ?? endpoint.status, text, plain?.headers)
    },
  }
}

/** How many items of a list are encoded in one turn of the event loop: a server may have 40,000 flows. */
const ITEMS_A_TURN = 200

const encode = async (schema: z.ZodType, value: unknown): Promise<string> => {
  if (!(schema instanceof z.ZodArray) || !Array.isArray(value) || value.length <= ITEMS_A_TURN)
    return writeJson(z.encode(schema, value))
  const parts: string[] = []
  for (let from = 0; from < value.length; from += ITEMS_A_TURN) {
    parts.push(writeJson(z.encode(schema, value.slice(from, from + ITEMS_A_TURN))).slice(1, -1))
    await nextTurn()
  }
  return `[${parts.join(',')}]`
}

const expressPath = ({ path, root }: Endpoint) => `${root ? '' : '/api/v1'}${path.replace(/\{(\w+)\}/g, ':$1')}`

/** Adds the routes to the app: one layer for each path, which knows the methods of that path. */
export const mount = (app: Express, routes: readonly Route[], signalOf: SignalOf): void => {
  const byPath = new Map<string, Map<string, Route>>()
  for (const route of routes) {
    const methods = byPath.get(expressPath(route.endpoint)) ?? new Map<string, Route>()
    byPath.set(expressPath(route.endpoint), methods)
    methods.set(route.endpoint.method.toUpperCase(), route)
    if (route.endpoint.method === 'get') methods.set('HEAD', route)
  }
  for (const [path, methods] of byPath) {
    const allow = [...methods.keys()].join(', ')
    app.route(path).all((req, res) => {
      const route = methods.get(req.method)
      if (route) return route.answer(req, res, signalOf)
      res.setHeader('Allow', allow)
      throw new DomainError('method_not_allowed', `Method ${req.method} is not allowed here; allowed: ${allow}`)
    })
  }
}
