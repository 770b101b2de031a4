import { CANCELLED } from './hot/settle.ts'
import type { PageArgs, RowPage, ScheduleRow, ScheduleView } from './rows.ts'
import type { Sql, SqlPool } from './sql.ts'

const COLUMNS = `s.id, s.workflow_id, s.name, s.schedule_type, s.schedule_expr, s.timezone, s.anchor, s.start_at, s.end_at, s.input_value, s.session_id,
  s.tweaks, s.timeout, s.max_retries, s.retry_on, s.overlap, s.misfire, s.catchup_window, s.jitter, s.max_runs, s.status, s.paused_reason, s.decided_until, s.next_due_at, s.next_run_at, s.last_run_at, s.run_count,
  s.created_at, s.updated_at, c.last_success_at, coalesce(c.consecutive_failures, 0) AS consecutive_failures`
const FROM = `schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL LEFT JOIN schedule_outcomes c ON c.schedule_id = s.id`

/** Columns that an insert or an edit writes; json ones go as text. */
const WRITTEN = [
  'workflow_id', 'name', 'schedule_type', 'schedule_expr', 'timezone', 'anchor', 'start_at', 'end_at', 'input_value', 'session_id', 'tweaks', 'timeout',
  'max_retries', 'retry_on', 'overlap', 'misfire', 'catchup_window', 'jitter', 'max_runs', 'status', 'paused_reason', 'decided_until', 'next_due_at', 'next_run_at', 'run_count', 'updated_at',
] as const
const JSON_COLUMNS = new Set<string>(['input_value', 'tweaks'])
const written = (row: ScheduleRow) =>
  WRITTEN.map((column) => {
    const value = row[column]
    if (value === null || value === undefined) return null
    return JSON_COLUMNS.has(column) ? JSON.stringify(value) : value
  })

export const findSchedule = async (sql: Sql, id: string): Promise<ScheduleView | null> =>
  (await sql.query<ScheduleView>(`SELECT ${COLUMNS} FROM ${FROM} WHERE s.id = $1`, [id])).rows[0] ?? null

/** False: the workflow is not there (any more). */
export const insertSchedule = async (tx: Sql, row: ScheduleRow): Promise<boolean> => {
  const columns = [...WRITTEN, 'id', 'created_at']
  const places = columns.map((column, i) => `$${i + 1}${JSON_COLUMNS.has(column) ? '::jsonb' : ''}`)
  const { rowCount } = await tx.query(
    `INSERT INTO schedules (${columns.join(', ')}) SELECT ${places.join(', ')} FROM workflows w WHERE w.id = $1 AND w.deleted_at IS NULL FOR KEY SHARE OF w`,
    [...written(row), row.id, row.created_at],
  )
  return rowCount === 1
}

/** Writes a whole edited row; the caller holds its lock. */
export const updateSchedule = async (tx: Sql, row: ScheduleRow): Promise<void> => {
  const sets = WRITTEN.map((column, i) => `${column} = $${i + 1}${JSON_COLUMNS.has(column) ? '::jsonb' : ''}`)
  await tx.query(`UPDATE schedules SET ${sets.join(', ')} WHERE id = $${WRITTEN.length + 1}`, [...written(row), row.id])
}

/** Pending tasks are cancelled, running ones finish; tasks stay without their schedule, the ledger goes. The caller holds the lock. */
export const removeSchedule = async (tx: Sql, id: string): Promise<void> => {
  await tx.query(`UPDATE tasks SET ${CANCELLED} WHERE schedule_id = $1 AND status = 'pending'`, [id])
  await tx.query(`SET LOCAL statement_timeout = '60s'`) // a long history has many rows to let go
  await tx.query(`DELETE FROM schedules WHERE id = $1`, [id])
}

export const makeSchedules = (sql: SqlPool) => ({
  find: (id: string) => findSchedule(sql, id),

  async list({ limit, offset, after, workflow_id, status }: PageArgs & { workflow_id?: string | undefined; status?: string | undefined }): Promise<RowPage<ScheduleView>> {
    const values: unknown[] = []
    const put = (value: unknown) => `$${values.push(value)}`
    const filters = ['true']
    if (workflow_id !== undefined) filters.push(`s.workflow_id = ${put(workflow_id)}`)
    if (status !== undefined) filters.push(`s.status = ${put(status)}`)
    const where = filters.join(' AND ')
    const { rows: [count] } = await sql.query<{ total: number }>(
      `SELECT count(*)::int AS total FROM schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL WHERE ${where}`,
      [...values],
    )
    const page = after ? `${where} AND s.id < ${put(after)}` : where
    const { rows } = await sql.query<ScheduleView>(
      `SELECT ${COLUMNS} FROM ${FROM} WHERE ${page} ORDER BY s.id DESC LIMIT ${put(limit + 1)} OFFSET ${put(after ? 0 : offset)}`,
      values,
    )
    return { rows: rows.slice(0, limit), total: count?.total ?? 0, has_more: rows.length > limit }
  },
})

export type Schedules = ReturnType<typeof makeSchedules>
