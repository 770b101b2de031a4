import type { Doubt, JsonValue } from '@automagik-spark/adapters'
import { nextRetryMs, SourceError } from '@automagik-spark/core'
import type { ClaimedTask, Settlement } from '@automagik-spark/db'
import { settlementOf, storableText } from '@automagik-spark/db'
import type { Logger, OpenSource } from '@automagik-spark/engine'
import { VaultError } from '@automagik-spark/engine'
import type { ConfirmNotFound } from './confirm-not-found.ts'
import { Stopped } from './in-hand.ts'
import { keepAnswer } from './keep-answer.ts'
import type { Target } from './targets.ts'

type Deps = {
  openSource: OpenSource
  confirmNotFound: ConfirmNotFound
  logger: Logger
  random: () => number
  /** Above it an answer is cut. */
  maxOutputBytes: number
}

export type AttemptEnd = {
  /** Null: nothing is to be written. */
  settlement: Settlement | null
  /** For the task's log. */
  notes: string[]
  /** Whether the flow answers with text only when streamed, if the call showed it. */
  streams_only: boolean | null
  /** The outcome of the call is unknown, and can be recovered from its server. */
  lost: SourceError | null
  /** The flow may have been changed since it was synced. */
  doubt: Doubt | null
  /** Nothing was sent. `settlement` is for the case that it counts as a failed try. */
  unsent: SourceError | null
}

/** The ways in which an attempt can end. */
export const makeEnds = (task: ClaimedTask, random: () => number) => {
  const end = (part: Partial<Settlement> & Pick<Settlement, 'status'>, more: Partial<AttemptEnd> = {}): AttemptEnd => ({
    settlement: settlementOf(task, part),
    notes: [],
    streams_only: null,
    lost: null,
    doubt: null,
    unsent: null,
    ...more,
  })
  return {
    end,
    failed: (error: SourceError, retry_in_ms = nextRetryMs(task, error, random())): AttemptEnd =>
      end({
        status: 'failed',
        error: storableText(error.message),
        error_code: error.error_code,
        retry_in_ms,
        reached: hasReached(error),
      }),
    stopped: ({ why }: Stopped): AttemptEnd => ({
      ...end({ status: 'cancelled' }),
      ...(why === 'gone' && { settlement: null }),
    }),
  }
}

/** Calls the flow once. It never throws: whatever happens is an end of the attempt. */
export const makeAttempt =
  ({ openSource, confirmNotFound, logger, random, maxOutputBytes }: Deps) =>
  async (
    task: ClaimedTask,
    target: Target,
    signal: AbortSignal,
    timeoutMs = task.timeout * 1000,
  ): Promise<AttemptEnd> => {
    const { flow, source } = target
    const { end, failed, stopped } = makeEnds(task, random)
    let isRecoverable = false
    try {
      const remote = openSource(source)
      isRecoverable = remote.recover !== undefined
      const answer = await remote.run({
        flow_id: flow.remote_flow_id,
        flow_type: flow.flow_type,
        input_value: task.input,
        // Every task has its own session: without one, the runs of a flow share one history.
        session_id: task.session_id ?? task.id,
        tweaks: task.tweaks,
        input_component: flow.chosen_input,
        output_component: flow.chosen_output,
        data: flow.data as JsonValue, // out of a jsonb column
        streams_only: flow.streams_only,
        timeoutMs,
        signal,
      })
      return end(
        {
          status: 'completed',
          reached: true,
          ...keepAnswer(answer, maxOutputBytes),
        },
        { notes: answer.notes, streams_only: answer.streams_only ?? null, doubt: answer.doubt ?? null },
      )
    } catch (error) {
      if (error instanceof Stopped) return stopped(error)
      if (error instanceof VaultError)
        return end({ status: 'failed', error: error.message, error_code: 'key_undecryptable' })
      if (error instanceof SourceError) {
        const known = error.error_code === 'flow_not_found' ? await confirmNotFound(error, target) : error
        return {
          ...failed(known),
          lost: known.failure === 'unknown' && isRecoverable ? known : null,
          unsent: known.failure === 'not_sent' ? known : null,
        }
      }
      logger.error({ task_id: task.id, err: error }, 'attempt threw')
      return end({
        status: 'failed',
        error: 'Internal error in Spark; the log of the worker says more.',
        error_code: 'internal',
      })
    }
  }

/** Whether the call reached its server. It did not when Spark itself refused to connect. */
const hasReached = ({ failure, error_code }: SourceError): boolean =>
  failure !== 'not_sent' &&
  !(failure === 'refused' && (error_code === 'address_refused' || error_code === 'source_unreachable'))
export type Attempt = ReturnType<typeof makeAttempt>
