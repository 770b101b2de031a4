import { z } from 'zod'
import { MANUAL_RETRIES } from '../task/retry.ts'
import { Flag, IdParams, Json, JsonObject, JsonString, page, pageOf, Text, Timestamp, Uuid } from './common.ts'
import { endpoint, location } from './endpoint.ts'
import { retryOptions, Task } from './tasks.ts'

const FLOW_TYPES = ['flow', 'agent', 'team', 'workflow'] as const
export const FlowType = z.enum(FLOW_TYPES).meta({ id: 'FlowType' })
export type FlowType = z.output<typeof FlowType>

const fields = {
  id: Uuid,
  name: z.string(),
  description: z.string(),
  source: z.string().describe("the source's url"),
  source_id: Uuid,
  remote_flow_id: z.string(),
  flow_type: FlowType,
  flow_version: z.int().describe('grows when the remote graph changed'),
  input_component: z.string().nullable(),
  output_component: z.string().nullable(),
  is_component: z.boolean(),
  folder_id: z.string().nullable(),
  folder_name: z.string().nullable(),
  icon: z.string().nullable(),
  icon_bg_color: z.string().nullable(),
  liked: z.boolean(),
  tags: z.array(z.string()),
  warnings: z.array(z.string()).describe('what a run of this flow would lose or not have'),
  created_at: Timestamp,
  updated_at: Timestamp,
}
const listFields = {
  latest_run: z.string().describe("`NEW`, or the last task's status in capitals"),
  task_count: z.int(),
  failed_task_count: z.int(),
}

export const WorkflowItem = z.object({ ...fields, ...listFields }).meta({ id: 'WorkflowItem' })
export type WorkflowItem = z.output<typeof WorkflowItem>
export const Workflow = z
  .object({ ...fields, ...listFields, data: z.unknown().describe("the flow's graph as the server gave it") })
  .meta({ id: 'Workflow' })
export type Workflow = z.output<typeof Workflow>

export const RemoteFlowItem = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    flow_type: FlowType,
    origin: z.object({ instance: z.string().describe("the source's name, else its host"), source_url: z.string() }),
    components: z.array(z.object({ id: z.string(), name: z.string(), description: z.string() })),
    is_component: z.boolean().optional(),
    folder_id: z.string().nullable().optional(),
    folder_name: z.string().nullable().optional(),
    icon: z.string().nullable().optional(),
    icon_bg_color: z.string().nullable().optional(),
    liked: z.boolean().optional(),
    tags: z.array(z.string()).optional(),
    data: z.unknown().optional().describe('the graph; with simplified=false'),
  })
  .meta({ id: 'RemoteFlow' })
export type RemoteFlowItem = z.output<typeof RemoteFlowItem>

const inputValue = Json.nullable().describe(
  'the input: a string as it is, anything else as JSON text; null or left out: none, and the flow uses its own values',
)
const sessionId = Text.min(1, 'must not be empty').max(500, 'must have at most 500 characters')
/** Seconds that one call of a flow may take. */
export const MAX_TIMEOUT = 3600
const timeoutRange = `must be 1 to ${MAX_TIMEOUT} seconds`
/** Options of one run, shared with schedules. */
export const runOptions = {
  session_id: sessionId.describe('the conversation at the flow server; left out: a new one for each task'),
  tweaks: JsonObject.describe("changes to the flow's components, passed on to its server"),
  ...retryOptions,
  timeout: z
    .int('must be a whole number of seconds')
    .min(1, timeoutRange)
    .max(MAX_TIMEOUT, timeoutRange)
    .describe('seconds; left out: SPARK_HTTP_TIMEOUT'),
}

export const RunRequest = z
  .union(
    [
      JsonString.describe('the input, as a JSON string'),
      z.strictObject({
        input_value: inputValue.optional(),
        session_id: runOptions.session_id.nullish(),
        tweaks: runOptions.tweaks.nullish(),
        max_retries: runOptions.max_retries
          .nullish()
          .describe(`${runOptions.max_retries.description}; left out: ${MANUAL_RETRIES}`),
        retry_on: runOptions.retry_on.nullish().describe(`${runOptions.retry_on.description}; left out: \`safe\``),
        timeout: runOptions.timeout.nullish(),
      }),
    ],
    'must be a JSON string, the input, or an object with input_value',
  )
  .meta({
    id: 'RunRequest',
    examples: ['Hello', { input_value: 'Hello', session_id: 'customer-17', max_retries: 2, retry_on: 'failure' }],
  })
export type RunRequest = z.output<typeof RunRequest>

const SyncAll = z
  .object({ synced: z.array(Workflow), failed: z.array(z.object({ flow_id: z.string(), detail: z.string() })) })
  .meta({ id: 'SyncedFlows' })
export type SyncAll = z.output<typeof SyncAll>

const FlowParams = z.object({ flow_id: Text.min(1).max(500) })
const sourceUrl = Text.max(2000).optional().describe("a source's URL or host")
const common = { tag: 'Workflows' } as const

export const listWorkflows = endpoint({
  ...common,
  id: 'workflows_list',
  method: 'get',
  path: '/workflows',
  summary: 'List the synced workflows, newest first',
  query: z.strictObject({
    ...page,
    source: Text.max(2000).optional().describe("a source's id or URL"),
    search: Text.max(200).optional().describe('part of the name or description'),
  }),
  status: 200,
  response: pageOf(WorkflowItem, 'WorkflowPage'),
})
export const listRemoteFlows = endpoint({
  ...common,
  id: 'workflows_remote_list',
  method: 'get',
  path: '/workflows/remote',
  summary: 'List the flows of the connected servers',
  description:
    'A source that cannot be reached is named in the X-Spark-Unreachable header and does not fail the others.',
  query: z.strictObject({ source_url: sourceUrl, simplified: Flag.default(true) }),
  queryNames: true,
  status: 200,
  response: z.array(RemoteFlowItem),
  answerHeaders: { 'X-Spark-Unreachable': 'URLs of the sources that could not be reached, separated by commas' },
})
export const getRemoteFlow = endpoint({
  ...common,
  id: 'workflows_remote_get',
  method: 'get',
  path: '/workflows/remote/{flow_id}',
  summary: 'Get one whole flow from its server',
  params: FlowParams,
  query: z.strictObject({ source_url: sourceUrl }),
  status: 200,
  response: RemoteFlowItem,
})
const chosen = (what: string) =>
  Text.max(500)
    .optional()
    .describe(
      `${what}; left out: the component that was named before, if the flow still has it, otherwise found in the flow; empty: found in the flow`,
    )

export const syncWorkflow = endpoint({
  ...common,
  id: 'workflows_sync',
  method: 'post',
  path: '/workflows/sync/{flow_id}',
  summary: 'Copy a flow to Spark, or refresh the copy',
  description:
    '201 when it was created, 200 when it was updated. `*` with `source_url` copies every flow of that source and answers 200 with `synced` and `failed`.',
  params: FlowParams,
  query: z.strictObject({
    source_url: sourceUrl,
    input_component: chosen('the component that gets the input'),
    output_component: chosen('the component that gives the answer'),
  }),
  emptyBody: true,
  status: 201,
  alsoStatus: [200],
  response: z.union([Workflow, SyncAll]),
  answerHeaders: location,
})
export const getWorkflow = endpoint({
  ...common,
  id: 'workflows_get',
  method: 'get',
  path: '/workflows/{id}',
  summary: 'Get a workflow with its graph',
  params: IdParams,
  status: 200,
  response: Workflow,
})
export const deleteWorkflow = endpoint({
  ...common,
  id: 'workflows_delete',
  method: 'delete',
  path: '/workflows/{id}',
  summary: 'Delete a workflow with its schedules and tasks',
  params: IdParams,
  status: 200,
  response: z.object({ success: z.literal(true) }).meta({ id: 'WorkflowDeleted' }),
})
export const runWorkflow = endpoint({
  ...common,
  id: 'workflows_run',
  method: 'post',
  path: '/workflows/{id}/run',
  summary: 'Run a workflow now',
  description:
    'Waits for the end and answers with the finished task. `?wait=false` or `Prefer: respond-async` answers 202 with the pending task at once. A run also answers 202 when no worker takes it, or when it is not finished 5 s after its timeout.',
  params: IdParams,
  query: z.strictObject({ wait: Flag.default(true) }),
  body: RunRequest,
  stringBody: true,
  emptyBody: true,
  status: 200,
  alsoStatus: [202],
  response: Task,
  requestHeaders: { Prefer: '`respond-async` is the same as `wait=false`' },
  answerHeaders: { ...location, 'Preference-Applied': '`respond-async`, when the request asked for it' },
})
