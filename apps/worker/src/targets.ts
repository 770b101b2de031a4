import type { ClaimedTask, FlowTarget, SourceTarget, Sql } from '@automagik-spark/db'
import { flowTargets, sourceTargets } from '@automagik-spark/db'

export type Target = { flow: FlowTarget; source: SourceTarget }

/** Each holds its graph, which may be a megabyte. */
const MOST = 100

/** Flows and sources that this worker called lately, by when they changed: an edit or a sync brings another time and so a fresh look. */
export const makeTargets = (sql: Sql) => {
  const flows = new Map<string, FlowTarget>()
  const sources = new Map<string, SourceTarget>()
  const flowKey = (task: ClaimedTask) => `${task.workflow_id}:${task.flow_changed_at.getTime()}`
  const sourceKey = (task: ClaimedTask) => `${task.source_id}:${task.source_version}`
  const keep = <T>(cache: Map<string, T>, key: string, value: T) => {
    cache.set(key, value)
    for (const oldest of cache.keys()) {
      if (cache.size <= MOST) break
      cache.delete(oldest)
    }
  }

  return {
    /** What these tasks call; a task whose workflow or source has just been deleted has no entry. */
    async of(tasks: ClaimedTask[]): Promise<Map<string, Target>> {
      const missingFlows = [
        ...new Set(tasks.filter((task) => !flows.has(flowKey(task))).map((task) => task.workflow_id)),
      ]
      const missingSources = [
        ...new Set(tasks.filter((task) => !sources.has(sourceKey(task))).map((task) => task.source_id)),
      ]
      if (missingFlows.length > 0)
        for (const flow of await flowTargets(sql, missingFlows))
          keep(flows, `${flow.workflow_id}:${flow.changed_at.getTime()}`, flow)
      if (missingSources.length > 0)
        for (const source of await sourceTargets(sql, missingSources))
          keep(sources, `${source.source_id}:${source.version}`, source)
      const targets = new Map<string, Target>()
      for (const task of tasks) {
        // A version that moved on between claim and look: the newest is what is called.
        const flow = flows.get(flowKey(task)) ?? newest(flows, `${task.workflow_id}:`)
        const source = sources.get(sourceKey(task)) ?? newest(sources, `${task.source_id}:`)
        if (flow && source) targets.set(task.id, { flow, source })
      }
      return targets
    },

    /** It was learnt whether a flow answers only when streamed. */
    streamsOnly(flow: FlowTarget, streams_only: boolean) {
      keep(flows, `${flow.workflow_id}:${flow.changed_at.getTime()}`, { ...flow, streams_only })
    },
  }
}
export type Targets = ReturnType<typeof makeTargets>

const newest = <T>(cache: Map<string, T>, prefix: string): T | undefined => {
  let found: T | undefined
  for (const [key, value] of cache) if (key.startsWith(prefix)) found = value
  return found
}
