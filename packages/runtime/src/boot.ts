import { makeHttpPool } from '@automagik-spark/adapters'
import { makeDb, migrate } from '@automagik-spark/db'
import { startEmbedded } from '@automagik-spark/embedded-postgres'
import {
  makeAgendaWakeUps,
  makeDbClock,
  makeIds,
  makeOpenSource,
  makeVault,
  startReread,
} from '@automagik-spark/engine'
import type { Config } from './config/config.ts'
import { keyTexts, secretsOf } from './config/config.ts'
import type { StoredKey } from './data-dir.ts'
import { openDataDir } from './data-dir.ts'
import type { Logger } from './log/logger.ts'
import { makeLogger, openLogOutput } from './log/logger.ts'

/** What `boot` takes from the process. */
export type Surroundings = {
  /** Whether the log goes to a terminal. */
  isTerminal: boolean
  /** Milliseconds since 1970 by this machine's clock. */
  wallNow: () => number
  /** In [0, 1). */
  random: () => number
  /** Registers a function for the very end of the process. */
  atExit: (last: () => void) => void
}

/** Opens the configured database; starts the embedded one. */
export const openDatabase = async (
  config: Config,
  log: (message: string) => void,
): Promise<{ url: string; close: () => Promise<void> }> =>
  config.database_url === null
    ? startEmbedded({ dataDir: config.data_dir, log })
    : { url: config.database_url, close: async () => undefined }

const openMigrated: typeof openDatabase = async (config, log) => {
  const database = await openDatabase(config, log)
  try {
    await migrate({ url: database.url, log })
    return database
  } catch (error) {
    await database.close()
    throw error
  }
}

const AMPLE_CALLS = 1_000

/** Opens what API and worker share: keys, stores, wake-ups, connections to flow servers. */
export const boot = async (config: Config, { isTerminal, wallNow, random, atExit }: Surroundings) => {
  const secrets = secretsOf(config)
  const addSecret = (secret: string) => void secrets.add(secret)
  const format = config.log_format ?? (isTerminal ? 'pretty' : 'json')
  const log = openLogOutput(format)
  atExit(log.writeLast)
  const logger: Logger = makeLogger({ level: config.log_level, format, secrets, destination: log })
  for (const warning of config.warnings) logger.warn({}, warning)

  const keys = config.embedded
    ? await openDataDir({
        dir: config.data_dir,
        random: (bytes) => globalThis.crypto.getRandomValues(bytes),
        warn: (message) => logger.warn({}, message),
      })
    : null
  if (keys) logger.info({ data_dir: keys.dir, new: keys.isNew }, 'data directory')
  let apiKey: StoredKey<string> | null = null
  let encryptionKey = config.encryption_key
  if (keys) {
    if (config.api_key === null) apiKey = await keys.apiKey()
    encryptionKey ??= (await keys.encryptionKey()).value
  }
  if (encryptionKey === null) throw new Error('loadConfig lets no role without an encryption key through')
  if (apiKey) addSecret(apiKey.value)
  for (const text of keyTexts(encryptionKey)) addSecret(text)

  const database = await openMigrated(config, (message) => logger.info({}, message))
  addSecret(new URL(database.url).password)
  const onError = (error: Error) => logger.warn({ err: error }, 'a connection to PostgreSQL broke')
  const db = makeDb({ url: database.url, name: 'main', onError })
  const clock = makeDbClock(wallNow)
  const wakeUps = makeAgendaWakeUps({
    databaseUrl: database.url,
    ...(config.mongodb_uri !== null && { mongodbUri: config.mongodb_uri }),
    clock,
    logger,
  })
  const reread = startReread({ sql: db.sql, wakeUps, logger })
  const vault = makeVault({ key: encryptionKey, previous: config.previous_encryption_keys })
  const pool = makeHttpPool({
    policy: config.source_policy,
    tlsInsecureHosts: config.tls_insecure_hosts,
    connections: AMPLE_CALLS,
    ownServices: ownServices(config, database.url),
  })

  return {
    config,
    logger,
    addSecret,
    /** The API key. `made_api_key`: where it was made, when none was given. */
    api_key: config.api_key ?? apiKey?.value ?? null,
    made_api_key: apiKey,
    /** Null with a DATABASE_URL: then everything is kept there. */
    data_dir: keys && { dir: keys.dir, isNew: keys.isNew },
    url: database.url,
    db,
    wakeUps,
    clock,
    ids: makeIds(clock),
    random,
    vault,
    pool,
    openSource: makeOpenSource({ pool, vault, addSecret }),
    default_timeout: config.http_timeout_seconds,
    /** In reverse order of opening. */
    async close() {
      await pool.close()
      await reread.close()
      await wakeUps.stop() // a second call does no harm: a worker stops them before it drains
      await db.close()
      await database.close()
      await log.drain()
    },
  }
}
export type Foundation = Awaited<ReturnType<typeof boot>>

/** Spark's own stores and API: the URL of a source must not lead there. */
const ownServices = ({ mongodb_uri, api_host, api_port }: Config, database_url: string) => [
  ...(api_port > 0 ? [{ host: api_host, port: api_port }] : []),
  ...placeOf(database_url, 5432),
  ...(mongodb_uri === null ? [] : placeOf(mongodb_uri, 27017)),
]

const placeOf = (address: string, defaultPort: number) => {
  try {
    const { hostname, port } = new URL(address)
    return hostname === '' ? [] : [{ host: hostname, port: Number(port) || defaultPort }]
  } catch {
    return [] // an address with several hosts
  }
}
