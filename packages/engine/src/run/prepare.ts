import type { JsonValue, RemoteFlow, Source } from '@automagik-spark/adapters'
import { SourceError } from '@automagik-spark/core'
import type { ClaimedTask, FlowTarget } from '@automagik-spark/db'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FlowReads } from '../flow-reads.ts'
import type { Logger } from '../logger.ts'
import type { OpenSource } from '../remote.ts'
import type { Target } from './targets.ts'

/** What a run was made ready for: its target as it is now, or why it is not sent. */
export type Prepared = { target: Target; notes: string[]; refusal: SourceError | null }

/** A flow that was changed so that its runs go elsewhere than its copy says. */
export type DriftedFlow = { task: ClaimedTask; target: Target; remote: Source; flow: RemoteFlow; chosen_input: string | null; chosen_output: string | null; change: string }

type Deps = {
  openSource: OpenSource
  reads: FlowReads
  logger: Logger
  /** Mends the copy. */
  onDrift: (drifted: DriftedFlow) => void
  /** Nothing has plainly taken the place of what the copy names. */
  onLost: (workflow_id: string, why: string) => void
}

/** Of a run's timeout, how much the reading may take; and at most. */
const SHARE = 0.5
const MOST_MS = 10_000

/**
 * Looks at a flow right before a run that names one of its components, as an edit may have replaced it and the server would drop the input
 * without a word. Null where nothing has to be looked at. A read that fails fails nothing: the copy is used, and the task's log says so.
 */
export const makePrepare = ({ openSource, reads, logger, onDrift, onLost }: Deps) =>
  (task: ClaimedTask, target: Target, signal: AbortSignal): Promise<Prepared> | null => {
    const { flow, source } = target
    let remote: Source
    try {
      remote = openSource(source)
      if (!remote.readsFirst?.(useOf(task, flow))) return null
    } catch {
      return null // a key that cannot be opened: the attempt says so
    }
    return prepare(remote, task, target, signal)

    async function prepare(remote: Source, task: ClaimedTask, target: Target, signal: AbortSignal): Promise<Prepared> {
      const { flow, source } = target
      const as = (more: Partial<Prepared>): Prepared => ({ target, notes: [], refusal: null, ...more })
      const ending = new AbortController()
      const inTime = sleep(Math.min(MOST_MS, task.timeout * 1000 * SHARE), 'late' as const, { signal: AbortSignal.any([signal, ending.signal]) })
      const reading = reads.read(remote, `${source.source_id}:${source.version}:${flow.changed_at.getTime()}`, { id: flow.remote_flow_id, flow_type: flow.flow_type })
      const found = await Promise.race([reading, inTime]).finally(() => {
        ending.abort()
        inTime.catch(() => undefined)
      })
      if (found === 'late') return as({ notes: ['The flow could not be read in time before this run: it was run as it was synced.'] })
      if (found instanceof Error) return as({ notes: [`The flow could not be read before this run, and was run as it was synced. ${found.message}`] })
      if (found === null) return as({ refusal: new SourceError('flow_not_found', 'refused', `The flow was not found at ${source.url} when it was read before the run: it was deleted, or this key may not see it.`) })
      if (found.data === null) return as({})
      try {
        const drift = remote.driftOf?.(useOf(task, flow), found)
        if (!drift) return as({})
        const { input_component: chosen_input, output_component: chosen_output, change } = drift
        const now = { ...target, flow: { ...flow, chosen_input, chosen_output, data: found.data } }
        if (change === null) return as({ target: now })
        onDrift({ task, target, remote, flow: found, chosen_input, chosen_output, change })
        return as({ target: now, notes: [change] })
      } catch (error) {
        if (!(error instanceof SourceError)) throw error
        logger.warn({ task_id: task.id, workflow_id: task.workflow_id }, 'a flow was changed at its server, and a run of it refused')
        onLost(task.workflow_id, error.message)
        return as({ refusal: error })
      }
    }
  }
export type Prepare = ReturnType<typeof makePrepare>

const useOf = (task: ClaimedTask, flow: FlowTarget) => ({
  input_value: task.input, tweaks: task.tweaks, input_component: flow.chosen_input, output_component: flow.chosen_output,
  data: flow.data as JsonValue, // out of a jsonb column
})
