import type { ReplayTask, Task, TaskEvent, TasksListQuery, TasksLogsQuery } from '../contract-types.ts'
import { ConnectionError, ServerError, TimeoutError } from '../errors.ts'
import { makeList } from '../page.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'
import { sleep } from '../sleep.ts'

export type WaitOptions = RequestOptions & {
  /** Milliseconds between the first two polls, default 250. The pause then grows to 2 s; a longer `pollMs` stays as it is. */
  pollMs?: number | undefined
  /** Called with the task after each poll. */
  onPoll?: ((task: Task) => void) | undefined
}

const MAX_PAUSE_MS = 2_000
/** How long the API may be unreachable before a wait fails, so that a wait survives a restart of the API. */
const MAX_OUTAGE_MS = 60_000

/** Whether the task is completed, failed or cancelled. */
export const isFinished = ({ status }: Pick<Task, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled'

/** The text of the answer: `result` of `output_data`; null when there is none. */
export const resultText = ({ output_data }: Pick<Task, 'output_data'>): string | null =>
  typeof output_data === 'object' &&
  output_data !== null &&
  'result' in output_data &&
  typeof output_data.result === 'string'
    ? output_data.result
    : null

export const makeTasks = (send: Send) => {
  const get = (id: string, options?: RequestOptions) =>
    dataOf(send<Task>({ method: 'get', path: ['tasks', id], ...options }))

  const wait = async (
    id: string,
    { signal, timeout = Number.POSITIVE_INFINITY, pollMs = 250, onPoll }: WaitOptions = {},
  ): Promise<Task> => {
    const startedAt = performance.now()
    const leftMs = () => timeout - (performance.now() - startedAt)
    let lastAnswerAt = startedAt
    let pauseMs = pollMs
    let lastStatus = 'no answer yet'
    for (;;) {
      try {
        const task = await get(id, { signal, timeout: Math.max(1, Math.min(MAX_OUTAGE_MS, leftMs())) })
        onPoll?.(task)
        if (isFinished(task)) return task
        lastAnswerAt = performance.now()
        lastStatus = task.status
      } catch (error) {
        const isTemporary =
          error instanceof ConnectionError || error instanceof ServerError || error instanceof TimeoutError
        if (!isTemporary || (leftMs() > 0 && performance.now() - lastAnswerAt > MAX_OUTAGE_MS)) throw error
      }
      if (leftMs() <= 0)
        throw new TimeoutError(`Task ${id} is not finished after ${timeout / 1000} s (${lastStatus}); it continues`)
      await sleep(Math.max(0, Math.min(pauseMs, leftMs())), signal)
      pauseMs = Math.max(pollMs, Math.min(MAX_PAUSE_MS, pauseMs * 1.5))
    }
  }

  return {
    /** The tasks, newest first. A long answer is cut in lists; `get` has all of it. */
    list: (query?: TasksListQuery, options?: RequestOptions) => makeList<Task>(send, ['tasks'], query, options),
    /** One task with its whole answer. */
    get,
    /** Deletes a task and answers with it as it was. A running task is asked to stop. */
    delete: (id: string, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'delete', path: ['tasks', id], ...options })),
    /** Cancels a pending task at once and asks a running one to stop. Check `status` of the answer: a task that is still stopping is `running`. */
    cancel: (id: string, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'post', path: ['tasks', id, 'cancel'], ...options })),
    /**
     * Sets a failed or cancelled task back to pending. `max_retries` counts anew, `tries` continues. After the error code
     * `outcome_unknown` the flow may run twice.
     */
    retry: (id: string, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'post', path: ['tasks', id, 'retry'], ...options })),
    /** Starts a new task with the same options, and with the same input unless `input_value` is given. */
    replay: (id: string, changes: ReplayTask = {}, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'post', path: ['tasks', id, 'replay'], body: changes, ...options })),
    /** The events of a task, oldest first. */
    logs: (id: string, query?: TasksLogsQuery, options?: RequestOptions) =>
      makeList<TaskEvent>(send, ['tasks', id, 'logs'], query, options),
    /**
     * Polls until the task is finished, also when it failed. Rejects with a `TimeoutError` after `timeout` milliseconds (default: no
     * limit); the task continues.
     *
     * @example
     * const task = await spark.tasks.wait(id, { timeout: 60_000 })
     */
    wait,
  }
}
