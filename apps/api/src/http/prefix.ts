import type { IncomingMessage, ServerResponse } from 'node:http'

const HEADER = 'x-forwarded-prefix'
/** A path of plain segments, so that what comes from a header can never lead to another host or up. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/
const LONGEST = 200

const prefixes = new WeakMap<ServerResponse, string>()

const isOurs = (path: string): boolean => /^\/(?:$|\?|(?:health|ready|api\/v1)(?:$|[/?]))/.test(path)

/** What a path is below `prefix`; a proxy may have taken that away already. In doubt it is what Spark has. */
const below = (url: string, prefix: string): string => {
  const rest = url.slice(prefix.length)
  if (prefix === '' || !url.startsWith(prefix) || !/^(?:$|[/?])/.test(rest)) return url
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return isOurs(url) && !isOurs(path) ? url : path
}

const forwarded = ({ headers }: IncomingMessage): string => {
  const given = headers[HEADER]
  if (typeof given !== 'string' || given.length > LONGEST) return ''
  const path = given.replace(/\/$/, '')
  return PLAIN.test(path) ? path : ''
}

/**
 * Below which path people see this API: that of `publicUrl`, else what the proxy in front says. Only the former is taken from a request's path:
 * a header comes from anybody, and with one a path could pass by rules that a proxy has for paths.
 */
export const makePrefix = (publicUrl: URL | null) => {
  const configured = publicUrl?.pathname.replace(/\/+$/, '')
  return (req: IncomingMessage, res: ServerResponse): void => {
    const prefix = configured ?? forwarded(req)
    if (prefix !== '') prefixes.set(res, prefix)
    if (configured) req.url = below(req.url ?? '', configured)
  }
}

/** Comes before each path that an answer names. */
export const prefixOf = (res: ServerResponse): string => prefixes.get(res) ?? ''
