import type { IncomingMessage, ServerResponse } from 'node:http'

const HEADER = 'x-forwarded-prefix'
/** A path of plain segments: one from a header can then never lead to another host or upwards. */
const PLAIN = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~-]+)+$/
const LONGEST = 200

const prefixes = new WeakMap<ServerResponse, string>()

const isOurs = (path: string): boolean => /^\/(?:$|\?|(?:health|ready|api\/v1)(?:$|[/?]))/.test(path)

/** The path below `prefix`, which a proxy may have removed already. In doubt it is Spark's own path. */
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
 * The path under which people see this API: that of `publicUrl`, else the one in the proxy's header. Only the former is removed from a
 * request's path: anybody can send a header, and could get a path past a proxy's rules with it.
 */
export const makePrefix = (publicUrl: URL | null) => {
  const configured = publicUrl?.pathname.replace(/\/+$/, '')
  return (req: IncomingMessage, res: ServerResponse): void => {
    const prefix = configured ?? forwarded(req)
    if (prefix !== '') prefixes.set(res, prefix)
    if (configured) req.url = below(req.url ?? '', configured)
  }
}

/** The prefix of each path in a response. */
export const prefixOf = (res: ServerResponse): string => prefixes.get(res) ?? ''
