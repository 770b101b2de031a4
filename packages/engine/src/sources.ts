import type { HttpPool } from '@automagik-spark/adapters'
import {
  addressesToTry,
  detectSourceType,
  isWrongKind,
  makeSource,
  normalizeSourceUrl,
} from '@automagik-spark/adapters'
import type { Clock, CreateSource, Page, PageQuery, Source, SourceType, UpdateSource } from '@automagik-spark/core'
import { ChangedError, DomainError, invalid, notFound, SourceError } from '@automagik-spark/core'
import type { Db, SourceChange, SourceRow } from '@automagik-spark/db'
import type { Ids } from './ids.ts'
import { keyPlace } from './open-source.ts'
import { pageArgs, toPage } from './page.ts'
import type { Vault } from './vault.ts'
import type { Versioned, Versions } from './versions.ts'
import { isAmong } from './versions.ts'
import { announceDue } from './wake-ups/announce.ts'
import type { WakeUps } from './wake-ups/wake-ups.ts'

type Deps = {
  db: Db
  wakeUps: Pick<WakeUps, 'wakeAt'>
  clock: Clock
  ids: Ids
  vault: Vault
  pool: HttpPool
  addSecret: (secret: string) => void
}

const toSource = ({ hold_from: _, hold_until: __, api_key: ___, ...row }: SourceRow): Versioned<Source> => row

type Server = { source_type: SourceType | undefined; url: string; api_key: string | null }

export const makeSources = ({ db, wakeUps, clock, ids, vault, pool, addSecret }: Deps) => {
  const announce = announceDue({ sql: db.sql, wakeUps, clock })
  const found = async (id: string): Promise<SourceRow> => {
    const row = await db.sources.find(id)
    if (!row) throw notFound('Source')
    return row
  }
  /** The source, for an edit of one of these versions. Only the write itself decides; this spares a server its validation. */
  const readAs = async (id: string, versions: Versions): Promise<SourceRow> => {
    const row = await found(id)
    if (!isAmong(versions, row.version)) throw new ChangedError('source', row.version)
    return row
  }
  /** Why a write found no source: it was deleted, or another edit came first. */
  const missed = async (id: string) => new ChangedError('source', (await found(id)).version)
  const duplicate = (url: string) => {
    const message = `Source with URL ${url} already exists`
    return new DomainError('invalid', message, { errors: [{ path: 'url', message }] })
  }

  const probeAt = async ({ url, ...server }: Server) => {
    const source_type = server.source_type ?? (await detectSourceType({ url, pool }))
    return { url, source_type, version_info: await makeSource({ ...server, url, source_type, pool }).probe() }
  }
  /** A URL that was copied from a browser is that of a page: then the server's own URL is above it. */
  const probeNear = async (server: Server) => {
    let first: SourceError | undefined
    for (const url of addressesToTry(server.url)) {
      try {
        return await probeAt({ ...server, url })
      } catch (error) {
        // Without a connection here there is none above. A server above that refuses the key tells more than a page that is not a server.
        if (!(error instanceof SourceError) || error.failure === 'not_sent' || error.timed_out) throw error
        if (first && (!isWrongKind(error) || error.error_code === 'key_refused')) throw error
        first ??= error
      }
    }
    throw first!
  }
  /** Asks the server. Whatever is wrong with it becomes a 400 that says so. */
  const probe = async (server: Server, look = probeNear) => {
    if (server.api_key) addSecret(server.api_key)
    try {
      return await look(server)
    } catch (error) {
      if (error instanceof SourceError)
        throw new DomainError('invalid', `Failed to validate source: ${error.message}`, { cause: error })
      throw error
    }
  }
  const openKey = (row: SourceRow): string | null =>
    row.api_key === null ? null : vault.open(row.api_key, keyPlace(row.id))
  const sealKey = (id: string, key: string | null | undefined): string | null =>
    key ? vault.seal(key, keyPlace(id)) : null
  /** A server that answers is no longer suspended: what waited for it is due now. */
  const seenUp = async (id: string, version_info: SourceRow['version_info']): Promise<void> => {
    if ((await db.sources.seenUp(id, version_info))?.resumed) await announce(clock.now())
  }

  return {
    async create(input: CreateSource): Promise<Versioned<Source>> {
      const given = normalizeSourceUrl(input.url)
      if (await db.sources.findByUrl(given)) throw duplicate(given)
      const { url, source_type, version_info } = await probe({
        source_type: input.source_type,
        url: given,
        api_key: input.api_key ?? null,
      })
      if (url !== given && (await db.sources.findByUrl(url))) throw duplicate(url)
      const now = clock.now()
      const id = ids.next()
      const row = await db.sources.insert({
        id,
        name: input.name ?? null,
        source_type,
        url,
        api_key: sealKey(id, input.api_key),
        status: 'active',
        health: 'up',
        health_reason: null,
        checked_at: now,
        hold_from: null,
        hold_until: null,
        max_concurrency: input.max_concurrency,
        version_info,
        created_at: now,
        updated_at: now,
      })
      if (!row) throw duplicate(url)
      return toSource(row)
    },

    async list(query: PageQuery & { status?: 'active' | 'inactive' | undefined }): Promise<Page<Source>> {
      return toPage(
        await db.sources.list({ ...pageArgs(query), status: query.status }),
        query,
        toSource,
        (row) => row.id,
      )
    },

    async get(id: string): Promise<Versioned<Source>> {
      return toSource(await found(id))
    },

    /** Validates a new url, key or type before it stores anything; then it stores all fields or none. */
    async update(id: string, patch: UpdateSource, versions: Versions = null): Promise<Versioned<Source>> {
      const row = await readAs(id, versions)
      const { status, api_key, url: givenUrl, ...rest } = patch
      const change: SourceChange = { updated_at: clock.now() }
      if (status !== undefined) change.status = status
      if (rest.name !== undefined) change.name = rest.name
      if (rest.max_concurrency !== undefined) change.max_concurrency = rest.max_concurrency
      const url = givenUrl === undefined ? row.url : normalizeSourceUrl(givenUrl)
      const moved =
        url !== row.url ||
        api_key !== undefined ||
        (rest.source_type !== undefined && rest.source_type !== row.source_type)
      if (moved) {
        if (url !== row.url && (await db.sources.findByUrl(url))) throw duplicate(url)
        // A key belongs to the origin that it was given for: for a new origin it must be given again.
        if (
          url !== row.url &&
          api_key === undefined &&
          row.api_key !== null &&
          new URL(url).origin !== new URL(row.url).origin
        ) {
          throw invalid(
            'api_key',
            'must be given (or null) with a url on another host: the stored key is sent to its own host only',
          )
        }
        const key = api_key === undefined ? openKey(row) : api_key
        const {
          url: at,
          source_type,
          version_info,
        } = await probe({ source_type: rest.source_type ?? row.source_type, url, api_key: key })
        if (at !== url && at !== row.url && (await db.sources.findByUrl(at))) throw duplicate(at)
        Object.assign(
          change,
          { url: at, source_type, seen: version_info },
          api_key !== undefined && { api_key: sealKey(id, api_key) },
        )
      }
      const updated = await db.sources.update(id, change, versions)
      if (updated === 'duplicate') throw duplicate(change.url ?? url)
      if (!updated) throw await missed(id)
      if (updated.due) await announce(clock.now())
      return toSource(await found(id))
    },

    /** Checks the server now and stores the result. A failure is stored too, and is a 400. */
    async validate(id: string): Promise<Versioned<Source>> {
      const row = await found(id)
      try {
        const { version_info } = await probe(
          { source_type: row.source_type, url: row.url, api_key: openKey(row) },
          probeAt,
        )
        await seenUp(id, version_info)
      } catch (error) {
        if (error instanceof DomainError && error.cause instanceof SourceError) {
          await db.sources.seenDown(id, error.cause.message)
        }
        throw error
      }
      return toSource(await found(id))
    },

    async remove(id: string, versions: Versions = null): Promise<void> {
      if (!(await db.sources.hide(id, versions))) throw await missed(id)
    },
  }
}
