import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonValue, LostCall, Recovery } from '@automagik-spark/adapters'
import { makeBackoff, nextRetryMs, SourceError } from '@automagik-spark/core'
import type { ClaimedTask } from '@automagik-spark/db'
import type { Logger, OpenSource } from '@automagik-spark/engine'
import type { AttemptEnd } from './attempt.ts'
import { makeEnds } from './attempt.ts'
import { Stopped } from './in-hand.ts'
import { keepAnswer } from './keep-answer.ts'
import type { Target } from './targets.ts'

type Deps = { openSource: OpenSource; logger: Logger; random: () => number; maxOutputBytes: number }

/** Between two questions to the server. */
const WAITS = { firstMs: 500, lastMs: 15_000 }
/** Retries of a call that never arrived, also of a task that has fewer: no flow ran. */
const NEVER_ARRIVED_RETRIES = 3

/**
 * Recovers the outcome of a lost call: asks the server for it until it knows or the time of the run is up; once in any case. When the outcome
 * stays unknown, `retry_on` decides. It never throws, and never reports the call as not sent.
 */
export const makeRecover =
  ({ openSource, logger, random, maxOutputBytes }: Deps) =>
  async (
    task: ClaimedTask,
    { flow, source }: Target,
    signal: AbortSignal,
    { lost, untilMs }: { lost: SourceError; untilMs: number },
  ): Promise<AttemptEnd> => {
    const { end, failed, stopped } = makeEnds(task, random)
    const unknown = (why: string) => failed(new SourceError('outcome_unknown', 'unknown', `${lost.message} ${why}`))
    const call: LostCall = {
      flow_id: flow.remote_flow_id,
      flow_type: flow.flow_type,
      input_value: task.input,
      data: flow.data as JsonValue, // out of a jsonb column
      session_id: task.session_id ?? task.id,
      own_session: task.session_id === null,
      tries: task.tries,
      signal,
    }
    try {
      const remote = openSource(source)
      const backoff = makeBackoff(WAITS)
      for (;;) {
        signal.throwIfAborted()
        const found: Recovery = (await remote.recover?.(call).catch((error: unknown): Recovery => {
          if (!(error instanceof SourceError)) throw error
          return { state: 'running' } // the server cannot be asked right now
        })) ?? { state: 'unknown' }
        if (found.state === 'completed') {
          return end(
            {
              status: 'completed',
              reached: true,
              ...keepAnswer(found, maxOutputBytes),
            },
            { notes: ['the server was asked what became of the call', ...found.notes] },
          )
        }
        if (found.state === 'failed') return failed(found.error)
        if (found.state === 'unknown')
          return unknown('The server cannot say what became of it. Look there before you run it again.')
        if (found.state === 'never_arrived') {
          const error = new SourceError(
            'source_unreachable',
            'not_sent',
            `${lost.message} The server says that the call never arrived.`,
          )
          const policy = { ...task, max_retries: Math.max(task.max_retries, NEVER_ARRIVED_RETRIES) }
          return failed(error, nextRetryMs(policy, error, random()))
        }
        const leftMs = untilMs - performance.now()
        if (leftMs <= 0)
          return unknown(
            'The server was asked, and by the timeout of the run it had not said that it was over. Look there before you run it again.',
          )
        await sleep(Math.min(backoff.next(), leftMs), undefined, { signal }).catch(() => signal.throwIfAborted())
      }
    } catch (error) {
      if (error instanceof Stopped) return stopped(error)
      logger.error({ task_id: task.id, err: error }, 'the outcome of a lost call could not be recovered')
      return unknown('The server could not be asked; the log of the worker says why.')
    }
  }
export type Recover = ReturnType<typeof makeRecover>
