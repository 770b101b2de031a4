import type { Decidable, Plan } from '@automagik-spark/core'
import type { ScheduleRow } from '@automagik-spark/db'

export const planOf = (
  row: Pick<
    ScheduleRow,
    'id' | 'schedule_type' | 'schedule_expr' | 'timezone' | 'anchor' | 'start_at' | 'end_at' | 'jitter'
  >,
): Plan => ({
  schedule_type: row.schedule_type,
  schedule_expr: row.schedule_expr,
  timezone: row.timezone,
  anchor: row.anchor,
  start_at: row.start_at,
  end_at: row.end_at,
  jitter: row.jitter,
  seed: row.id,
})

/** A stored schedule as `decide` takes it. */
export const decidable = (row: ScheduleRow): Decidable => ({
  plan: planOf(row),
  overlap: row.overlap,
  misfire: row.misfire,
  catchup_window: row.catchup_window,
  max_runs: row.max_runs,
  run_count: row.run_count,
  decided_until: row.decided_until,
})
