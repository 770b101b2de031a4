import { z } from 'zod'
import { TASK_ERROR_CODES } from '../task/error-code.ts'
import { TASK_STATUSES } from '../task/status.ts'
import { GivenTime, Id, IdParams, page, pageOf, Timestamp, Uuid } from './common.ts'
import { endpoint } from './endpoint.ts'

export const TaskStatus = z.enum(TASK_STATUSES, `must be one of ${TASK_STATUSES.join(', ')}`).meta({ id: 'TaskStatus' })
export type TaskStatus = z.output<typeof TaskStatus>
export const TRIGGERS = ['manual', 'schedule'] as const
export const Trigger = z.enum(TRIGGERS, `must be one of ${TRIGGERS.join(', ')}`)
export type Trigger = z.output<typeof Trigger>

export const Task = z
  .object({
    id: Uuid,
    workflow_id: Uuid,
    schedule_id: Uuid.nullable(),
    status: TaskStatus,
    trigger: Trigger,
    scheduled_for: Timestamp.nullable().describe('the nominal due time'),
    input_data: z.unknown().describe('a plain input is shown as `{"value": …}`, an object as it is'),
    output_data: z.unknown().describe("`result`: the text a person wants; `answer`: the server's whole answer"),
    error: z.string().nullable(),
    error_code: z.enum(TASK_ERROR_CODES).nullable(),
    tries: z.int(),
    max_retries: z.int(),
    retry_on: z.enum(['safe', 'failure', 'unknown']),
    timeout: z.int().describe('seconds'),
    next_retry_at: Timestamp.nullable(),
    cancel_requested_at: Timestamp.nullable(),
    started_at: Timestamp.nullable(),
    finished_at: Timestamp.nullable(),
    replay_of: Uuid.nullable(),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .meta({ id: 'Task' })
export type Task = z.output<typeof Task>

export const TASK_EVENTS = ['created', 'attempt_started', 'attempt_failed', 'handed_back', 'cancel_requested', 'completed', 'failed', 'cancelled', 'taken_over', 'late_answer', 'note'] as const
export const TaskEvent = z
  .object({ at: Timestamp, type: z.enum(TASK_EVENTS), message: z.string(), try: z.int() })
  .meta({ id: 'TaskEvent' })
export type TaskEvent = z.output<typeof TaskEvent>

const common = { tag: 'Tasks' } as const

export const listTasks = endpoint({
  ...common, id: 'tasks_list', method: 'get', path: '/tasks', summary: 'List the runs, newest first',
  description: 'An answer over 8 KiB is shown cut in lists; `GET /tasks/{id}` has all of it.',
  query: z.strictObject({
    ...page,
    workflow_id: Id.optional(),
    schedule_id: Id.optional(),
    status: TaskStatus.optional(),
    trigger: Trigger.optional(),
    created_after: GivenTime.optional(),
    created_before: GivenTime.optional(),
  }),
  status: 200, response: pageOf(Task, 'TaskPage'),
})
export type TaskQuery = z.output<typeof listTasks.query>
export const getTask = endpoint({ ...common, id: 'tasks_get', method: 'get', path: '/tasks/{id}', summary: 'Get a run', params: IdParams, status: 200, response: Task })
export const deleteTask = endpoint({
  ...common, id: 'tasks_delete', method: 'delete', path: '/tasks/{id}', summary: 'Delete a run',
  description: 'Answers with the task as it was; a running one is asked to stop. Its row of the ledger stays.', params: IdParams, status: 200, response: Task,
})
export const cancelTask = endpoint({
  ...common, id: 'tasks_cancel', method: 'post', path: '/tasks/{id}/cancel', summary: 'Cancel a run',
  description: 'A pending one at once. A running one is asked to stop: 200 when that happened within 2 s, else 202. 400 when it is finished.',
  params: IdParams, emptyBody: true, status: 200, alsoStatus: [202], response: Task,
})
export const listTaskLogs = endpoint({
  ...common, id: 'tasks_logs', method: 'get', path: '/tasks/{id}/logs', summary: 'What happened to a run, oldest first',
  params: IdParams, query: z.strictObject({ ...page }), status: 200, response: pageOf(TaskEvent, 'TaskEventPage'),
})
