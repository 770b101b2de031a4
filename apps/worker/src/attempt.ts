import type { Doubt, JsonValue } from '@automagik-spark/adapters'
import { nextRetryMs, SourceError } from '@automagik-spark/core'
import type { ClaimedTask, Settlement } from '@automagik-spark/db'
import { settlementOf, storableText } from '@automagik-spark/db'
import type { Logger, OpenSource } from '@automagik-spark/engine'
import { VaultError } from '@automagik-spark/engine'
import type { ConfirmNotFound } from './confirm-not-found.ts'
import { keepAnswer } from './keep-answer.ts'
import type { Target } from './targets.ts'

/** Why a call was aborted by us. */
export class Stopped extends Error {
  readonly why: 'cancelled' | 'gone'

  constructor(why: 'cancelled' | 'gone') {
    super(`the call was stopped: ${why}`)
    this.name = 'Stopped'
    this.why = why
  }
}

type Deps = {
  openSource: OpenSource
  confirmNotFound: ConfirmNotFound
  logger: Logger
  random: () => number
  /** Above it an answer is kept in short form. */
  maxOutputBytes: number
}

export type AttemptEnd = {
  /** Null: nothing is to be written, the task is gone. */
  settlement: Settlement | null
  /** For the task's log. */
  notes: string[]
  /** Whether the flow answers with text only when streamed, if that was learnt: remember it. */
  streams_only: boolean | null
  /** Nobody knows what became of the call, and its server can be asked. */
  lost: SourceError | null
  /** The flow may have been changed since it was synced. */
  doubt: Doubt | null
  /** Nothing was sent: `settlement` is what to write should it count as a failed try. */
  unsent: SourceError | null
}

/** How an attempt at a task can end. */
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
    /** Gone: nothing is to be written. */
    stopped: ({ why }: Stopped): AttemptEnd => ({
      ...end({ status: 'cancelled' }),
      ...(why === 'gone' && { settlement: null }),
    }),
  }
}

/** Calls the flow once and says how it ended. It never throws: whatever happens is an end of the attempt. */
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
    let canBeAsked = false
    try {
      const remote = openSource(source)
      canBeAsked = remote.recover !== undefined
      const answer = await remote.run({
        flow_id: flow.remote_flow_id,
        flow_type: flow.flow_type,
        input_value: task.input,
        // A session of its own for every task: without one, runs of a flow share one history.
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
          ...keepAnswer(answer.result, answer.answer, answer.bytes, maxOutputBytes),
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
          lost: known.failure === 'unknown' && canBeAsked ? known : null,
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
/** Whether the server was there. Not when it was we who refused to connect. */
const hasReached = ({ failure, error_code }: SourceError): boolean =>
  failure !== 'not_sent' &&
  !(failure === 'refused' && (error_code === 'address_refused' || error_code === 'source_unreachable'))
export type Attempt = ReturnType<typeof makeAttempt>
