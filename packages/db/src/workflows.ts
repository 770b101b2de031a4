import type { Client } from './prisma.ts'
import { json } from './prisma.ts'
import type { SourceTarget } from './queue/claim.ts'
import type { PageArgs, RowPage, SourceRow, WorkflowRow, WorkflowView } from './rows.ts'
import { stopTasks } from './sources.ts'
import type { SqlPool } from './sql.ts'

/** A flow and its source, as a new run is validated against them. */
export type FlowToValidate = Pick<WorkflowRow, 'remote_flow_id' | 'flow_type' | 'chosen_input'> & {
  changed_at: Date
  data: unknown
  version_info: SourceRow['version_info']
  source: Omit<SourceTarget, 'max_concurrency'>
}

export type WorkflowSync = Omit<WorkflowRow, 'flow_version' | 'streams_only'>

const COLUMNS = `w.id, w.name, w.description, src.url AS source, w.source_id, w.remote_flow_id, w.flow_type, w.flow_version, w.input_component,
  w.output_component, w.is_component, w.folder_id, w.folder_name, w.icon, w.icon_bg_color, w.liked, w.tags, w.warnings, w.created_at, w.updated_at,
  coalesce((SELECT upper(t.status) FROM tasks t WHERE t.workflow_id = w.id ORDER BY t.id DESC LIMIT 1), 'NEW') AS latest_run, k.task_count, k.failed_task_count`
const FROM = `workflows w JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL
  CROSS JOIN LATERAL (SELECT count(*)::int AS task_count, (count(*) FILTER (WHERE t.status = 'failed'))::int AS failed_task_count FROM tasks t WHERE t.workflow_id = w.id) k`
const escapeLike = (text: string) => text.replace(/[\\%_]/g, '\\$&')

export const makeWorkflows = (prisma: Client, sql: SqlPool) => {
  const write = async (row: WorkflowSync, inserts: boolean): Promise<{ id: string; created: boolean } | null> => {
    const data = { ...row, tags: row.tags, warnings: row.warnings, data: json(row.data) }
    return prisma.$transaction(async (tx) => {
      // Two syncs of one flow at once: the second waits here and finds the first one's row.
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${row.source_id}:${row.flow_type}:${row.remote_flow_id}`}, 0))`
      const old = await tx.workflow.findFirst({
        where: {
          source_id: row.source_id,
          flow_type: row.flow_type,
          remote_flow_id: row.remote_flow_id,
          deleted_at: null,
        },
        select: { id: true, graph_hash: true },
      })
      if (!old && !inserts) return null
      if (!old) return { id: (await tx.workflow.create({ data, select: { id: true } })).id, created: true }
      const { id: _, created_at: __, ...refreshed } = data
      const moved = old.graph_hash !== row.graph_hash
      await tx.workflow.update({
        where: { id: old.id },
        data: { ...refreshed, ...(moved && { flow_version: { increment: 1 }, streams_only: null }) },
      })
      return { id: old.id, created: false }
    })
  }

  return {
    /** Inserts the copy of a flow, or refreshes it: `flow_version` grows when the canonical graph differs. */
    async upsert(row: WorkflowSync): Promise<{ id: string; created: boolean }> {
      const kept = await write(row, true)
      if (!kept) throw new Error('an upsert inserts a missing row')
      return kept
    },

    /** Refreshes the copy of a flow; null when it was deleted meanwhile. */
    async refresh(row: WorkflowSync): Promise<{ id: string } | null> {
      return write(row, false)
    },

    /** The components that a user named for a flow; null when there is no copy yet. */
    async chosen({
      source_id,
      flow_type,
      remote_flow_id,
    }: Pick<WorkflowRow, 'source_id' | 'flow_type' | 'remote_flow_id'>): Promise<Pick<
      WorkflowRow,
      'chosen_input' | 'chosen_output'
    > | null> {
      return prisma.workflow.findFirst({
        where: { source_id, flow_type, remote_flow_id, deleted_at: null },
        select: { chosen_input: true, chosen_output: true },
      })
    },

    async find(id: string): Promise<(WorkflowView & { source_status: 'active' | 'inactive' }) | null> {
      const { rows } = await sql.query<WorkflowView & { source_status: 'active' | 'inactive' }>(
        `SELECT ${COLUMNS}, w.data, src.status AS source_status FROM ${FROM} WHERE w.id = $1 AND w.deleted_at IS NULL`,
        [id],
      )
      return rows[0] ?? null
    },

    /** What a run needs to know of its workflow, without the graph. */
    async forRun(id: string): Promise<{ source_status: 'active' | 'inactive'; source_url: string } | null> {
      const { rows } = await sql.query<{ source_status: 'active' | 'inactive'; source_url: string }>(
        `SELECT src.status AS source_status, src.url AS source_url FROM workflows w JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL
       WHERE w.id = $1 AND w.deleted_at IS NULL`,
        [id],
      )
      return rows[0] ?? null
    },

    /** What a run is validated against before it is stored; `data` only `withGraph`. */
    async forValidation(id: string, withGraph: boolean): Promise<FlowToValidate | null> {
      const { rows } = await sql.query<Omit<FlowToValidate, 'source'> & FlowToValidate['source']>(
        `SELECT w.remote_flow_id, w.flow_type, w.chosen_input, w.updated_at AS changed_at, CASE WHEN $2::boolean THEN w.data END AS data,
         src.id AS source_id, src.version, src.source_type, src.url, src.api_key, src.version_info
       FROM workflows w JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL WHERE w.id = $1 AND w.deleted_at IS NULL`,
        [id, withGraph],
      )
      const [row] = rows
      if (!row) return null
      const { source_id, version, source_type, url, api_key, ...flow } = row
      return { ...flow, source: { source_id, version, source_type, url, api_key, version_info: flow.version_info } }
    },

    async list({
      limit,
      offset,
      after,
      source,
      search,
    }: PageArgs & { source?: string | undefined; search?: string | undefined }): Promise<RowPage<WorkflowView>> {
      const values: unknown[] = []
      const put = (value: unknown) => `$${values.push(value)}`
      const filters = ['w.deleted_at IS NULL']
      if (source !== undefined) {
        const at = put(source)
        filters.push(`(w.source_id::text = lower(${at}) OR src.url = ${at})`)
      }
      if (search !== undefined) {
        const at = put(`%${escapeLike(search)}%`)
        filters.push(`(w.name ILIKE ${at} OR w.description ILIKE ${at})`)
      }
      const where = filters.join(' AND ')
      const {
        rows: [count],
      } = await sql.query<{ total: number }>(
        `SELECT count(*)::int AS total FROM workflows w JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL WHERE ${where}`,
        [...values],
      )
      const page = after ? `${where} AND w.id < ${put(after)}` : where
      const { rows } = await sql.query<WorkflowView>(
        `SELECT ${COLUMNS} FROM (SELECT w.* FROM workflows w JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL WHERE ${page}
         ORDER BY w.id DESC LIMIT ${put(limit + 1)} OFFSET ${put(after ? 0 : offset)}) w
       JOIN sources src ON src.id = w.source_id
       CROSS JOIN LATERAL (SELECT count(*)::int AS task_count, (count(*) FILTER (WHERE t.status = 'failed'))::int AS failed_task_count FROM tasks t WHERE t.workflow_id = w.id) k
       ORDER BY w.id DESC`,
        values,
      )
      return { rows: rows.slice(0, limit), total: count?.total ?? 0, has_more: rows.length > limit }
    },

    /** The copies of some sources' flows. */
    async copiesIn(
      source_ids: string[],
    ): Promise<Pick<WorkflowRow, 'id' | 'source_id' | 'remote_flow_id' | 'flow_type'>[]> {
      const { rows } = await sql.query<Pick<WorkflowRow, 'id' | 'source_id' | 'remote_flow_id' | 'flow_type'>>(
        `SELECT id, source_id, remote_flow_id, flow_type FROM workflows WHERE source_id = ANY ($1::uuid[]) AND deleted_at IS NULL ORDER BY id`,
        [source_ids],
      )
      return rows
    },

    /** Adds a warning, if it is not there yet; the next sync of the flow removes it. */
    async addWarning(id: string, warning: string): Promise<void> {
      await sql.query(
        `UPDATE workflows SET warnings = warnings || jsonb_build_array($2::text) WHERE id = $1 AND deleted_at IS NULL AND NOT warnings @> jsonb_build_array($2::text)`,
        [id, warning],
      )
    },

    /** Writes what a run has shown: whether this version of the flow answers with text only when streamed. */
    async markStreamsOnly(id: string, flow_version: number, streams_only: boolean): Promise<void> {
      // Workers read a flow again when its `updated_at` changed.
      await sql.query(
        `UPDATE workflows SET streams_only = $3, updated_at = spark_now() WHERE id = $1 AND flow_version = $2 AND streams_only IS DISTINCT FROM $3::boolean`,
        [id, flow_version, streams_only],
      )
    },

    /** Hides the workflow with its schedules and tasks, as when a source is deleted. */
    async hide(id: string): Promise<boolean> {
      return sql.transaction(async (tx) => {
        const { rowCount } = await tx.query(
          `UPDATE workflows SET deleted_at = spark_now() WHERE id = $1 AND deleted_at IS NULL`,
          [id],
        )
        if (rowCount === 0) return false
        await stopTasks(tx, 'workflow_id', id)
        return true
      })
    },
  }
}
