import type { RemoteFlow, Source as RemoteSource } from '@automagik-spark/adapters'
import { addressesToTry, normalizeSourceUrl } from '@automagik-spark/adapters'
import type { RemoteFlowItem } from '@automagik-spark/core'
import { DomainError, invalid, SourceError } from '@automagik-spark/core'
import type { Db, SourceRow } from '@automagik-spark/db'
import type { OpenSource } from './open-source.ts'
import { VaultError } from './vault.ts'

export type OpenedSource = { row: SourceRow; remote: RemoteSource }
export type FoundFlow = OpenedSource & { flow: RemoteFlow }

/** The flows that the connected servers have now. */
export const makeFlows = ({ db, openSource }: { db: Db; openSource: OpenSource }) => {
  const open = (row: SourceRow): OpenedSource => ({ row, remote: openSource({ source_id: row.id, ...row }) })

  /** The sources that `source_url` (a URL or a host) names; without it, all active ones. */
  const sourcesFor = async (source_url: string | undefined): Promise<SourceRow[]> => {
    const rows = await db.sources.all()
    if (source_url === undefined) return rows.filter((row) => row.status === 'active')
    const named = rows.filter((row) => isNamed(row.url, source_url))
    if (named.length === 0)
      throw new DomainError('not_found', 'Source not found', {
        errors: [{ path: 'source_url', message: 'no source has this URL or host' }],
      })
    if (named.length > 1)
      throw invalid('source_url', `names several sources; take one of ${named.map((row) => row.url).join(', ')}`)
    const [row] = named
    if (row!.status === 'inactive')
      throw invalid('source_url', `the source ${row!.url} is inactive; make it active first`)
    return named
  }

  return {
    sourcesFor,
    open,

    /** All flows, and the sources that could not be reached. A source that the caller named fails the request. */
    async list(
      { source_url, simplified }: { source_url?: string | undefined; simplified: boolean },
      signal?: AbortSignal,
    ): Promise<{ flows: RemoteFlowItem[]; unreachable: string[] }> {
      const rows = await sourcesFor(source_url)
      const unreachable: string[] = []
      const lists = await Promise.all(
        rows.map(async (row) => {
          try {
            const { remote } = open(row)
            return (await withComponents(remote, await remote.listFlows(signal), signal)).map((flow) =>
              toItem(flow, row, simplified),
            )
          } catch (error) {
            if (!isOfTheSource(error)) throw error
            if (source_url !== undefined) throw sourceFailure(row, error)
            unreachable.push(row.url)
            return []
          }
        }),
      )
      return { flows: lists.flat(), unreachable }
    },

    /** Finds one flow in all sources. When several sources have it, the caller must name one. */
    async find(flow_id: string, source_url: string | undefined): Promise<FoundFlow> {
      const rows = await sourcesFor(source_url)
      const failures: { row: SourceRow; error: Error }[] = []
      const found = await Promise.all(
        rows.map(async (row): Promise<FoundFlow[]> => {
          try {
            const opened = open(row)
            return (await opened.remote.findFlows(flow_id)).map((flow) => ({ ...opened, flow }))
          } catch (error) {
            if (!isOfTheSource(error)) throw error
            failures.push({ row, error })
            return []
          }
        }),
      )
      const hits = found.flat()
      const [first] = hits
      if (first && hits.length > 1 && hits.every(({ row }) => row === first.row)) {
        // Langflow has only flows, and several may share a name.
        const isKind = first.flow.flow_type !== 'flow'
        throw invalid(
          'flow_id',
          `${flow_id} is the ${isKind ? 'id of several things' : 'name of several flows'} in source ${first.row.url}; take one of ${hits.map(({ flow }) => nameOf(flow)).join(', ')}`,
        )
      }
      if (hits.length > 1)
        throw invalid(
          'source_url',
          `flow ${flow_id} is in several sources; take one of ${[...new Set(hits.map((hit) => hit.row.url))].join(', ')}`,
        )
      if (first) return first
      // A source that did not answer may have the flow, so "not found" would be a guess.
      if (failures[0]) throw sourceFailure(failures[0].row, failures[0].error)
      throw new DomainError(
        'not_found',
        `Flow ${flow_id} not found in ${rows.length === 0 ? 'any source: none is active' : `source ${rows.map((row) => row.url).join(', ')}`}`,
      )
    },
  }
}
export type Flows = ReturnType<typeof makeFlows>

/** How many flows are looked up at the same time, and at most in one list: a list must not become a crawl. */
const LOOK_UP_AT_ONCE = 8
const LOOK_UP_MOST = 200

/** Adds components, which lists of flows leave out. A flow that cannot be fetched is listed without them. */
const withComponents = async (
  remote: RemoteSource,
  flows: RemoteFlow[],
  signal?: AbortSignal,
): Promise<RemoteFlow[]> => {
  const bare = flows.filter((flow) => flow.components.length === 0 && flow.data === null)
  if (bare.length > LOOK_UP_MOST) return flows
  const found = new Map<string, RemoteFlow['components']>()
  await eachOf(
    bare,
    LOOK_UP_AT_ONCE,
    async ({ id, flow_type }) => {
      try {
        const flow = await remote.getFlow({ id, flow_type }, signal)
        if (flow) found.set(id, flow.components)
      } catch (error) {
        if (!(error instanceof SourceError)) throw error
      }
    },
    signal,
  )
  return flows.map((flow) => ({ ...flow, components: found.get(flow.id) ?? flow.components }))
}

/** Does `work` for each item, `atOnce` at a time. Starts no more items after a failure or the signal. */
export const eachOf = async <T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> => {
  const waiting = items.values()
  let failed = false
  const next = async () => {
    for (const item of waiting) {
      signal?.throwIfAborted()
      if (failed) return
      try {
        await work(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
}

/** A failure of this source alone: of its server, or of its key, which cannot be decrypted here. */
const isOfTheSource = (error: unknown): error is SourceError | VaultError =>
  error instanceof SourceError || error instanceof VaultError

/** Names the source once: most reasons contain its URL already. */
export const sourceFailure = ({ url }: Pick<SourceRow, 'url'>, error: Error): DomainError =>
  new DomainError(
    'invalid',
    error.message.includes(new URL(url).host)
      ? error.message
      : `Source ${url} did not answer as it should: ${error.message}`,
    { cause: error },
  )

/** As a call names a flow. */
export const nameOf = ({ id, flow_type }: Pick<RemoteFlow, 'id' | 'flow_type'>): string =>
  flow_type === 'flow' ? id : `${flow_type}:${id}`

const isNamed = (url: string, named: string): boolean => {
  const { host, hostname } = new URL(url)
  if (named === host || named === hostname) return true
  try {
    // The address of a page, as a source may be connected by.
    return addressesToTry(normalizeSourceUrl(named)).includes(url)
  } catch {
    return false
  }
}

export const toItem = (flow: RemoteFlow, row: SourceRow, simplified: boolean): RemoteFlowItem => {
  const item = {
    id: flow.id,
    name: flow.name,
    description: flow.description,
    flow_type: flow.flow_type,
    origin: { instance: row.name ?? new URL(row.url).host, source_url: row.url },
    components: flow.components,
  }
  if (simplified) return item
  const { is_component, folder_id, folder_name, icon, icon_bg_color, liked, tags, data } = flow
  return { ...item, is_component, folder_id, folder_name, icon, icon_bg_color, liked, tags, data }
}
