import { SourceError } from '@automagik-spark/core'

export const refusedRedirect = (where: string, what: string): SourceError =>
  new SourceError('bad_request', 'refused', `${where} cannot be used: ${what}.`)

type Redirect = { from: string; location: string; status: number; method: string; origin: string; base: string }

/** Where a redirect leads: to the same origin alone, as no other may get the key. */
export const redirectTarget = ({ from, location, status, method, origin, base }: Redirect): string => {
  if (!URL.canParse(location, from)) throw refusedRedirect(base, 'it redirects to something that is not a URL')
  const target = new URL(location, from)
  if (target.origin !== origin) {
    const { hostname, protocol, port } = new URL(origin)
    // The message names the same host with another scheme or port; another host may be an internal one.
    const hint =
      target.hostname === hostname && (target.protocol !== protocol || target.port !== port)
        ? `, ${target.origin}: use that as the source's url`
        : ''
    throw refusedRedirect(base, `it redirects to another origin${hint}`)
  }
  if (target.username !== '' || target.password !== '')
    throw refusedRedirect(base, 'it redirects to a URL with user information')
  // 301 to 303 turn a POST into a GET, which loses the input.
  if (method !== 'GET' && status !== 307 && status !== 308)
    throw refusedRedirect(base, `it redirects the call with HTTP ${status}, which would lose its body`)
  return target.href
}
