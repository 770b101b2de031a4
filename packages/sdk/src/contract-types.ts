// Made from the contract by `npm run types` in packages/sdk; change packages/core/src/contract instead.
// A test fails while this file and the contract differ.

export type Backfill = {
  dry_run: boolean
  /** how many due times start */
  count: number
  /** oldest first */
  due_times: Array<{
    /** ISO 8601, UTC */
    scheduled_for: string
    /** null in a dry run */
    task_id: string | null
    /** the decision in the ledger before; null: none */
    was: 'started' | 'skipped' | 'missed' | 'superseded' | null
    reason: 'overlap' | 'misfire' | 'source_down' | 'paused' | 'ended' | 'edited' | 'backfill' | null
  }>
  /** due times of the span that are not started, since they started before */
  already_started: number
  /** due times of the span that are not started, since the schedule itself has still to decide them */
  undecided: {
    /** ISO 8601, UTC */
    scheduled_for: string
    until: string | null
    count: number
    count_at_least: boolean
  } | null
}

export type BackfillSchedule = {
  /** the first second of the span */
  from: string
  /** the end of the span, exclusive */
  to: string
  /** only list what would start */
  dry_run?: boolean | undefined
}

export type CreateSchedule = {
  workflow_id: string
  schedule_type: ScheduleType
  /** cron: `0 8 * * *`; interval: `15m`; one-time: an ISO 8601 time, or `now` */
  schedule_expr: string
  name?: string | null | undefined
  /** IANA name */
  timezone?: string | undefined
  /** the input of every run; null for none */
  input_value?: unknown
  session_id?: string | null | undefined
  tweaks?: Record<string, unknown> | null | undefined
  /** what happens when an earlier run is not finished: `skip` it, `queue_all` or `queue_one` behind it, `cancel_previous`, or `allow` both; `queue_one` skips due times while one waits */
  overlap?: Overlap | undefined
  /** what happens to due times that are more than 60 s late: the `last` one runs, `skip` all, or run `all` (the newest 100; with overlap `queue_all` or `allow`) */
  misfire?: Misfire | undefined
  /** for how many seconds a late due time may still run; null for the default: a day, for one-time schedules seven days */
  catchup_window?: number | null | undefined
  /** starts each due time up to this many seconds later; the same due time always has the same delay */
  jitter?: number | undefined
  /** no due time before it (inclusive) */
  start_at?: string | null | undefined
  /** no due time at or after it */
  end_at?: string | null | undefined
  max_runs?: number | null | undefined
  /** pauses the schedule when this many of its runs in a row have failed after all retries; null for never */
  pause_after_failures?: number | null | undefined
  /** how many tries may follow the first */
  max_retries?: number | undefined
  /** `safe`: only what certainly never ran; `failure`: also a flow that failed; `unknown`: also a call whose outcome cannot be known */
  retry_on?: RetryOn | undefined
  timeout?: number | null | undefined
}

export type CreateSource = {
  name?: string | null | undefined
  /** left out: detected */
  source_type?: SourceType | undefined
  url: string
  api_key?: string | null | undefined
  max_concurrency?: number | undefined
}

export type DisableSchedule = {
  reason?: string | null | undefined
}

export type FlowType = 'flow' | 'agent' | 'team' | 'workflow'

export type Health = {
  status: 'healthy' | 'degraded'
  /** Why it is degraded, a sentence each; empty when it is healthy */
  reasons: string[]
  /** ISO 8601, UTC */
  timestamp: string
  services: {
    api: {
      status: 'healthy' | 'stopping'
      version: string
    }
    worker: {
      status: 'healthy' | 'down'
      active_workers: number
    }
    database: {
      status: 'healthy' | 'down'
    }
    scheduler: {
      status: 'healthy' | 'down'
      backend: 'mongodb' | 'postgres'
    }
  }
}

export type Misfire = 'last' | 'skip' | 'all'

export type Occurrence = {
  /** ISO 8601, UTC */
  scheduled_for: string
  /** the last due time of a span, inclusive; null for a single due time */
  until: string | null
  /** ISO 8601, UTC */
  decided_at: string
  decision: 'started' | 'skipped' | 'missed' | 'superseded'
  reason: 'overlap' | 'misfire' | 'source_down' | 'paused' | 'ended' | 'edited' | 'backfill' | null
  /** due times in this row */
  count: number
  /** `count` is a lower bound */
  count_at_least: boolean
  task_id: string | null
}

export type OccurrencePage = {
  items: Occurrence[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type Overlap = 'skip' | 'queue_all' | 'queue_one' | 'cancel_previous' | 'allow'

export type Ready = {
  status: 'ready' | 'not ready'
  reason: string | null
}

export type RemoteFlow = {
  id: string
  name: string
  description: string
  flow_type: FlowType
  origin: {
    /** the source's name, else its host */
    instance: string
    source_url: string
  }
  components: Array<{
    id: string
    name: string
    description: string
  }>
  is_component?: boolean | undefined
  folder_id?: string | null | undefined
  folder_name?: string | null | undefined
  icon?: string | null | undefined
  icon_bg_color?: string | null | undefined
  liked?: boolean | undefined
  tags?: string[] | undefined
  /** the graph; with simplified=false */
  data?: unknown
}

export type ReplaceSchedule = {
  workflow_id?: string | undefined
  schedule_type?: ScheduleType | undefined
  /** cron: `0 8 * * *`; interval: `15m`; one-time: an ISO 8601 time, or `now` */
  schedule_expr?: string | undefined
  name?: string | null | undefined
  /** IANA name */
  timezone?: string | undefined
  /** the input of every run; null for none */
  input_value?: unknown
  session_id?: string | null | undefined
  tweaks?: Record<string, unknown> | null | undefined
  /** what happens when an earlier run is not finished: `skip` it, `queue_all` or `queue_one` behind it, `cancel_previous`, or `allow` both; `queue_one` skips due times while one waits */
  overlap?: Overlap | undefined
  /** what happens to due times that are more than 60 s late: the `last` one runs, `skip` all, or run `all` (the newest 100; with overlap `queue_all` or `allow`) */
  misfire?: Misfire | undefined
  /** for how many seconds a late due time may still run; null for the default: a day, for one-time schedules seven days */
  catchup_window?: number | null | undefined
  /** starts each due time up to this many seconds later; the same due time always has the same delay */
  jitter?: number | undefined
  /** no due time before it (inclusive) */
  start_at?: string | null | undefined
  /** no due time at or after it */
  end_at?: string | null | undefined
  max_runs?: number | null | undefined
  /** pauses the schedule when this many of its runs in a row have failed after all retries; null for never */
  pause_after_failures?: number | null | undefined
  /** how many tries may follow the first */
  max_retries?: number | undefined
  /** `safe`: only what certainly never ran; `failure`: also a flow that failed; `unknown`: also a call whose outcome cannot be known */
  retry_on?: RetryOn | undefined
  timeout?: number | null | undefined
}

export type ReplayTask = {
  /** another input, or null for none; left out: the same input */
  input_value?: unknown
}

export type RetryOn = 'safe' | 'failure' | 'unknown'

export type RunRequest = string | {
  /** the input: a string as it is, anything else as JSON text; null or left out: none, and the flow uses its own values */
  input_value?: unknown
  session_id?: string | null | undefined
  tweaks?: Record<string, unknown> | null | undefined
  /** how many tries may follow the first; left out: 0 */
  max_retries?: number | null | undefined
  /** `safe`: only what certainly never ran; `failure`: also a flow that failed; `unknown`: also a call whose outcome cannot be known; left out: `safe` */
  retry_on?: RetryOn | null | undefined
  timeout?: number | null | undefined
}

export type Schedule = {
  id: string
  workflow_id: string
  name: string | null
  schedule_type: ScheduleType
  schedule_expr: string
  timezone: string
  input_value: unknown
  session_id: string | null
  tweaks: Record<string, unknown> | null
  status: ScheduleStatus
  paused_reason: string | null
  /** when the next due time starts, after its jitter */
  next_run_at: string | null
  /** the next due time */
  next_due_at: string | null
  last_run_at: string | null
  last_success_at: string | null
  consecutive_failures: number
  run_count: number
  overlap: Overlap
  misfire: Misfire
  /** seconds */
  catchup_window: number
  /** seconds */
  jitter: number
  start_at: string | null
  end_at: string | null
  max_runs: number | null
  pause_after_failures: number | null
  max_retries: number
  retry_on: RetryOn
  timeout: number | null
  /** the schedule in words */
  description: string
  /** what may surprise you about it, each a sentence */
  warnings: string[]
  /** ISO 8601, UTC */
  created_at: string
  /** ISO 8601, UTC */
  updated_at: string
}

export type SchedulePage = {
  items: Schedule[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type SchedulePreview = {
  /** the schedule in words */
  description: string
  /** what may surprise you about it, each a sentence */
  warnings: string[]
  next_runs: Array<{
    /** ISO 8601, UTC */
    at: string
    /** on the clock of the time zone, with its offset */
    local: string
  }>
}

export type ScheduleStatus = 'active' | 'paused' | 'stopped' | 'completed'

export type ScheduleType = 'cron' | 'interval' | 'one-time'

export type SchedulesListQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
  workflow_id?: string | undefined
  status?: ScheduleStatus | undefined
}

export type SchedulesOccurrencesQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
}

export type SchedulesPreviewQuery = {
  schedule_type: ScheduleType
  /** cron: `0 8 * * *`; interval: `15m`; one-time: an ISO 8601 time, or `now` */
  schedule_expr: string
  /** IANA name */
  timezone?: string | undefined
  count?: number | undefined
  /** no due time before it; left out: now */
  from?: string | undefined
}

export type ServiceInfo = {
  status: 'online'
  service: 'Spark API'
  message: string
  version: string
  /** ISO 8601, UTC */
  server_time: string
  docs_url: string
  redoc_url: string
  openapi_url: string
}

export type Source = {
  id: string
  name: string | null
  source_type: SourceType
  url: string
  /** the user's switch: an inactive source runs nothing */
  status: 'active' | 'inactive'
  /** what Spark saw last: at a call, a health check or a validation */
  health: 'up' | 'down' | 'unknown'
  health_reason: string | null
  checked_at: string | null
  /** calls at once, over all workers */
  max_concurrency: number
  version_info: Record<string, unknown> | null
  /** ISO 8601, UTC */
  created_at: string
  /** ISO 8601, UTC */
  updated_at: string
}

export type SourceDeleted = {
  message: string
}

export type SourcePage = {
  items: Source[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type SourceType = 'langflow' | 'automagik-agents' | 'automagik-hive'

export type SourcesListQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
  status?: 'active' | 'inactive' | undefined
}

export type SyncedFlows = {
  synced: Workflow[]
  failed: Array<{
    flow_id: string
    detail: string
  }>
}

export type Task = {
  id: string
  workflow_id: string
  schedule_id: string | null
  status: TaskStatus
  trigger: 'manual' | 'schedule' | 'backfill' | 'replay'
  /** the nominal due time */
  scheduled_for: string | null
  /** a plain input is shown as `{"value": …}`, an object as it is */
  input_data: unknown
  /** `result`: the text a person wants; `answer`: the server's whole answer */
  output_data: unknown
  /** why it failed; while it waits for a retry, why the last try failed */
  error: string | null
  error_code:
    | 'source_unreachable'
    | 'source_busy'
    | 'key_refused'
    | 'flow_not_found'
    | 'flow_failed'
    | 'bad_request'
    | 'timeout'
    | 'outcome_unknown'
    | 'output_too_large'
    | 'no_output'
    | 'bad_answer'
    | 'address_refused'
    | 'worker_lost'
    | 'key_undecryptable'
    | 'internal'
    | null
  /** attempts so far */
  tries: number
  max_retries: number
  retry_on: RetryOn
  /** seconds */
  timeout: number
  /** set while it waits for a retry */
  next_retry_at: string | null
  cancel_requested_at: string | null
  /** start of the latest attempt; null before the first one and while it waits for a retry */
  started_at: string | null
  finished_at: string | null
  replay_of: string | null
  /** ISO 8601, UTC */
  created_at: string
  /** ISO 8601, UTC */
  updated_at: string
}

export type TaskEvent = {
  /** ISO 8601, UTC */
  at: string
  type:
    | 'created'
    | 'attempt_started'
    | 'attempt_failed'
    | 'handed_back'
    | 'cancel_requested'
    | 'completed'
    | 'failed'
    | 'cancelled'
    | 'retry_requested'
    | 'taken_over'
    | 'late_answer'
    | 'note'
  message: string
  try: number
}

export type TaskEventPage = {
  items: TaskEvent[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type TaskPage = {
  items: Task[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type TaskStatus = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled'

export type TasksListQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
  workflow_id?: string | undefined
  schedule_id?: string | undefined
  status?: TaskStatus | undefined
  trigger?: 'manual' | 'schedule' | 'backfill' | 'replay' | undefined
  /** ISO 8601 with Z or an offset */
  created_after?: string | undefined
  /** ISO 8601 with Z or an offset */
  created_before?: string | undefined
}

export type TasksLogsQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
}

export type UpdateSchedule = {
  workflow_id?: string | undefined
  schedule_type?: ScheduleType | undefined
  /** cron: `0 8 * * *`; interval: `15m`; one-time: an ISO 8601 time, or `now` */
  schedule_expr?: string | undefined
  name?: string | null | undefined
  /** IANA name */
  timezone?: string | undefined
  /** the input of every run; null for none */
  input_value?: unknown
  session_id?: string | null | undefined
  tweaks?: Record<string, unknown> | null | undefined
  /** what happens when an earlier run is not finished: `skip` it, `queue_all` or `queue_one` behind it, `cancel_previous`, or `allow` both; `queue_one` skips due times while one waits */
  overlap?: Overlap | undefined
  /** what happens to due times that are more than 60 s late: the `last` one runs, `skip` all, or run `all` (the newest 100; with overlap `queue_all` or `allow`) */
  misfire?: Misfire | undefined
  /** for how many seconds a late due time may still run; null for the default: a day, for one-time schedules seven days */
  catchup_window?: number | null | undefined
  /** starts each due time up to this many seconds later; the same due time always has the same delay */
  jitter?: number | undefined
  /** no due time before it (inclusive) */
  start_at?: string | null | undefined
  /** no due time at or after it */
  end_at?: string | null | undefined
  max_runs?: number | null | undefined
  /** pauses the schedule when this many of its runs in a row have failed after all retries; null for never */
  pause_after_failures?: number | null | undefined
  /** how many tries may follow the first */
  max_retries?: number | undefined
  /** `safe`: only what certainly never ran; `failure`: also a flow that failed; `unknown`: also a call whose outcome cannot be known */
  retry_on?: RetryOn | undefined
  timeout?: number | null | undefined
  status?: 'active' | 'paused' | 'stopped' | undefined
}

export type UpdateSource = {
  name?: string | null | undefined
  source_type?: SourceType | undefined
  url?: string | undefined
  api_key?: string | null | undefined
  status?: 'active' | 'inactive' | undefined
  max_concurrency?: number | undefined
}

export type Worker = {
  id: string
  hostname: string
  pid: number
  /** stale: no heartbeat for 30 s */
  status: 'active' | 'draining' | 'stale' | 'stopped'
  current_tasks: number
  concurrency: number
  version: string
  /** What it cannot do in PostgreSQL, and why */
  trouble: string | null
  /** ISO 8601, UTC */
  started_at: string
  /** ISO 8601, UTC */
  last_heartbeat: string
}

export type WorkerPage = {
  items: Worker[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type WorkersListQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
}

export type Workflow = {
  id: string
  name: string
  description: string
  /** the source's url */
  source: string
  source_id: string
  remote_flow_id: string
  flow_type: FlowType
  /** grows when the remote graph changed */
  flow_version: number
  input_component: string | null
  output_component: string | null
  is_component: boolean
  folder_id: string | null
  folder_name: string | null
  icon: string | null
  icon_bg_color: string | null
  liked: boolean
  tags: string[]
  /** what a run of this flow would lose or not have */
  warnings: string[]
  /** ISO 8601, UTC */
  created_at: string
  /** ISO 8601, UTC */
  updated_at: string
  /** `NEW`, or the last task's status in capitals */
  latest_run: string
  task_count: number
  failed_task_count: number
  /** the flow's graph as the server gave it */
  data: unknown
}

export type WorkflowDeleted = {
  success: true
}

export type WorkflowItem = {
  id: string
  name: string
  description: string
  /** the source's url */
  source: string
  source_id: string
  remote_flow_id: string
  flow_type: FlowType
  /** grows when the remote graph changed */
  flow_version: number
  input_component: string | null
  output_component: string | null
  is_component: boolean
  folder_id: string | null
  folder_name: string | null
  icon: string | null
  icon_bg_color: string | null
  liked: boolean
  tags: string[]
  /** what a run of this flow would lose or not have */
  warnings: string[]
  /** ISO 8601, UTC */
  created_at: string
  /** ISO 8601, UTC */
  updated_at: string
  /** `NEW`, or the last task's status in capitals */
  latest_run: string
  task_count: number
  failed_task_count: number
}

export type WorkflowPage = {
  items: WorkflowItem[]
  total: number
  limit: number
  offset: number
  has_more: boolean
  next_cursor: string | null
}

export type WorkflowsListQuery = {
  limit?: number | undefined
  offset?: number | undefined
  /** opaque, from `next_cursor` of the answer before; deep pages stay fast */
  cursor?: string | undefined
  /** a source's id or URL */
  source?: string | undefined
  /** part of the name or description */
  search?: string | undefined
}

export type WorkflowsRemoteGetQuery = {
  /** a source's URL or host */
  source_url?: string | undefined
}

export type WorkflowsRemoteListQuery = {
  /** a source's URL or host */
  source_url?: string | undefined
  simplified?: boolean | undefined
}

export type WorkflowsRunQuery = {
  wait?: boolean | undefined
}

export type WorkflowsSyncQuery = {
  /** a source's URL or host */
  source_url?: string | undefined
  /** the component that gets the input; left out: the component that was named before, if the flow still has it, otherwise found in the flow; empty: found in the flow */
  input_component?: string | undefined
  /** the component that gives the answer; left out: the component that was named before, if the flow still has it, otherwise found in the flow; empty: found in the flow */
  output_component?: string | undefined
}
