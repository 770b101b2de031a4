import { type AddressPolicy, KINDS } from '@automagik-spark/adapters'
import { fileVariable, SourceType } from '@automagik-spark/core'
import type { Discovery } from '@automagik-spark/engine'
import type { z } from 'zod'
import type { LogFormat, LogLevel } from '../log/logger.ts'
import { aboutVariable, Environment, namesOf, type Role, type Variable, VARIABLES } from './variables.ts'

export type Config = {
  /** True without a DATABASE_URL: Spark starts its own PostgreSQL, and makes keys that are null in the data directory. */
  embedded: boolean
  api_key: string | null
  api_host: string
  api_port: number
  /** Null: the address where it listens. */
  public_url: URL | null
  cors_origins: '*' | string[]
  database_url: string | null
  mongodb_uri: string | null
  data_dir: string
  encryption_key: Uint8Array | null
  previous_encryption_keys: Uint8Array[]
  http_timeout_seconds: number
  worker_concurrency: number
  drain_timeout_seconds: number
  shutdown_delay_seconds: number
  max_output_bytes: number
  /** Null: discovery is off. */
  discovery: Discovery | null
  tls_insecure_hosts: string[]
  source_policy: AddressPolicy
  log_level: LogLevel
  /** Null: pretty on a terminal, else json. */
  log_format: LogFormat | null
  /** Logged at the start: settings that are allowed but unusual. */
  warnings: string[]
}

/** The environment cannot be used: one line per variable, and no secret in any of them. */
export class ConfigError extends Error {
  readonly problems: string[]

  constructor(problems: string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

type Env = Record<string, string | undefined>

/** Reads only the variables of this role: a worker does not fail because of the API's port. */
export const loadConfig = (env: Env, role: Role): Config => {
  const given = readGiven(env, role)
  const problems = new Map<Variable, string>(missing(given, role))
  const parsed = Environment.safeParse(Object.fromEntries([...given].map(([name, { text }]) => [name, text])))
  for (const issue of parsed.error?.issues ?? []) {
    // The keys of our own flat schema.
    const name = issue.path[0] as Variable
    if (!problems.has(name)) problems.set(name, sentence(name, issue.message, given))
  }
  if (!parsed.success || problems.size > 0) {
    throw new ConfigError(VARIABLES.flatMap((name) => problems.get(name) ?? []))
  }

  const values = parsed.data
  const embedded = values.DATABASE_URL === undefined
  return {
    embedded,
    api_key: values.SPARK_API_KEY ?? null,
    api_host: values.API_HOST ?? (embedded ? '127.0.0.1' : '0.0.0.0'),
    api_port: values.API_PORT,
    public_url: values.SPARK_PUBLIC_URL ?? null,
    cors_origins: values.CORS_ORIGINS,
    database_url: values.DATABASE_URL ?? null,
    mongodb_uri: values.MONGODB_URI ?? null,
    data_dir: values.SPARK_DATA_DIR,
    encryption_key: values.SPARK_ENCRYPTION_KEY ?? null,
    previous_encryption_keys: values.SPARK_ENCRYPTION_KEY_PREVIOUS,
    http_timeout_seconds: values.SPARK_HTTP_TIMEOUT,
    worker_concurrency: values.SPARK_WORKER_CONCURRENCY,
    drain_timeout_seconds: values.SPARK_DRAIN_TIMEOUT,
    shutdown_delay_seconds: values.SPARK_SHUTDOWN_DELAY,
    max_output_bytes: values.SPARK_MAX_OUTPUT_BYTES,
    discovery: (values.SPARK_DISCOVERY ?? embedded) ? discoveryOf(values) : null,
    tls_insecure_hosts: values.SPARK_TLS_INSECURE_HOSTS,
    source_policy: values.SPARK_SOURCE_POLICY,
    log_level: values.LOG_LEVEL,
    log_format: values.LOG_FORMAT ?? null,
    warnings: warningsOf(values.DATABASE_URL, values.SPARK_TLS_INSECURE_HOSTS),
  }
}

const discoveryOf = (values: z.output<typeof Environment>): Discovery => ({
  places: values.SPARK_DISCOVERY_PORTS,
  keys: Object.fromEntries(
    SourceType.options.flatMap((type) => {
      const key = values[KINDS[type].key_variable]
      return key === undefined ? [] : [[type, key]]
    }),
  ),
})

/** `named`: the variable in a message, under the name with which it was set. */
type Given = Map<Variable, { text: string; named: string }>

const textOf = (env: Env, name: string): string => (env[name] ?? '').trim()

/** The variables that are set for this role, and how to name them. An empty text counts as unset. */
const readGiven = (env: Env, role: Role): Given => {
  const given: Given = new Map()
  for (const variable of VARIABLES) {
    if (!aboutVariable(variable).read_by.includes(role)) continue
    const name = namesOf(variable).find((candidate) => textOf(env, candidate) !== '')
    if (name !== undefined)
      given.set(variable, { named: namedInMessages(env, variable, name), text: textOf(env, name) })
  }
  return given
}

const namedInMessages = (env: Env, variable: Variable, name: string): string => {
  const file = fileVariable(name)
  const isFromFile = aboutVariable(variable).secret === true && textOf(env, file) !== ''
  return [name, name === variable ? '' : ` (now ${variable})`, isFromFile ? ` (from ${file})` : ''].join('')
}

/** Keys are made only for an embedded Spark: otherwise every process must be given the same one. */
const missing = (given: Given, role: Role): [Variable, string][] => {
  if (!given.has('DATABASE_URL')) return []
  const needed: [Variable, string][] = [
    [
      'SPARK_API_KEY',
      'is not set, and with DATABASE_URL the API needs one: 16 random characters or more, for example from `openssl rand -hex 24`',
    ],
    [
      'SPARK_ENCRYPTION_KEY',
      'is not set, and with DATABASE_URL one is needed, the same in every process: 32 random bytes, for example from `openssl rand -base64 32`',
    ],
  ]
  return needed
    .filter(([name]) => aboutVariable(name).read_by.includes(role) && !given.has(name))
    .map(([name, message]) => [name, `${name} ${message}`])
}

const SHOWN_CHARACTERS = 60

const sentence = (variable: Variable, message: string, given: Given): string => {
  const { named, text } = given.get(variable) ?? { named: variable, text: '' }
  const secrets = [...given].filter(([other]) => aboutVariable(other).secret).map(([, { text: secret }]) => secret)
  // A secret may stand in the wrong variable, or in an address.
  const hidden = aboutVariable(variable).secret || text.includes('@') || secrets.some((secret) => text.includes(secret))
  const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
  return hidden ? `${named} ${message}` : `${named}=${JSON.stringify(shown)} ${message}`
}

const warningsOf = (databaseUrl: string | undefined, insecureHosts: string[]): string[] => {
  const warnings: string[] = []
  if (databaseUrl !== undefined && looksPooled(new URL(databaseUrl))) {
    warnings.push(
      'DATABASE_URL looks like a transaction pooler, through which LISTEN does not work: use the address of PostgreSQL itself, or make sure that it gives out sessions (pool_mode = session)',
    )
  }
  if (insecureHosts.length > 0) {
    warnings.push(`SPARK_TLS_INSECURE_HOSTS: the TLS certificates of ${insecureHosts.join(', ')} are not verified`)
  }
  return warnings
}

// The usual ports of PgBouncer and Supabase, the host names of Neon and Supabase, and the parameter that Prisma users set.
const looksPooled = (url: URL): boolean =>
  url.searchParams.get('pgbouncer') === 'true' || ['6432', '6543'].includes(url.port) || /-pooler\./.test(url.hostname)

/** Every text of this configuration that no log may show: passwords as written and decoded, keys in each of their forms. */
export const secretsOf = (config: Config): Set<string> => {
  const keys = [config.encryption_key, ...config.previous_encryption_keys].filter((key) => key !== null)
  const passwords = [config.database_url, config.mongodb_uri].flatMap((address) =>
    address === null ? [] : passwordsIn(address),
  )
  return new Set([
    ...(config.api_key === null ? [] : [config.api_key]),
    ...keys.flatMap(keyTexts),
    ...passwords,
    ...Object.values(config.discovery?.keys ?? {}),
  ])
}

/** The texts in which a key of bytes may be written. */
export const keyTexts = (key: Uint8Array): string[] =>
  (['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(key).toString(encoding))

// Not by `URL`, which refuses MongoDB's addresses with several hosts.
const passwordsIn = (address: string): string[] => {
  const written = /^[a-z+]+:\/\/[^:@/?#]*:([^/?#]+)@/i.exec(address)?.[1]
  const parameter = /[?&]password=([^&#]+)/i.exec(address)?.[1]
  return [written, parameter].flatMap((password) => (password === undefined ? [] : [password, decoded(password)]))
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
