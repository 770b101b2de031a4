import type { ReplayTask, Task, TaskEvent, TasksListQuery, TasksLogsQuery } from '../contract-types.ts'
import { ConnectionError, ServerError, TimeoutError } from '../errors.ts'
import { makeList } from '../page.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'
import { sleep } from '../sleep.ts'

export type WaitOptions = RequestOptions & {
  /** Milliseconds between the first two looks (default 250); the pause grows to 2 s, or stays here when this is longer. */
  pollMs?: number | undefined
  /** Sees the task after each look. */
  onPoll?: ((task: Task) => void) | undefined
}

const LONGEST_PAUSE_MS = 2_000
/** A restart of the API is not the end of a wait. */
const OUTAGE_MS = 60_000

export const isFinished = ({ status }: Pick<Task, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled'

/** The text that a person wants from a finished task; null when there is none. */
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
    let heardAt = startedAt
    let pauseMs = pollMs
    let seen = 'not seen yet'
    for (;;) {
      try {
        const task = await get(id, { signal, timeout: Math.max(1, Math.min(OUTAGE_MS, leftMs())) })
        onPoll?.(task)
        if (isFinished(task)) return task
        heardAt = performance.now()
        seen = task.status
      } catch (error) {
        const passing =
          error instanceof ConnectionError || error instanceof ServerError || error instanceof TimeoutError
        if (!passing || (leftMs() > 0 && performance.now() - heardAt > OUTAGE_MS)) throw error
      }
      if (leftMs() <= 0)
        throw new TimeoutError(`Task ${id} is not finished after ${timeout / 1000} s (${seen}); it goes on`)
      await sleep(Math.max(0, Math.min(pauseMs, leftMs())), signal)
      pauseMs = Math.max(pollMs, Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5))
    }
  }

  return {
    list: (query?: TasksListQuery, options?: RequestOptions) => makeList<Task>(send, ['tasks'], query, options),
    get,
    /** Answers with the task as it was; a running one is asked to stop. */
    delete: (id: string, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'delete', path: ['tasks', id], ...options })),
    /** A pending task is cancelled at once, a running one is asked to stop: see the answer's `status`. */
    cancel: (id: string, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'post', path: ['tasks', id, 'cancel'], ...options })),
    /** A failed or cancelled task goes back to pending, with a fresh `max_retries`; `tries` goes on. After `outcome_unknown` the flow may run twice. */
    retry: (id: string, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'post', path: ['tasks', id, 'retry'], ...options })),
    /** A new task with the options of this one, and its input unless `input_value` is given. */
    replay: (id: string, changes: ReplayTask = {}, options?: RequestOptions) =>
      dataOf(send<Task>({ method: 'post', path: ['tasks', id, 'replay'], body: changes, ...options })),
    /** What happened to a task, oldest first. */
    logs: (id: string, query?: TasksLogsQuery, options?: RequestOptions) =>
      makeList<TaskEvent>(send, ['tasks', id, 'logs'], query, options),
    /** Looks until the task is finished. Rejects with a TimeoutError after `timeout` milliseconds (default: no limit); the task goes on. */
    wait,
  }
}
