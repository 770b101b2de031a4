import { z } from 'zod'
import { TASK_ERROR_CODES } from '../task/error-code.ts'
import { MAX_RETRIES, RETRY_LEVELS } from '../task/retry.ts'
import { TASK_STATUSES } from '../task/status.ts'
import { GivenTime, Id, IdParams, Json, oneOf, page, pageOf, Timestamp, Uuid } from './common.ts'
import { endpoint, location } from './endpoint.ts'

export const TaskStatus = z.enum(TASK_STATUSES, `must be one of ${TASK_STATUSES.join(', ')}`).meta({ id: 'TaskStatus' })
export type TaskStatus = z.output<typeof TaskStatus>
const TRIGGERS = ['manual', 'schedule', 'backfill', 'replay'] as const
export const Trigger = z.enum(TRIGGERS, `must be one of ${TRIGGERS.join(', ')}`)
export type Trigger = z.output<typeof Trigger>
export const RetryOn = oneOf(RETRY_LEVELS).meta({ id: 'RetryOn' })
export type RetryOn = z.output<typeof RetryOn>

const retries = `must be a whole number from 0 to ${MAX_RETRIES}`
/** Options of retries, shared by runs and schedules. */
export const retryOptions = {
  max_retries: z.int(retries).min(0, retries).max(MAX_RETRIES, retries).describe('how many tries may follow the first'),
  retry_on: RetryOn.describe(
    '`safe`: only what certainly never ran; `failure`: also a flow that failed; `unknown`: also a call whose outcome cannot be known',
  ),
}

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
    error: z.string().nullable().describe('why it failed; while it waits for a retry, why the last try failed'),
    error_code: z.enum(TASK_ERROR_CODES).nullable(),
    tries: z.int().describe('attempts so far'),
    max_retries: z.int(),
    retry_on: RetryOn,
    timeout: z.int().describe('seconds'),
    next_retry_at: Timestamp.nullable().describe('set while it waits for a retry'),
    cancel_requested_at: Timestamp.nullable(),
    started_at: Timestamp.nullable().describe(
      'start of the latest attempt; null before the first one and while it waits for a retry',
    ),
    finished_at: Timestamp.nullable(),
    replay_of: Uuid.nullable(),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .meta({ id: 'Task' })
export type Task = z.output<typeof Task>

export const TASK_EVENTS = [
  'created',
  'attempt_started',
  'attempt_failed',
  'handed_back',
  'cancel_requested',
  'completed',
  'failed',
  'cancelled',
  'retry_requested',
  'taken_over',
  'late_answer',
  'note',
] as const
export const TaskEvent = z
  .object({ at: Timestamp, type: z.enum(TASK_EVENTS), message: z.string(), try: z.int() })
  .meta({ id: 'TaskEvent' })
export type TaskEvent = z.output<typeof TaskEvent>

const common = { tag: 'Tasks' } as const

export const listTasks = endpoint({
  ...common,
  id: 'tasks_list',
  method: 'get',
  path: '/tasks',
  summary: 'List the runs, newest first',
  description: 'In a list an answer over 8 KiB is cut; `GET /tasks/{id}` shows all of it.',
  query: z.strictObject({
    ...page,
    workflow_id: Id.optional(),
    schedule_id: Id.optional(),
    status: TaskStatus.optional(),
    trigger: Trigger.optional(),
    created_after: GivenTime.optional(),
    created_before: GivenTime.optional(),
  }),
  status: 200,
  response: pageOf(Task, 'TaskPage'),
})
export type TaskQuery = z.output<typeof listTasks.query>
export const getTask = endpoint({
  ...common,
  id: 'tasks_get',
  method: 'get',
  path: '/tasks/{id}',
  summary: 'Get a run',
  params: IdParams,
  status: 200,
  response: Task,
})
export const deleteTask = endpoint({
  ...common,
  id: 'tasks_delete',
  method: 'delete',
  path: '/tasks/{id}',
  summary: 'Delete a run',
  description: 'Answers with the task as it was. A running task is asked to stop. Its row in the ledger stays.',
  params: IdParams,
  status: 200,
  response: Task,
})
export const cancelTask = endpoint({
  ...common,
  id: 'tasks_cancel',
  method: 'post',
  path: '/tasks/{id}/cancel',
  summary: 'Cancel a run',
  description:
    'A pending task is cancelled at once. A running one is asked to stop: 200 when it stopped within 2 s, otherwise 202. 400 when it is finished.',
  params: IdParams,
  emptyBody: true,
  status: 200,
  alsoStatus: [202],
  response: Task,
})
export const retryTask = endpoint({
  ...common,
  id: 'tasks_retry',
  method: 'post',
  path: '/tasks/{id}/retry',
  summary: 'Retry a failed or cancelled run',
  description:
    'The same task becomes pending again with a fresh `max_retries`; `tries` goes on. After `outcome_unknown` the flow may run twice, and the log says so. 400 when it is neither failed nor cancelled.',
  params: IdParams,
  emptyBody: true,
  status: 202,
  response: Task,
})
export const ReplayTask = z
  .strictObject({ input_value: Json.nullish().describe('another input, or null for none; left out: the same input') })
  .meta({ id: 'ReplayTask', examples: [{}, { input_value: 'Hello again' }] })
export type ReplayTask = z.output<typeof ReplayTask>
export const replayTask = endpoint({
  ...common,
  id: 'tasks_replay',
  method: 'post',
  path: '/tasks/{id}/replay',
  summary: 'Run a task again as a new task',
  description:
    'Makes a new task with the input and options of this one, whatever its status; `replay_of` is the id of this one.',
  params: IdParams,
  emptyBody: true,
  body: ReplayTask,
  status: 202,
  response: Task,
  answerHeaders: location,
})
export const listTaskLogs = endpoint({
  ...common,
  id: 'tasks_logs',
  method: 'get',
  path: '/tasks/{id}/logs',
  summary: 'List what happened to a run, oldest first',
  params: IdParams,
  query: z.strictObject({ ...page }),
  status: 200,
  response: pageOf(TaskEvent, 'TaskEventPage'),
})
