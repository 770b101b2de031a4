import { createHash } from 'node:crypto'
import type { RemoteFlow, Source } from '@automagik-spark/adapters'
import type { Clock } from '@automagik-spark/core'
import { invalid } from '@automagik-spark/core'
import type { Db, WorkflowSync } from '@automagik-spark/db'
import { storableJson, storableText } from '@automagik-spark/db'
import type { Ids } from './ids.ts'

type Wanted = {
  input_component?: string | undefined
  output_component?: string | undefined
  /** More warnings, beside those from the graph. */
  said?: string[]
}

/** The warning of a missing flow; a sync removes it. */
export const GONE =
  'The flow was not found at its server when it was last looked for: it was deleted there, or the key may not see it. Its runs fail until it is back.'

type Of = { source_id: string; remote: Source; flow: RemoteFlow }

/** The copies of flows that runs use. */
export const makeFlowCopies = ({ db, clock, ids }: { db: Db; clock: Clock; ids: Ids }) => {
  const copyOf = async ({ source_id, remote, flow }: Of, wanted: Wanted): Promise<WorkflowSync> => {
    const before = await db.workflows.chosen({ source_id, flow_type: flow.flow_type, remote_flow_id: flow.id })
    const asked = {
      input_component: wanted.input_component ?? before?.chosen_input,
      output_component: wanted.output_component ?? before?.chosen_output,
    }
    const { input_component, output_component, refusals, ...components } = remote.components(flow, asked)
    const refused = refusals.find(({ path }) => wanted[path as keyof typeof wanted] !== undefined)
    if (refused) throw invalid(refused.path, refused.message)
    // The flow changed so that a component chosen earlier cannot be used: runs are refused until the user chooses again.
    const useless = refusals.map(
      ({ path, message }) => `The ${path} that was chosen cannot be used, and runs are refused: ${message}.`,
    )
    const now = clock.now()
    return {
      id: ids.next(),
      source_id,
      name: storableText(flow.name),
      description: storableText(flow.description),
      remote_flow_id: flow.id,
      flow_type: flow.flow_type,
      graph_hash: createHash('sha256')
        .update(JSON.stringify(remote.canonicalGraph(flow)))
        .digest('hex'),
      input_component,
      output_component,
      chosen_input: asked.input_component === input_component ? input_component : null,
      chosen_output: asked.output_component === output_component ? output_component : null,
      is_component: flow.is_component,
      folder_id: flow.folder_id,
      folder_name: flow.folder_name,
      icon: flow.icon,
      icon_bg_color: flow.icon_bg_color,
      liked: flow.liked,
      tags: flow.tags.map(storableText),
      warnings: [...(wanted.said ?? []), ...components.warnings, ...useless],
      // A graph from outside may hold characters that PostgreSQL refuses.
      data: JSON.parse(storableJson(JSON.stringify(flow.data))) as unknown,
      created_at: now,
      updated_at: now,
    }
  }

  return {
    /** Stores or refreshes a copy. Components that the user chose stay, unless others are given. */
    keep: async (of: Of, wanted: Wanted): Promise<{ id: string; created: boolean }> =>
      db.workflows.upsert(await copyOf(of, wanted)),
    /** Refreshes an existing copy; does nothing when it was deleted meanwhile. */
    mend: async (of: Of, wanted: Wanted): Promise<void> => void (await db.workflows.refresh(await copyOf(of, wanted))),
  }
}
export type FlowCopies = ReturnType<typeof makeFlowCopies>
