import type { ScheduleRow } from './rows.ts'

/**
 * Each column of `ScheduleRow`, once, and who writes it: `edit`: an insert and an edit; `insert`: only the insert; `fire`: only a decision that
 * starts a run. A test holds them against the schema.
 */
const WRITTEN_BY: Record<keyof ScheduleRow, 'edit' | 'insert' | 'fire'> = {
  id: 'insert',
  workflow_id: 'edit',
  name: 'edit',
  schedule_type: 'edit',
  schedule_expr: 'edit',
  timezone: 'edit',
  anchor: 'edit',
  start_at: 'edit',
  end_at: 'edit',
  input_value: 'edit',
  session_id: 'edit',
  tweaks: 'edit',
  timeout: 'edit',
  max_retries: 'edit',
  retry_on: 'edit',
  overlap: 'edit',
  misfire: 'edit',
  catchup_window: 'edit',
  jitter: 'edit',
  max_runs: 'edit',
  pause_after_failures: 'edit',
  status: 'edit',
  paused_reason: 'edit',
  warnings: 'edit',
  decided_until: 'edit',
  next_due_at: 'edit',
  next_run_at: 'edit',
  last_run_at: 'fire',
  run_count: 'edit',
  version: 'edit',
  created_at: 'insert',
  updated_at: 'edit',
}

export const SCHEDULE_COLUMNS = Object.keys(WRITTEN_BY) as (keyof ScheduleRow)[] // its keys, by its type
export const EDITED_COLUMNS = SCHEDULE_COLUMNS.filter((column) => WRITTEN_BY[column] === 'edit')
export const INSERTED_COLUMNS = SCHEDULE_COLUMNS.filter((column) => WRITTEN_BY[column] !== 'fire')

/** The columns of the table alias `s`, for a SELECT. */
export const selectColumns = (columns: readonly string[]): string => columns.map((column) => `s.${column}`).join(', ')
