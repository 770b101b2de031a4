import type { RemoteFlow, Source } from '@automagik-spark/adapters'
import type { ClaimedTask, Db } from '@automagik-spark/db'
import type { FlowCopies, Logger } from '@automagik-spark/engine'
import { GONE } from '@automagik-spark/engine'
import type { Target } from './targets.ts'

/** A flow that was changed at its server so that runs need other components than its copy names. */
type DriftedFlow = {
  task: ClaimedTask
  target: Target
  remote: Source
  flow: RemoteFlow
  chosen_input: string | null
  chosen_output: string | null
  change: string
}

type Deps = { workflows: Db['workflows']; copies: Pick<FlowCopies, 'mend'>; logger: Logger }

/** Writes down what runs find out about flows. No run waits for it, and nothing fails with it: the next run finds the same again. */
export const makeFlowFindings = ({ workflows, copies, logger }: Deps) => {
  const write = (workflow_id: string, writing: Promise<unknown>, failed: string): void =>
    void writing.catch((error: unknown) => logger.warn({ workflow_id, err: error }, failed))
  const addWarning = (workflow_id: string, why: string): void =>
    write(workflow_id, workflows.addWarning(workflow_id, why), 'a warning could not be added to a workflow')

  return {
    /** The flow was changed at its server so that runs take another way: the copy follows. */
    drifted({ task, target, remote, flow, chosen_input, chosen_output, change }: DriftedFlow): void {
      const copy = { source_id: target.source.source_id, remote, flow }
      const components = {
        input_component: chosen_input ?? undefined,
        output_component: chosen_output ?? undefined,
        said: [change],
      }
      write(task.workflow_id, copies.mend(copy, components), 'the copy of a changed flow could not be refreshed')
    },
    /** A component that runs name is gone, and no other plainly took its place. */
    lostComponent: addWarning,
    gone: (workflow_id: string): void => addWarning(workflow_id, GONE),
    /** Whether this version of the flow answers with text only when streamed. */
    streamsOnly(workflow_id: string, flow_version: number, streams_only: boolean): void {
      const marking = workflows.markStreamsOnly(workflow_id, flow_version, streams_only)
      write(workflow_id, marking, 'a flow could not be marked as one that only streams')
    },
  }
}
export type FlowFindings = ReturnType<typeof makeFlowFindings>
