import { DomainError, notFound } from '@automagik-spark/core'
import type { RunRequest, Task } from '@automagik-spark/core'
import type { Db, NewRun } from '@automagik-spark/db'
import { makeBatcher } from './batcher.ts'
import type { Ids } from './ids.ts'
import { toTask } from './tasks.ts'
import type { Waiters } from './waiters.ts'

type Deps = {
  db: Db
  ids: Ids
  waiters: Waiters
  /** As last seen: without a worker nobody waits. */
  workersAlive: () => number
  /** Seconds. */
  default_timeout: number
}

/** How long a waiting client is kept beyond the run's own timeout, in milliseconds. */
const PATIENCE_MS = 5_000

/** Runs that somebody asks for. */
export const makeRuns = ({ db, ids, waiters, workersAlive, default_timeout }: Deps) => {
  const insert = makeBatcher<NewRun, boolean>({
    max: 200,
    run: async (runs) => {
      const inserted = await db.tasks.insertRuns(runs)
      return runs.map((run) => inserted.has(run.id))
    },
  })

  /** Why a run could not be inserted. */
  const refusal = async (workflow_id: string): Promise<DomainError> => {
    const workflow = await db.workflows.forRun(workflow_id)
    if (!workflow) return notFound('Workflow')
    return new DomainError('invalid', `The source ${workflow.source_url} is inactive: make it active before you run its workflows`)
  }

  const start = async (run: Omit<NewRun, 'id'>, id: string): Promise<void> => {
    if (!(await insert({ ...run, id }))) throw await refusal(run.workflow_id)
  }
  const pending = async (id: string): Promise<Task> => {
    const row = await db.tasks.find(id)
    if (!row) throw notFound('Task')
    return toTask(row)
  }

  return {
    /** `finished` false: the task was accepted, and is pending or running. `signal` ends the waiting, never the run. */
    async run(workflow_id: string, request: RunRequest, { wait, signal }: { wait: boolean; signal?: AbortSignal }): Promise<{ task: Task; finished: boolean }> {
      const options = typeof request === 'string' ? { input_value: request } : request
      const timeout = options.timeout ?? default_timeout
      const run = { workflow_id, schedule_id: null, input: options.input_value, session_id: options.session_id ?? null, tweaks: options.tweaks ?? null, timeout }
      const id = ids.next()
      const awaited = wait && workersAlive() > 0
      const ended = awaited ? waiters.wait(id, timeout * 1000 + PATIENCE_MS) : null
      try {
        await start(run, id)
      } catch (error) {
        ended?.forget()
        throw error
      }
      if (ended) signal?.addEventListener('abort', ended.forget, { once: true })
      const row = await ended?.over
      if (ended) signal?.removeEventListener('abort', ended.forget)
      return row ? { task: toTask(row), finished: true } : { task: await pending(id), finished: false }
    },

    /** One run of a schedule, outside its plan. */
    async runSchedule(schedule: { id: string; workflow_id: string; input_value: unknown; session_id: string | null; tweaks: Record<string, unknown> | null; timeout: number | null }): Promise<Task> {
      const id = ids.next()
      await start(
        {
          workflow_id: schedule.workflow_id, schedule_id: schedule.id, input: schedule.input_value, session_id: schedule.session_id,
          tweaks: schedule.tweaks, timeout: schedule.timeout ?? default_timeout,
        },
        id,
      )
      return pending(id)
    },
  }
}
export type Runs = ReturnType<typeof makeRuns>
