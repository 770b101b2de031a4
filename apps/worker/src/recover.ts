import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonValue, LostCall, Recovery } from '@automagik-spark/adapters'
import { nextRetryMs, SourceError } from '@automagik-spark/core'
import type { ClaimedTask } from '@automagik-spark/db'
import type { Logger, OpenSource } from '@automagik-spark/engine'
import type { AttemptEnd } from './attempt.ts'
import { makeEnds, Stopped } from './attempt.ts'
import { keepAnswer } from './keep-answer.ts'
import type { Target } from './targets.ts'

type Deps = { openSource: OpenSource; logger: Logger; random: () => number; maxOutputBytes: number }

const FIRST_WAIT_MS = 500
const LAST_WAIT_MS = 15_000
/** How often a call may get lost on its way before its task ends, also where nothing else is tried again: it never ran. */
const LOST_ON_THE_WAY = 3

/**
 * Asks the server what became of a call, until it knows or the time of the run is up; once in any case. What nobody can tell is left to
 * `retry_on`. It never throws, and an end of it is never "it was not sent".
 */
export const makeAsk =
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
      for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
        signal.throwIfAborted()
        const found: Recovery = (await remote.recover?.(call).catch((error: unknown): Recovery => {
          if (!(error instanceof SourceError)) throw error
          return { state: 'running' } // it cannot be asked right now
        })) ?? { state: 'unknown' }
        if (found.state === 'completed') {
          return end(
            {
              status: 'completed',
              reached: true,
              ...keepAnswer(found.result, found.answer, found.bytes, maxOutputBytes),
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
          return {
            ...failed(
              error,
              nextRetryMs({ ...task, max_retries: Math.max(task.max_retries, LOST_ON_THE_WAY) }, error, random()),
            ),
          }
        }
        const leftMs = untilMs - performance.now()
        if (leftMs <= 0)
          return unknown(
            'The server was asked, and by the timeout of the run it had not said that it was over. Look there before you run it again.',
          )
        await sleep(Math.min(waitMs, leftMs), undefined, { signal }).catch(() => signal.throwIfAborted())
      }
    } catch (error) {
      if (error instanceof Stopped) return stopped(error)
      logger.error({ task_id: task.id, err: error }, 'the server could not be asked what became of a call')
      return unknown('The server could not be asked; the log of the worker says why.')
    }
  }
export type Ask = ReturnType<typeof makeAsk>
