import type {
  FlowType,
  JsonText,
  Misfire,
  Occurrence,
  Overlap,
  RetryOn,
  ScheduleStatus,
  ScheduleType,
  SourceType,
  TaskErrorCode,
  TaskStatus,
  Trigger,
} from '@automagik-spark/core'

// Rows as PostgreSQL returns them: snake_case columns, timestamptz as Date, jsonb parsed. JSON of users and flows is text, as it was written.

export type SourceRow = {
  id: string
  name: string | null
  source_type: SourceType
  url: string
  /** Sealed. */
  api_key: string | null
  status: 'active' | 'inactive'
  health: 'up' | 'down' | 'unknown'
  health_reason: string | null
  checked_at: Date | null
  hold_from: Date | null
  hold_until: Date | null
  max_concurrency: number
  version_info: Record<string, unknown> | null
  version: number
  created_at: Date
  updated_at: Date
}

export type WorkflowRow = {
  id: string
  source_id: string
  name: string
  description: string
  remote_flow_id: string
  flow_type: FlowType
  flow_version: number
  graph_hash: string
  input_component: string | null
  output_component: string | null
  /** Named by a user; null: found in the flow. */
  chosen_input: string | null
  chosen_output: string | null
  is_component: boolean
  folder_id: string | null
  folder_name: string | null
  icon: string | null
  icon_bg_color: string | null
  liked: boolean
  tags: string[]
  warnings: string[]
  data: unknown
  /** Whether its text comes only as a stream; null: not known. */
  streams_only: boolean | null
  created_at: Date
  updated_at: Date
}
/** With what lists show besides the row itself. */
export type WorkflowView = Omit<WorkflowRow, 'graph_hash' | 'streams_only' | 'chosen_input' | 'chosen_output'> & {
  source: string
  latest_run: string
  task_count: number
  failed_task_count: number
}

export type ScheduleRow = {
  id: string
  workflow_id: string
  name: string | null
  schedule_type: ScheduleType
  schedule_expr: string
  timezone: string
  anchor: Date
  start_at: Date | null
  end_at: Date | null
  input_value: JsonText | null
  session_id: string | null
  tweaks: JsonText | null
  timeout: number | null
  max_retries: number
  retry_on: RetryOn
  overlap: Overlap
  misfire: Misfire
  /** Seconds; null for the default of the type. */
  catchup_window: number | null
  /** Seconds. */
  jitter: number
  max_runs: number | null
  pause_after_failures: number | null
  status: ScheduleStatus
  paused_reason: string | null
  /** How its times changed when cron was read by new rules. */
  warnings: string[]
  decided_until: Date | null
  next_due_at: Date | null
  next_run_at: Date | null
  last_run_at: Date | null
  run_count: number
  version: number
  created_at: Date
  updated_at: Date
}
export type ScheduleView = ScheduleRow & { last_success_at: Date | null; consecutive_failures: number }

export type TaskRow = {
  id: string
  workflow_id: string
  schedule_id: string | null
  status: TaskStatus
  trigger: Trigger
  scheduled_for: Date | null
  input: JsonText | null
  output: JsonText | null
  error: string | null
  error_code: TaskErrorCode | null
  tries: number
  max_retries: number
  retry_on: RetryOn
  timeout: number
  next_retry_at: Date | null
  cancel_requested_at: Date | null
  started_at: Date | null
  finished_at: Date | null
  replay_of: string | null
  created_at: Date
  updated_at: Date
}

export type OccurrenceRow = Occurrence
export type TaskEventRow = { at: Date; type: string; message: string; try: number }
export type WorkerRow = {
  id: string
  hostname: string
  pid: number
  status: 'active' | 'draining' | 'stopped'
  current_tasks: number
  concurrency: number
  version: string
  /** What it cannot do in PostgreSQL, and why; without anything that only holders of the API key may see. */
  trouble: string | null
  started_at: Date
  last_heartbeat: Date
}

/** A row as the JSON of a response. */
export type JsonRow = { id: string; json_text: string }

/** A page of rows, and whether more follow. */
export type RowPage<Row> = { rows: Row[]; total: number; has_more: boolean }
/** `after`: the last row of the page before, in the list's own order; with it `offset` does not count. */
export type PageArgs = { limit: number; offset: number; after: string | null }
