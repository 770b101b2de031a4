import type {
  Clock,
  FlowType,
  Page,
  PageQuery,
  RemoteFlowItem,
  SyncAll,
  Workflow,
  WorkflowItem,
} from '@automagik-spark/core'
import { DomainError, invalid, notFound, SourceError } from '@automagik-spark/core'
import type { Db, WorkflowView } from '@automagik-spark/db'
import { GONE, makeFlowCopies } from './flow-copies.ts'
import type { Flows, FoundFlow, OpenedSource } from './flows.ts'
import { eachOf, nameOf, sourceFailure, toItem } from './flows.ts'
import type { Ids } from './ids.ts'
import { pageArgs, toPage } from './page.ts'

type Deps = { db: Db; clock: Clock; ids: Ids; flows: Flows }
type SyncQuery = {
  source_url?: string | undefined
  input_component?: string | undefined
  output_component?: string | undefined
}

/** How many flows a sync of all fetches at the same time. */
const SYNC_AT_ONCE = 4

const isGone = (error: unknown): boolean =>
  error instanceof DomainError && error.code === 'not_found' && error.errors.length === 0

export const makeWorkflows = ({ db, clock, ids, flows }: Deps) => {
  const found = async (id: string): Promise<Workflow> => {
    const row = await db.workflows.find(id)
    if (!row) throw notFound('Workflow')
    const { source_status: _, ...workflow } = row
    return workflow
  }

  const copies = makeFlowCopies({ db, clock, ids })
  const keep = async (
    { row, remote, flow }: FoundFlow,
    wanted: Omit<SyncQuery, 'source_url'>,
  ): Promise<{ created: boolean; workflow: Workflow }> => {
    const { id, created } = await copies.keep({ source_id: row.id, remote, flow }, wanted)
    return { created, workflow: await found(id) }
  }

  /** Adds a warning to the copy of a flow that its server no longer has. */
  const warnOf = async (flow_id: string, source_url: string | undefined): Promise<void> => {
    const rows = await flows.sourcesFor(source_url)
    const stored = await db.workflows.copiesIn(rows.map(({ id }) => id))
    for (const { id, remote_flow_id, flow_type } of stored) {
      if (remote_flow_id === flow_id || `${flow_type}:${remote_flow_id}` === flow_id)
        await db.workflows.addWarning(id, GONE)
    }
  }

  const syncAll = async (
    opened: OpenedSource,
    wanted: Omit<SyncQuery, 'source_url'>,
    signal?: AbortSignal,
  ): Promise<SyncAll> => {
    const synced: Workflow[] = []
    const failed: SyncAll['failed'] = []
    const listed = await opened.remote.listFlows(signal)
    const isListed = new Set(listed.map(nameOf))
    // A list may leave examples out, so a copy that is not listed is looked up too.
    const stored = await db.workflows.copiesIn([opened.row.id])
    const others = stored
      .map(({ id, remote_flow_id, flow_type }) => ({ workflow_id: id, id: remote_flow_id, flow_type }))
      .filter((copy) => !isListed.has(nameOf(copy)))
    await eachOf<{ workflow_id?: string; id: string; flow_type: FlowType }>(
      [...listed, ...others],
      SYNC_AT_ONCE,
      async ({ workflow_id, id, flow_type }) => {
        const flow_id = nameOf({ id, flow_type })
        try {
          const flow = await opened.remote.getFlow({ id, flow_type }, signal)
          if (flow) synced.push((await keep({ ...opened, flow }, wanted)).workflow)
          else if (workflow_id === undefined)
            failed.push({ flow_id, detail: 'listed by the server, and not found when it was fetched' })
          else {
            await db.workflows.addWarning(workflow_id, GONE)
            failed.push({
              flow_id,
              detail: `is gone: its server has it no longer, or not for this key. The workflow ${workflow_id} stays, and its runs fail`,
            })
          }
        } catch (error) {
          // A failure of the server, or a component that this flow cannot use, does not stop the others.
          if (!(error instanceof DomainError)) throw error
          failed.push({ flow_id, detail: error.message })
        }
      },
      signal,
    )
    return { synced, failed }
  }

  return {
    async list(
      query: PageQuery & { source?: string | undefined; search?: string | undefined },
    ): Promise<Page<WorkflowItem>> {
      return toPage(
        await db.workflows.list({ ...pageArgs(query), source: query.source, search: query.search }),
        query,
        (row: WorkflowView) => row,
        (row) => row.id,
      )
    },

    remoteList: flows.list,

    async remoteGet(flow_id: string, { source_url }: { source_url?: string | undefined }): Promise<RemoteFlowItem> {
      const { flow, row } = await flows.find(flow_id, source_url)
      return toItem(flow, row, false)
    },

    /** Copies a flow, or all flows of a source (`*`). When the signal ends it, what was copied so far stays. */
    async sync(
      flow_id: string,
      { source_url, ...wanted }: SyncQuery,
      signal?: AbortSignal,
    ): Promise<{ created: boolean; workflow: Workflow } | SyncAll> {
      if (flow_id !== '*') {
        const one = await flows.find(flow_id, source_url).catch(async (error: unknown) => {
          if (isGone(error)) await warnOf(flow_id, source_url)
          throw error
        })
        return keep(one, wanted)
      }
      if (source_url === undefined)
        throw invalid('source_url', 'must be given with flow_id *, so that it is clear which source is meant')
      const [row] = await flows.sourcesFor(source_url)
      try {
        return await syncAll(flows.open(row!), wanted, signal)
      } catch (error) {
        throw error instanceof SourceError ? sourceFailure(row!, error) : error
      }
    },

    get: found,

    async remove(id: string): Promise<void> {
      if (!(await db.workflows.hide(id))) throw notFound('Workflow')
    },
  }
}
