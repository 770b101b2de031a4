import { makeBoundedMap } from '@automagik-spark/core'
import type { ClaimedTask, FlowTarget, SourceTarget, Sql } from '@automagik-spark/db'
import { flowTargets, sourceTargets } from '@automagik-spark/db'

export type Target = { flow: FlowTarget; source: SourceTarget }

/** Each flow holds its graph, which may be a megabyte. */
const MOST = 100

/**
 * Rows that this worker used lately, by their id and version. A version that is not here is read anew; when the row changed again meanwhile, the
 * newest version is used.
 */
const makeVersions = <Row>(
  read: (ids: string[]) => Promise<Row[]>,
  of: { task: (task: ClaimedTask) => [id: string, version: number]; row: (row: Row) => [id: string, version: number] },
) => {
  const rows = makeBoundedMap<string, Row>(MOST)
  const keep = (row: Row) => rows.set(of.row(row).join(':'), row)

  return {
    keep,
    /** By id. The tasks may have more rows than are kept. */
    async byId(tasks: ClaimedTask[]): Promise<Map<string, Row>> {
      const found = new Map<string, Row>()
      const missing = new Set<string>()
      for (const task of tasks) {
        const [id, version] = of.task(task)
        const known = rows.get(`${id}:${version}`)
        if (known) found.set(id, known)
        else missing.add(id)
      }
      if (missing.size > 0)
        for (const row of await read([...missing])) {
          found.set(of.row(row)[0], row)
          keep(row)
        }
      return found
    },
  }
}

/** What tasks call: their flows and sources. */
export const makeTargets = (sql: Sql) => {
  const flows = makeVersions<FlowTarget>((ids) => flowTargets(sql, ids), {
    task: ({ workflow_id, flow_changed_at }) => [workflow_id, flow_changed_at.getTime()],
    row: ({ workflow_id, changed_at }) => [workflow_id, changed_at.getTime()],
  })
  const sources = makeVersions<SourceTarget>((ids) => sourceTargets(sql, ids), {
    task: ({ source_id, source_version }) => [source_id, source_version],
    row: ({ source_id, version }) => [source_id, version],
  })

  return {
    /** By task id. A task whose workflow or source has just been deleted has no target. */
    async of(tasks: ClaimedTask[]): Promise<Map<string, Target>> {
      const foundFlows = await flows.byId(tasks)
      const foundSources = await sources.byId(tasks)
      return new Map(
        tasks.flatMap((task): [string, Target][] => {
          const flow = foundFlows.get(task.workflow_id)
          const source = foundSources.get(task.source_id)
          return flow && source ? [[task.id, { flow, source }]] : []
        }),
      )
    },

    /** A run found out whether the flow answers with text only when streamed. */
    setStreamsOnly(flow: FlowTarget, streams_only: boolean): void {
      flows.keep({ ...flow, streams_only })
    },
  }
}
export type Targets = ReturnType<typeof makeTargets>
