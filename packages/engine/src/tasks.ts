import type { Page, PageQuery, ReplayTask, Task, TaskEvent, TaskQuery } from '@automagik-spark/core'
import { asJsonText, DomainError, isFinished, isObjectText, JsonSource, notFound } from '@automagik-spark/core'
import type { Db, TaskRow } from '@automagik-spark/db'
import { inDoubt, whereToLook } from './doubt.ts'
import type { Ids } from './ids.ts'
import { pageArgs, toPage } from './page.ts'
import { taskLog } from './task-log.ts'
import type { ValidateRun } from './validate-run.ts'
import type { Waiters } from './waiters.ts'

type Deps = { db: Db; ids: Ids; waiters: Waiters; validateRun: ValidateRun }

/** A response body that PostgreSQL made, from just the columns that the response schema lists. */
export type JsonBody = { readonly json_text: string }

/** How long a cancel waits for the running call to end, in milliseconds. */
const CANCEL_WAIT_MS = 2_000

/** Shows an object as it is, and any other input as `{"value": …}`. Both keep the source text that the flow gets. */
export const toTask = ({ input, output, ...row }: TaskRow): Task => ({
  ...row,
  input_data: new JsonSource(
    input !== null && isObjectText(input) ? input : asJsonText(`{"value":${input ?? 'null'}}`),
  ),
  output_data: output && new JsonSource(output),
})

export const sourceInactive = (url: string): DomainError =>
  new DomainError('invalid', `The source ${url} is inactive: make it active before you run its workflows`)

export const makeTasks = ({ db, ids, waiters, validateRun }: Deps) => {
  const found = async (id: string): Promise<TaskRow> => {
    const row = await db.tasks.find(id)
    if (!row) throw notFound('Task')
    return row
  }

  /** Why an existing task cannot run. */
  const inactive = async (id: string): Promise<DomainError> => {
    const { workflow_id } = await found(id)
    const workflow = await db.workflows.forRun(workflow_id)
    return workflow ? sourceInactive(workflow.source_url) : notFound('Task')
  }

  return {
    async list(query: TaskQuery): Promise<JsonBody> {
      const { items, ...rest } = toPage(
        await db.tasks.list({ ...query, ...pageArgs(query) }),
        query,
        (row) => row.json_text,
        (row) => row.id,
      )
      return { json_text: `{"items":[${items.join(',')}],${JSON.stringify(rest).slice(1)}` }
    },

    async get(id: string): Promise<JsonBody> {
      const row = await db.tasks.findJson(id)
      if (!row) throw notFound('Task')
      return row
    },

    async remove(id: string): Promise<Task> {
      const row = await db.tasks.remove(id)
      if (!row) throw notFound('Task')
      return toTask(row)
    },

    /** `done` is false while the running call was told to stop and has not ended yet. */
    async cancel(id: string): Promise<{ task: Task; done: boolean }> {
      const ended = waiters.wait(id, CANCEL_WAIT_MS)
      ended.begun()
      const was = await db.tasks.cancel(id)
      if (was === null || isFinished(was) || was === 'pending') ended.forget()
      if (was === null) throw notFound('Task')
      if (isFinished(was))
        throw new DomainError('invalid', `Task is ${was} already: only a pending or running one can be cancelled`)
      if (was === 'running') await ended.over
      const row = await found(id)
      return { task: toTask(row), done: isFinished(row.status) }
    },

    /** Tries the same task again, with a fresh `max_retries`. */
    async retry(id: string): Promise<Task> {
      const retried = await inDoubt(
        () => db.tasks.retry(id),
        null,
        whereToLook(`another try of task ${id}`, `tasks/${id}/logs`),
      )
      if (retried === null) throw notFound('Task')
      if (retried === 'inactive') throw await inactive(id)
      if (!retried.row)
        throw new DomainError('invalid', `Task is ${retried.was}: only a failed or cancelled one can be tried again`)
      return toTask(retried.row)
    },

    /** Makes a new task with the options of this one, and with its input unless another is given. */
    async replay(id: string, { input_value }: ReplayTask): Promise<Task> {
      if (input_value !== undefined) {
        const was = await db.tasks.forReplay(id)
        if (!was) throw notFound('Task')
        await validateRun({ ...was, input: input_value }, { stored: true })
      }
      const made = ids.next()
      const row = await inDoubt(
        () => db.tasks.replay(id, { id: made, input: input_value === undefined ? null : { value: input_value } }),
        () => db.tasks.find(made),
        whereToLook(`task ${made}`, `tasks/${made}`),
      )
      if (!row) throw await inactive(id)
      return toTask(row)
    },

    async logs(id: string, query: PageQuery): Promise<Page<TaskEvent>> {
      const row = await found(id)
      const events = taskLog(row, await db.tasks.events(id))
      const { limit, offset, after } = pageArgs(query, (text) => /^\d{1,6}$/.test(text))
      const from = after === null ? offset : Number(after)
      const rows = events.slice(from, from + limit)
      return toPage(
        { rows, total: events.length, has_more: from + limit < events.length },
        query,
        (event) => event,
        () => String(from + limit),
      )
    },
  }
}
