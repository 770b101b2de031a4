import type { DomainError, RunRequest, Task } from '@automagik-spark/core'
import { isFinished, MANUAL_RETRIES, notFound } from '@automagik-spark/core'
import type { Db, NewRun, ScheduleRow, TaskRow } from '@automagik-spark/db'
import { makeBatcher } from './batcher.ts'
import { inDoubt, whereToLook } from './doubt.ts'
import type { Ids } from './ids.ts'
import { sourceInactive, toTask } from './tasks.ts'
import { isDatabaseAway } from './unavailable.ts'
import type { ValidateRun } from './validate-run.ts'
import type { Waiters } from './waiters.ts'

type Deps = {
  db: Db
  ids: Ids
  waiters: Waiters
  validateRun: ValidateRun
  /** As last seen. Without a worker a run is not waited for. */
  workersAlive: () => number
  /** Seconds. */
  default_timeout: number
}

/** How much longer than the run's own timeout a client may wait, in milliseconds. */
const PATIENCE_MS = 5_000

/** Manual runs: of a workflow, and of a schedule outside its plan. */
export const makeRuns = ({ db, ids, waiters, validateRun, workersAlive, default_timeout }: Deps) => {
  const insert = makeBatcher<NewRun, TaskRow | null>({
    max: 200,
    run: async (runs) => {
      const inserted = new Map((await db.tasks.insertRuns(runs)).map((row) => [row.id, row]))
      return runs.map((run) => inserted.get(run.id) ?? null)
    },
  })

  /** Why no task was inserted. */
  const refusal = async (workflow_id: string): Promise<DomainError> => {
    const workflow = await db.workflows.forRun(workflow_id)
    if (!workflow) return notFound('Workflow')
    return sourceInactive(workflow.source_url)
  }

  /** Inserts the task. A worker may run it before the caller reads the row that this returns. */
  const start = async (run: Omit<NewRun, 'id'>, id: string): Promise<Task> => {
    const row = await inDoubt(
      () => insert({ ...run, id }),
      () => db.tasks.find(id),
      whereToLook(`task ${id}`, `tasks/${id}`),
    )
    if (!row) throw await refusal(run.workflow_id)
    return toTask(row)
  }

  return {
    /**
     * Inserts a task and waits for its end, when `wait` is set. `finished` is false while the task is pending or running, and when the
     * database went away after the insert. `signal` ends the wait, never the run. `cut_short`: `wait_seconds` ended the wait.
     */
    async run(
      workflow_id: string,
      request: RunRequest,
      { wait, wait_seconds, signal }: { wait: boolean; wait_seconds?: number; signal?: AbortSignal },
    ): Promise<{ task: Task; finished: boolean; cut_short?: boolean }> {
      const options: Exclude<RunRequest, string> = typeof request === 'string' ? { input_value: request } : request // a JSON text alone is the input
      const timeout = options.timeout ?? default_timeout
      const run = {
        workflow_id,
        schedule_id: null,
        input: options.input_value ?? null,
        session_id: options.session_id ?? null,
        tweaks: options.tweaks ?? null,
        timeout,
        max_retries: options.max_retries ?? MANUAL_RETRIES,
        retry_on: options.retry_on ?? 'safe',
      }
      await validateRun(run)
      const id = ids.next()
      const awaited = wait && workersAlive() > 0
      const longestMs = timeout * 1000 + PATIENCE_MS
      const waitMs = Math.min(longestMs, (wait_seconds ?? Infinity) * 1000)
      const ended = awaited ? waiters.wait(id, waitMs) : null
      let task: Task
      try {
        task = await start(run, id)
        ended?.begun()
      } catch (error) {
        ended?.forget()
        throw error
      }
      if (!ended) return { task, finished: false }
      if (isFinished(task.status)) {
        ended.forget()
        return { task, finished: true }
      }
      signal?.addEventListener('abort', ended.forget, { once: true })
      const over = await ended.over
      signal?.removeEventListener('abort', ended.forget)
      if (over) return { task: toTask(over), finished: true }
      let now: TaskRow | null
      try {
        now = await db.tasks.find(id)
      } catch (error) {
        // The task is stored and will run: the caller must not send it again.
        if (isDatabaseAway(error)) return { task, finished: false }
        throw error
      }
      if (!now) throw notFound('Task') // it was deleted during the wait
      const finished = isFinished(now.status)
      return { task: toTask(now), finished, cut_short: !finished && waitMs < longestMs && !signal?.aborted }
    },

    /** Runs a schedule once, outside its plan. */
    async runSchedule(schedule: ScheduleRow): Promise<Task> {
      const run = {
        workflow_id: schedule.workflow_id,
        schedule_id: schedule.id,
        input: schedule.input_value,
        session_id: schedule.session_id,
        tweaks: schedule.tweaks,
        timeout: schedule.timeout ?? default_timeout,
        max_retries: schedule.max_retries,
        retry_on: schedule.retry_on,
      }
      return start(run, ids.next())
    },
  }
}
export type Runs = ReturnType<typeof makeRuns>
