import { setTimeout as sleep } from 'node:timers/promises'
import type { Doubt, JsonValue, RemoteFlow, Source } from '@automagik-spark/adapters'
import { makeBoundedMap, SourceError } from '@automagik-spark/core'
import type { ClaimedTask, FlowTarget } from '@automagik-spark/db'
import type { FlowReads, Logger, OpenSource } from '@automagik-spark/engine'
import type { FlowFindings } from './flow-findings.ts'
import type { Target } from './targets.ts'

/** The target of a run as it is now, or why the run is not sent. */
export type Prepared = { target: Target; notes: string[]; refusal: SourceError | null }

type Deps = {
  openSource: OpenSource
  reads: FlowReads
  flowFindings: Pick<FlowFindings, 'drifted' | 'lostComponent'>
  logger: Logger
}

const STREAMS =
  'The flow was changed at its server since it was synced: a component of it only streams its text, which was lost in this run. Its next runs are streamed.'

/** The part of a run's timeout that reading its flow may take, and the most in any case. */
const READ_SHARE = 0.5
const READ_MS = 10_000

const MOST_HARMLESS = 1_000

type Found = { remote: Source; found: RemoteFlow | Error | null | 'late' }

/**
 * Reads a flow before or after a run of it, to see whether its copy is out of date. No run fails because the flow could not be read: the copy
 * is used, and the task's log says so.
 */
export const makePrepare = ({ openSource, reads, flowFindings, logger }: Deps) => {
  const read = async (
    remote: Source,
    {
      task,
      target: { flow, source },
      signal,
      when,
    }: { task: ClaimedTask; target: Target; signal: AbortSignal; when: string },
  ): Promise<Found['found']> => {
    const ending = new AbortController()
    const inTime = sleep(Math.min(READ_MS, task.timeout * 1000 * READ_SHARE), 'late' as const, {
      signal: AbortSignal.any([signal, ending.signal]),
    })
    const reading = reads.read(remote, `${when}:${source.source_id}:${source.version}:${flow.changed_at.getTime()}`, {
      id: flow.remote_flow_id,
      flow_type: flow.flow_type,
    })
    return Promise.race([reading, inTime]).finally(() => {
      ending.abort()
      inTime.catch(() => undefined)
    })
  }

  /** The target as the flow is now, and what changed. Throws a SourceError when the input would be lost. */
  const follow = (
    remote: Source,
    task: ClaimedTask,
    target: Target,
    found: RemoteFlow,
    more: string | null = null,
  ): { target: Target; change: string | null } => {
    const drift = found.data === null ? undefined : remote.driftOf?.(useOf(task, target.flow), found)
    if (!drift) return { target, change: null }
    const { input_component: chosen_input, output_component: chosen_output } = drift
    const change = [drift.change, more].filter((said) => said !== null).join(' ') || null
    if (change !== null)
      flowFindings.drifted({ task, target, remote, flow: found, chosen_input, chosen_output, change })
    return { target: { ...target, flow: { ...target.flow, chosen_input, chosen_output, data: found.data } }, change }
  }

  /** Components that made an answer, are not in the copy, and change nothing for its runs: the flow is not read for them again. */
  const harmless = makeBoundedMap<string, true>(MOST_HARMLESS)

  const prepare = async (remote: Source, task: ClaimedTask, target: Target, signal: AbortSignal): Promise<Prepared> => {
    const as = (more: Partial<Prepared>): Prepared => ({ target, notes: [], refusal: null, ...more })
    const found = await read(remote, { task, target, signal, when: 'before' })
    if (found === 'late')
      return as({ notes: ['The flow could not be read in time before this run: it was run as it was synced.'] })
    if (found instanceof Error)
      return as({
        notes: [`The flow could not be read before this run, and was run as it was synced. ${found.message}`],
      })
    if (found === null)
      return as({
        refusal: new SourceError(
          'flow_not_found',
          'refused',
          `The flow was not found at ${target.source.url} when it was read before the run: it was deleted, or this key may not see it.`,
        ),
      })
    try {
      const { target: now, change } = follow(remote, task, target, found)
      return as({ target: now, notes: change === null ? [] : [change] })
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      logger.warn(
        { task_id: task.id, workflow_id: task.workflow_id },
        'a flow was changed at its server, and a run of it refused',
      )
      flowFindings.lostComponent(task.workflow_id, error.message)
      return as({ refusal: error })
    }
  }

  return {
    /**
     * Before a run that names a component: an edit may have replaced it, and the server would drop the input without an error. Null: the flow
     * need not be read.
     */
    before(task: ClaimedTask, target: Target, signal: AbortSignal): Promise<Prepared> | null {
      try {
        const remote = openSource(target.source)
        return remote.readsFirst?.(useOf(task, target.flow)) ? prepare(remote, task, target, signal) : null
      } catch {
        return null // the key cannot be decrypted: the attempt reports it
      }
    },

    /**
     * After a run whose answer came from another component than the copy names, from one that the copy does not have, or is an empty text.
     * `lost`: the flow ran without the input, or another part of it ran.
     */
    async after(
      task: ClaimedTask,
      target: Target,
      signal: AbortSignal,
      { from, is_elsewhere, is_empty, strangers }: Doubt,
    ): Promise<{ notes: string[]; lost: SourceError | null }> {
      const nothing = { notes: [], lost: null }
      try {
        const met = strangers.map((id) => `${task.workflow_id}:${target.flow.changed_at.getTime()}:${id}`)
        const isStrange = is_elsewhere || met.some((stranger) => !harmless.has(stranger))
        if (!isStrange && !is_empty) return nothing
        const remote = openSource(target.source)
        const found = await read(remote, { task, target, signal, when: 'after' })
        if (found === 'late' || found instanceof Error || found === null || found.data === null) return nothing
        const use = useOf(task, target.flow)
        const streams = is_empty && remote.hasBegunToStream?.(use, found) ? STREAMS : null
        if (!isStrange && streams === null) return nothing
        const why = remote.lostIn?.(use, found, from) ?? null
        try {
          const { change } = follow(remote, task, target, found, streams)
          // A flow that was read before they were added to it does not show whether they are harmless.
          if (why === null && change === null && remote.strangersIn?.(found, strangers).length === 0)
            for (const stranger of met) harmless.set(stranger, true)
          if (why === null) return { notes: change === null ? [] : [change], lost: null }
        } catch (error) {
          if (!(error instanceof SourceError)) throw error
          flowFindings.lostComponent(task.workflow_id, error.message)
        }
        return { notes: [], lost: why === null ? null : new SourceError('bad_answer', 'bad_answer', why) }
      } catch (error) {
        // The run has its answer, and no failure here may lose it.
        if (!signal.aborted) logger.warn({ task_id: task.id, err: error }, 'a flow could not be read after its run')
        return nothing
      }
    },
  }
}
export type Prepare = ReturnType<typeof makePrepare>

const useOf = (task: ClaimedTask, flow: FlowTarget) => ({
  input_value: task.input,
  tweaks: task.tweaks,
  input_component: flow.chosen_input,
  output_component: flow.chosen_output,
  data: flow.data as JsonValue, // out of a jsonb column
})
