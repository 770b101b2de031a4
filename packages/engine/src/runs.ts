import type { DomainError, RunRequest, Task } from '@automagik-spark/core'
import { isFinished, MANUAL_RETRIES, notFound } from '@automagik-spark/core'
import type { Db, NewRun, ScheduleRow, TaskRow } from '@automagik-spark/db'
import { makeBatcher } from './batcher.ts'
import { inDoubt, lookAt } from './doubt.ts'
import type { Ids } from './ids.ts'
import { sourceInactive, toTask } from './tasks.ts'
import { isDatabaseAway } from './unavailable.ts'
import type { RunCheck } from './validate-run.ts'
import type { Waiters } from './waiters.ts'

type Deps = {
  db: Db
  ids: Ids
  waiters: Waiters
  check: RunCheck
  /** As last seen: without a worker nobody waits. */
  workersAlive: () => number
  /** Seconds. */
  default_timeout: number
}

/** How long a waiting client is kept beyond the run's own timeout, in milliseconds. */
const PATIENCE_MS = 5_000

/** Runs that somebody asks for. */
export const makeRuns = ({ db, ids, waiters, check, workersAlive, default_timeout }: Deps) => {
  const insert = makeBatcher<NewRun, TaskRow | null>({
    max: 200,
    run: async (runs) => {
      const inserted = new Map((await db.tasks.insertRuns(runs)).map((row) => [row.id, row]))
      return runs.map((run) => inserted.get(run.id) ?? null)
    },
  })

  /** Why a run could not be inserted. */
  const refusal = async (workflow_id: string): Promise<DomainError> => {
    const workflow = await db.workflows.forRun(workflow_id)
    if (!workflow) return notFound('Workflow')
    return sourceInactive(workflow.source_url)
  }

  /** The task as it was accepted, or turned away; it may be running by the time that its caller reads it. */
  const start = async (run: Omit<NewRun, 'id'>, id: string): Promise<Task> => {
    const row = await inDoubt(
      () => insert({ ...run, id }),
      () => db.tasks.find(id),
      lookAt(`task ${id}`, `tasks/${id}`),
    )
    if (!row) throw await refusal(run.workflow_id)
    return toTask(row)
  }

  return {
    /**
     * `finished` false: the task was accepted, and is pending or running; also when the database went away since. `signal` ends the waiting, never the run; `wait_seconds`
     * limits it, and `cut_short` says that it did.
     */
    async run(
      workflow_id: string,
      request: RunRequest,
      { wait, wait_seconds, signal }: { wait: boolean; wait_seconds?: number; signal?: AbortSignal },
    ): Promise<{ task: Task; finished: boolean; cut_short?: boolean }> {
      const options: Exclude<RunRequest, string> = typeof request === 'string' ? { input_value: request } : request // JSON text alone is the input
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
      await check(run)
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
        // It is stored and will run: whoever asked must not ask again.
        if (isDatabaseAway(error)) return { task, finished: false }
        throw error
      }
      if (!now) throw notFound('Task') // it was deleted while it was waited for
      const finished = isFinished(now.status)
      return { task: toTask(now), finished, cut_short: !finished && waitMs < longestMs && !signal?.aborted }
    },

    /** One run of a schedule, outside its plan. */
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
