/** DATABASE_URL in the one form that everything here reads; or a sentence that says what is wrong with it and what to write. */
export type ReadAddress = { url: string } | { problem: string }

const FORM = 'postgresql://user:password@host:5432/database'
const PRIMARY =
  'write one address that follows the primary, such as a DNS name, a virtual IP, HAProxy or PgBouncer in session mode'
/** The driver verifies the certificate in all of these modes, and warns that libpq does not. With `verify-full` it does the same without a warning. */
const VERIFIED = ['prefer', 'require', 'verify-ca']
const SSL_MODES = ['disable', ...VERIFIED, 'verify-full', 'no-verify']

export const readAddress = (text: string): ReadAddress => {
  if (!/^postgres(ql)?:\/\//i.test(text))
    return { problem: `must start with postgresql:// or postgres://, as in ${FORM}` }
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(text)?.[1] ?? ''
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(','))
    return { problem: `names several hosts: ${PRIMARY}` }
  // For libpq a URL may have a user without a host, when the parameter `host` names one; `new URL` refuses that.
  const whole = /[?&]host=/.test(text) ? text.replace(/^([^:]+:\/\/[^/?#]*@)(?=[/?#]|$)/, '$1localhost') : text
  if (!URL.canParse(whole)) {
    if (/^[^:]+:\/\/[^/?#]*@?\//.test(whole) && authority.endsWith('@')) {
      return {
        problem:
          'has no host: for a socket write its folder, as in postgresql://user:password@%2Fvar%2Frun%2Fpostgresql/database',
      }
    }
    return {
      problem: `is not a valid address; special characters in user name and password must be percent-encoded: ${FORM}`,
    }
  }
  const url = new URL(whole)
  const hosts = url.searchParams.get('host') ?? ''
  if (hosts.includes(',') || (url.searchParams.get('port') ?? '').includes(','))
    return { problem: `names several hosts: ${PRIMARY}` }
  const ssl = url.searchParams.get('sslmode')
  if (ssl !== null && !SSL_MODES.includes(ssl))
    return { problem: `has sslmode=${ssl.replace(/[^\w-]/g, '?')}: it must be one of ${SSL_MODES.join(', ')}` }
  const schema = url.searchParams.get('schema')
  if (schema !== null && !/^[A-Za-z_][\w$]{0,52}$/.test(schema))
    return { problem: 'has a schema that is not a plain name: letters, digits and _, at most 53' }
  if (schema !== null && pathInOptions(url) !== null)
    return { problem: 'has both schema and a search_path in options: leave one of them out' }
  if (ssl === null || !VERIFIED.includes(ssl) || url.searchParams.get('uselibpqcompat') === 'true')
    return { url: whole }
  url.searchParams.set('sslmode', 'verify-full')
  return { url: url.href }
}

const pathInOptions = (url: URL): string | null =>
  /\bsearch_path\s*=\s*(\S+)/.exec((url.searchParams.get('options') ?? '').replaceAll('\\ ', ' '))?.[1] ?? null

/** The schema of Spark's tables, if the address names one: `?schema=app`, or a search_path in its options. */
export const schemaOf = (address: string): string | null => {
  const url = new URL(address)
  const [first] = (url.searchParams.get('schema') ?? pathInOptions(url) ?? '').split(',')
  return first?.trim().replace(/^"(.*)"$/, '$1') || null
}

/** The first statement of a connection, so that tables are found in the schema of the address; poolers refuse it as a start-up parameter. */
export const searchPath = (address: string): string => {
  const schema = new URL(address).searchParams.get('schema')
  return schema === null ? '' : `SET search_path = "${schema}"; `
}
