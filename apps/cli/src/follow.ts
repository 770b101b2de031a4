import { prettyJson } from '@automagik-spark/core'
import { isFinished, resultText, type Task, TimeoutError } from '@automagik-spark/sdk'
import { fieldText } from './answer-json.ts'
import type { CommandContext, JsonOption } from './command-context.ts'
import { CliError, EXIT, sentence } from './errors.ts'
import { makeProgress } from './progress.ts'

/** A run that is pending for longer may have no worker, so we check. */
const CHECK_WORKERS_AFTER_MS = 2_000

type FollowOptions = {
  /** Seconds; default: no limit. */
  timeoutS?: number | undefined
  /** What to do when no worker is running: wait anyway, or fail. */
  withoutWorker: 'wait' | 'fail'
}

/** Waits until a task is finished and shows its progress. Ctrl-C ends the wait, not the task. */
export const follow = async (
  { io, out, spark }: CommandContext,
  id: string,
  { timeoutS, withoutWorker }: FollowOptions,
): Promise<Task> => {
  const progress = makeProgress(io)
  const startedAt = performance.now()
  const noWorker = new AbortController()
  const interrupted = io.interrupted()
  let workersChecked = false

  const checkWorkers = async (): Promise<void> => {
    const { services } = await spark().service.health({ signal: interrupted })
    if (services.worker.active_workers > 0) return
    const why = `No worker is running, so task ${id} stays pending. Start one with \`automagik-spark worker start\``
    if (withoutWorker === 'fail') noWorker.abort(new CliError(`${why}, then: automagik-spark tasks wait ${id}`))
    else out.note(`${why}.`)
  }

  try {
    return await spark().tasks.wait(id, {
      signal: AbortSignal.any([interrupted, noWorker.signal]),
      timeout: timeoutS === undefined ? undefined : timeoutS * 1000,
      onPoll: (task) => {
        const elapsedMs = performance.now() - startedAt
        if (!isFinished(task))
          progress.update(
            task.next_retry_at ? `Task ${id} waits for its next try` : `Task ${id} is ${task.status}`,
            `${Math.round(elapsedMs / 1000)} s`,
          )
        if (workersChecked || task.status !== 'pending' || task.tries > 0 || elapsedMs < CHECK_WORKERS_AFTER_MS) return
        workersChecked = true
        checkWorkers().catch(() => {}) // the wait reports what is wrong with the API
      },
    })
  } catch (error) {
    if (interrupted.aborted)
      throw new CliError(`Task ${id} continues. Stop it: automagik-spark tasks cancel ${id}`, {
        exitCode: EXIT.interrupted,
        cause: error,
      })
    if (error instanceof TimeoutError && timeoutS !== undefined)
      throw new CliError(`${error.detail}.`, { cause: error })
    throw error
  } finally {
    progress.clear()
  }
}

/** Prints the answer of a finished task, and throws when the task did not complete. */
export const showResult = ({ out }: CommandContext, task: Task, { json }: JsonOption): void => {
  if (json) out.json(task)
  else if (task.status === 'completed') out.text(resultText(task) ?? prettyJson(fieldText(task, 'output_data')))
  if (task.status !== 'completed')
    throw new CliError(
      `Task ${task.id} ${task.status}: ${sentence(task.error ?? 'no reason is known')} See: automagik-spark tasks logs ${task.id}`,
    )
}
