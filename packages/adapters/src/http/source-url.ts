import { invalid, SourceError } from '@automagik-spark/core'
import { oneLine } from '../plain-text.ts'

/** The canonical URL of a source: http(s), without trailing slash, query or fragment. Equal URLs are the same source. */
export const normalizeSourceUrl = (text: string): string => {
  const shown = JSON.stringify(oneLine(text, 200))
  if (/[\p{Cc}\\]/u.test(text.trim())) throw invalid('url', `${shown} has a control character or a backslash`)
  if (!/^\s*https?:\/\//i.test(text))
    throw invalid('url', `${shown} must begin with http:// or https://, such as http://localhost:7860`)
  if (!URL.canParse(text)) throw invalid('url', `${shown} is not a valid URL; give one such as http://localhost:7860`)
  const url = new URL(text)
  if (url.username !== '' || url.password !== '')
    throw invalid('url', 'must not hold a user name or password; give the key as api_key')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

/** No server keeps its pages in deeper folders. */
const MAX_TRIES = 6

/**
 * Where a server may be when its address was copied from a browser: the address as given, then each folder above it, up to the origin.
 * `url` is normalized.
 */
export const addressesToTry = (url: string): string[] => {
  const { origin, pathname } = new URL(url)
  const segments = pathname.split('/').filter((segment) => segment !== '')
  const addresses = segments.map((_, at) => `${origin}/${segments.slice(0, segments.length - at).join('/')}`)
  return [...addresses.slice(0, MAX_TRIES - 1), origin]
}

/** A user's id as one segment of a path. Slashes and percent signs are refused even though they would be encoded: some servers and proxies decode twice. */
export const pathSegment = (id: string): string => {
  if (id === '' || id === '.' || id === '..' || id.length > 500 || /[\p{Cc}\p{Cs}/\\%]/u.test(id)) {
    throw new SourceError(
      'flow_not_found',
      'refused',
      `${JSON.stringify(oneLine(id, 100))} cannot be the id of a flow.`,
    )
  }
  return encodeURIComponent(id)
}

/** The URL of a call. `path` is written in this package; its variable parts come from `pathSegment`. */
export const callUrl = (base: string, path: string, query: Record<string, string> = {}): string => {
  const search = new URLSearchParams(query).toString()
  const url = new URL(`${base}/${path}${search && `?${search}`}`).href
  if (!url.startsWith(`${base}/`)) throw new Error('a call left its source')
  return url
}
