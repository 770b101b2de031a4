import type { ScheduleRow } from './rows.ts'
import { selectColumns } from './schedule-columns.ts'
import type { Sql } from './sql.ts'
import { iso } from './sql.ts'

// Cron schedules that were stored before cron was read as Debian's. Each is read again once.

const COLUMNS = [
  'id',
  'schedule_type',
  'schedule_expr',
  'timezone',
  'anchor',
  'start_at',
  'end_at',
  'jitter',
  'status',
  'decided_until',
  'next_due_at',
  'next_run_at',
  'updated_at',
] as const
export type UnreadRow = Pick<ScheduleRow, (typeof COLUMNS)[number]>

const UNREAD = `schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL WHERE NOT s.cron_reread AND s.schedule_type = 'cron'`

/** The schedules that are due next. They are not locked: `writeReread` checks that they have not changed. */
export const findUnread = async (sql: Sql, limit: number): Promise<UnreadRow[]> =>
  (
    await sql.query<UnreadRow>(
      `SELECT ${selectColumns(COLUMNS)} FROM ${UNREAD} ORDER BY s.next_run_at, s.id LIMIT $1`,
      [limit],
    )
  ).rows

export type RereadRow = Pick<
  ScheduleRow,
  'id' | 'status' | 'next_due_at' | 'next_run_at' | 'decided_until' | 'updated_at'
> & { warning: string | null }

/** Writes the schedules that nobody has decided, edited or read again meanwhile, and returns their ids. Locked ones are left for the next time. */
export const writeReread = async (sql: Sql, rows: RereadRow[]): Promise<Set<string>> =>
  new Set(
    (
      await sql.query<{ id: string }>(
        `WITH r AS (
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
             AS r(id, warning, status, next_due_at, next_run_at, decided_until, updated_at)
         ), l AS (
           SELECT s.id FROM schedules s JOIN r ON r.id = s.id
           WHERE NOT s.cron_reread AND s.decided_until IS NOT DISTINCT FROM r.decided_until AND s.updated_at = r.updated_at
           ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED
         )
         UPDATE schedules s SET cron_reread = true, warnings = CASE WHEN r.warning IS NULL THEN s.warnings ELSE ARRAY[r.warning] END,
           status = r.status, next_due_at = r.next_due_at, next_run_at = r.next_run_at,
           updated_at = CASE WHEN r.warning IS NULL THEN s.updated_at ELSE spark_now() END
         FROM r JOIN l ON l.id = r.id WHERE s.id = r.id RETURNING s.id`,
        [
          rows.map((row) => row.id),
          rows.map((row) => row.warning),
          rows.map((row) => row.status),
          rows.map((row) => iso(row.next_due_at)),
          rows.map((row) => iso(row.next_run_at)),
          rows.map((row) => iso(row.decided_until)),
          rows.map((row) => iso(row.updated_at)),
        ],
      )
    ).rows.map((row) => row.id),
  )
