import type { HttpPool, VersionInfo } from '@automagik-spark/adapters'
import { detectSourceType, KINDS, makeSource } from '@automagik-spark/adapters'
import type { Clock, SourceType } from '@automagik-spark/core'
import { DEFAULT_SOURCE_CONCURRENCY, SourceError } from '@automagik-spark/core'
import type { Db, SourceRow } from '@automagik-spark/db'
import type { Ids } from './ids.ts'
import type { Logger } from './logger.ts'
import { keyPlace } from './open-source.ts'
import type { Vault } from './vault.ts'

/** Where to look for flow servers on this machine, and the keys to try on them. */
export type Discovery = {
  places: { source_type: SourceType; port: number }[]
  keys: Partial<Record<SourceType, string>>
}

type Deps = {
  /** Null: it is turned off. */
  config: { discovery: Discovery | null }
  db: Db
  clock: Clock
  ids: Ids
  vault: Vault
  pool: HttpPool
  logger: Logger
}

/** The server at an address, and what is missing to use it. */
type Found = { source_type: SourceType; key: string | null } & (
  { version_info: VersionInfo; reason: null } | { version_info: null; reason: string }
)

/**
 * Looks for flow servers on this machine once, in the background: nothing waits for it or fails because of it.
 * An address becomes a source at most once in the life of the database, also when the user deletes that source.
 */
export const startDiscovery = ({ config, ...deps }: Deps): { done: Promise<void>; close: () => Promise<void> } => {
  const closing = new AbortController()
  const { logger } = deps
  const discovery = config.discovery
  const done =
    discovery === null
      ? Promise.resolve()
      : discover(deps, discovery, closing.signal).catch((error: unknown) => {
          if (!closing.signal.aborted)
            logger.warn({ err: error }, 'looking for flow servers failed; the next start looks again')
        })
  return {
    done,
    async close() {
      closing.abort(new Error('shutting down'))
      await done
    },
  }
}

const discover = async (
  { db, clock, ids, vault, pool, logger }: Omit<Deps, 'config'>,
  { places, keys }: Discovery,
  signal: AbortSignal,
): Promise<void> => {
  const known = new Set((await db.sources.knownUrls()).map(placeOf))
  const ports = new Set(places.map(({ port }) => port))
  await Promise.all(
    [...ports].map(async (port) => {
      const url = `http://localhost:${port}`
      if (known.has(placeOf(url))) return
      const found = await lookAt({ url, pool, keys, signal })
      if (found === null) return
      const now = clock.now()
      const id = ids.next()
      const usable = found.reason === null
      const row: Omit<SourceRow, 'version'> = {
        id,
        name: `${KINDS[found.source_type].name} on localhost:${port}`,
        source_type: found.source_type,
        url,
        api_key: found.key === null ? null : vault.seal(found.key, keyPlace(id)),
        status: usable ? 'active' : 'inactive',
        health: usable ? 'up' : 'unknown',
        health_reason: found.reason,
        checked_at: now,
        hold_from: usable ? null : now,
        hold_until: null,
        max_concurrency: DEFAULT_SOURCE_CONCURRENCY,
        version_info: found.version_info,
        created_at: now,
        updated_at: now,
      }
      if (await db.sources.insertDiscovered(row))
        logger.info(
          { source_id: id, url, source_type: found.source_type, status: row.status },
          'found a flow server; it is a source now',
        )
    }),
  )
}

/** One text for all names that this machine has for itself. */
const placeOf = (url: string): string => {
  const { protocol, hostname, port, pathname } = new URL(url)
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname) ? `${protocol}//this machine:${port}${pathname}` : url
}

type Look = { url: string; pool: HttpPool; keys: Discovery['keys']; signal: AbortSignal }

/** Null: there is no flow server that Spark knows, or it does not answer as it should. */
const lookAt = async ({ url, pool, keys, signal }: Look): Promise<Found | null> => {
  try {
    const source_type = await detectSourceType({ url, pool }, signal)
    const probe = (api_key: string | null) => makeSource({ source_type, url, api_key, pool }).probe(signal)
    const open = await probe(null).catch(keyIsRefused)
    if (!(open instanceof SourceError)) return { source_type, key: null, version_info: open, reason: null }
    const key = keys[source_type]
    const refused = key === undefined ? open : await probe(key).catch(keyIsRefused)
    if (!(refused instanceof SourceError)) return { source_type, key: key ?? null, version_info: refused, reason: null }
    const why =
      key === undefined ? 'it wants an API key' : 'it wants an API key, and refused the one in the environment'
    return {
      source_type,
      key: null,
      version_info: null,
      reason: `Found when Spark started; ${why}. Set its api_key, and make the source active.`,
    }
  } catch (error) {
    if (error instanceof SourceError) return null
    throw error
  }
}

const keyIsRefused = (error: unknown): SourceError => {
  if (error instanceof SourceError && error.error_code === 'key_refused') return error
  throw error
}
