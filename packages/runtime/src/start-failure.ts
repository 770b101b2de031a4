import { isDatabaseAway, whyUnavailable } from '@automagik-spark/engine'
import { ConfigError } from './config/config.ts'

/** Errors whose message is enough: no stack is printed. */
const FOR_PEOPLE = new Set([
  'DataDirError',
  'DatabaseError',
  'EmbeddedError',
  'ListenError',
  'DomainError',
  'VaultError',
])

const OWN_AUTHORITY =
  'for an authority of your own add sslrootcert=/path/ca.pem to it (or set NODE_EXTRA_CA_CERTS); sslmode=no-verify encrypts without looking'

/** By SQLSTATE or system code: what is wrong with DATABASE_URL, and how to fix it. */
const REFUSALS: [code: RegExp, sentence: string][] = [
  [/^28P01$/, 'PostgreSQL refuses the password in DATABASE_URL.'],
  [
    /^28000$/,
    'PostgreSQL refuses the user in DATABASE_URL, or connections from here (its pg_hba.conf says whom it lets in, and whether only with TLS: sslmode=verify-full).',
  ],
  [/^3D000$/, 'The database that DATABASE_URL names does not exist: create it with createdb, or name another.'],
  [/^57P03$/, 'PostgreSQL is starting up or shutting down: start Spark again in a moment.'],
  [
    /^53300$/,
    'PostgreSQL takes no more connections: raise its max_connections, or end what holds them (a worker needs up to 20, the API 14).',
  ],
  [/^3F000$/, 'The schema that DATABASE_URL names does not exist: CREATE SCHEMA makes it.'],
  [
    /^42501$/,
    'The role in DATABASE_URL may not do what starting needs: run automagik-spark db migrate as the owner of the tables, and give this role the GRANTs of docs/operations.md.',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "The TLS certificate of PostgreSQL is for another host than DATABASE_URL names: write the certificate's host name; sslmode=no-verify encrypts without looking.",
  ],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?))$/,
    `The TLS certificate of PostgreSQL is not trusted, as DATABASE_URL wants it: ${OWN_AUTHORITY}.`,
  ],
  [
    /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    'The TLS certificate of PostgreSQL is not valid at this time: renew it, or set the clock of this machine right.',
  ],
  [
    /^(ERR_SSL|ERR_OSSL|EPROTO)/,
    'TLS with PostgreSQL failed: are sslrootcert, sslcert and sslkey in DATABASE_URL files in PEM form that belong together, and is that port PostgreSQL?',
  ],
]

/** PgBouncer's message about a start-up parameter that it does not know. */
const POOLER_REFUSES = /unsupported startup parameter(?: in options)?: (\w+)/

/** The text that a failed start prints. */
export const startFailure = (error: unknown): string => {
  if (error instanceof ConfigError) return error.problems.join('\n')
  if (!(error instanceof Error)) return String(error)
  if (FOR_PEOPLE.has(error.name)) return error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = REFUSALS.find(([pattern]) => pattern.test(code))
  if (known) return known[1]
  if (POOLER_REFUSES.test(error.message)) {
    return 'The pooler at DATABASE_URL takes no options: write ?schema=app instead of a search_path in options, or add options to ignore_startup_parameters of PgBouncer.'
  }
  if (/server does not support SSL/i.test(error.message))
    return 'PostgreSQL speaks no TLS there, and DATABASE_URL asks for it: turn on ssl in PostgreSQL, or write sslmode=disable.'
  if ('syscall' in error && error.syscall === 'open' && 'path' in error)
    return `A file that DATABASE_URL names cannot be read (${code}): ${String(error.path)}.`
  if (isDatabaseAway(error))
    return `PostgreSQL cannot be reached (${code || error.message}): check the address in DATABASE_URL, that it runs, and that it lets this machine in.`
  const why = whyUnavailable(error)
  return why === null ? (error.stack ?? error.message) : `${why}.`
}
