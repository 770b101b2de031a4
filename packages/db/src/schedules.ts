import { CANCELLED } from './queue/settle.ts'
import type { PageArgs, RowPage, ScheduleRow, ScheduleView } from './rows.ts'
import type { Sql, SqlPool } from './sql.ts'

const COLUMNS = `s.id, s.workflow_id, s.name, s.schedule_type, s.schedule_expr, s.timezone, s.anchor, s.start_at, s.end_at, s.input_value, s.session_id,
  s.tweaks, s.timeout, s.max_retries, s.retry_on, s.overlap, s.misfire, s.catchup_window, s.jitter, s.max_runs, s.pause_after_failures, s.status, s.paused_reason, s.warnings, s.decided_until, s.next_due_at, s.next_run_at, s.last_run_at, s.run_count,
  s.created_at, s.updated_at, c.last_success_at, coalesce(c.consecutive_failures, 0) AS consecutive_failures`
const FROM = `schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL LEFT JOIN schedule_outcomes c ON c.schedule_id = s.id`

/** Columns that an insert or an edit writes. */
const WRITTEN = [
  'workflow_id',
  'name',
  'schedule_type',
  'schedule_expr',
  'timezone',
  'anchor',
  'start_at',
  'end_at',
  'input_value',
  'session_id',
  'tweaks',
  'timeout',
  'max_retries',
  'retry_on',
  'overlap',
  'misfire',
  'catchup_window',
  'jitter',
  'max_runs',
  'pause_after_failures',
  'status',
  'paused_reason',
  'warnings',
  'decided_until',
  'next_due_at',
  'next_run_at',
  'run_count',
  'updated_at',
] as const
/** PostgreSQL looks once more whether it is JSON, and keeps it as it was written. */
const asWritten = (column: string): string => (column === 'input_value' || column === 'tweaks' ? '::json::text' : '')
const written = (row: ScheduleRow) => WRITTEN.map((column) => row[column] ?? null)

export const findSchedule = async (sql: Sql, id: string): Promise<ScheduleView | null> =>
  (await sql.query<ScheduleView>(`SELECT ${COLUMNS} FROM ${FROM} WHERE s.id = $1`, [id])).rows[0] ?? null

/** False: the workflow is not there (any more). */
export const insertSchedule = async (tx: Sql, row: ScheduleRow): Promise<boolean> => {
  const columns = [...WRITTEN, 'id', 'created_at']
  const places = columns.map((column, i) => `$${i + 1}${asWritten(column)}`)
  const { rowCount } = await tx.query(
    `INSERT INTO schedules (${columns.join(', ')}) SELECT ${places.join(', ')} FROM workflows w WHERE w.id = $1 AND w.deleted_at IS NULL FOR KEY SHARE OF w`,
    [...written(row), row.id, row.created_at],
  )
  return rowCount === 1
}

/** Whether a schedule can be given this workflow; it stays until the transaction is over. */
export const lockWorkflow = async (tx: Sql, id: string): Promise<boolean> =>
  (await tx.query(`SELECT FROM workflows w WHERE w.id = $1 AND w.deleted_at IS NULL FOR SHARE OF w`, [id])).rowCount ===
  1

/** Writes a whole edited row; the caller holds its lock. */
export const updateSchedule = async (tx: Sql, row: ScheduleRow): Promise<void> => {
  const sets = WRITTEN.map((column, i) => `${column} = $${i + 1}${asWritten(column)}`)
  await tx.query(`UPDATE schedules SET ${sets.join(', ')} WHERE id = $${WRITTEN.length + 1}`, [...written(row), row.id])
}

/** Pending tasks are cancelled, running ones finish; tasks stay without their schedule, the ledger goes. The caller holds the lock. */
export const removeSchedule = async (tx: Sql, id: string): Promise<void> => {
  await tx.query(`UPDATE tasks SET ${CANCELLED} WHERE schedule_id = $1 AND status = 'pending'`, [id])
  await tx.query(`SET LOCAL statement_timeout = '60s'`) // a long history has many rows to let go
  await tx.query(`DELETE FROM schedules WHERE id = $1`, [id], { limitMs: 62_000 })
}

/** Failures in a row begin anew: a schedule that was paused for them and is enabled is not paused at once. The caller holds the lock. */
export const resetFailures = async (tx: Sql, id: string): Promise<void> => {
  await tx.query(
    `UPDATE schedule_outcomes SET consecutive_failures = 0, flows_missing = 0 WHERE schedule_id = $1 AND consecutive_failures > 0`,
    [id],
  )
}

/** Due times in a row whose flow is not at its server, as that server's own list says, until the schedule is paused. */
const FLOWS_MISSING = 2
const FAILED_TOO_OFTEN = `s.status = 'active' AND c.consecutive_failures > 0 AND (c.consecutive_failures >= s.pause_after_failures OR c.flows_missing >= ${FLOWS_MISSING})`
/** Of the newest tasks of a schedule, the one that failed last. */
const LAST_ERROR = `(SELECT t.error FROM (SELECT * FROM tasks t WHERE t.schedule_id = x.id ORDER BY t.id DESC LIMIT 100) t
  WHERE t.status = 'failed' AND t.trigger = 'schedule' ORDER BY t.finished_at DESC LIMIT 1)`

/**
 * Pauses the schedules whose runs failed as often in a row as they permit, or whose flow is gone. It follows the counters that settling writes, in a transaction of
 * its own: schedules are locked before tasks and counters. What somebody else has locked comes the next time. Returns their ids.
 */
const pauseFailing = async (sql: Sql): Promise<string[]> => {
  // Mostly there is none, and looking locks nothing.
  const { rowCount } = await sql.query(
    `SELECT FROM schedule_outcomes c JOIN schedules s ON s.id = c.schedule_id WHERE ${FAILED_TOO_OFTEN} LIMIT 1`,
    [],
  )
  if (rowCount === 0) return []
  return (
    await sql.query<{ id: string }>(
      `WITH x AS (
         SELECT s.id, c.consecutive_failures AS failures, c.flows_missing >= ${FLOWS_MISSING} AS missing FROM schedules s JOIN schedule_outcomes c ON c.schedule_id = s.id
         WHERE ${FAILED_TOO_OFTEN} ORDER BY s.id LIMIT 500 FOR NO KEY UPDATE OF s SKIP LOCKED
       )
       UPDATE schedules s SET status = 'paused', next_due_at = NULL, next_run_at = NULL, updated_at = spark_now(),
         paused_reason = 'Paused by Spark: ' || CASE WHEN x.missing THEN 'its flow is not at the server any more, as its last runs and the server''s own list of flows say. Choose another workflow, or bring the flow back and sync it; then enable the schedule.'
           ELSE CASE x.failures WHEN 1 THEN 'its last run' ELSE 'its last ' || x.failures || ' runs' END || ' failed.' END || coalesce(' The last one: ' || ${LAST_ERROR}, '')
       FROM x WHERE s.id = x.id RETURNING s.id`,
      [],
    )
  ).rows.map((row) => row.id)
}

export const makeSchedules = (sql: SqlPool) => ({
  find: (id: string) => findSchedule(sql, id),
  pauseFailing: () => pauseFailing(sql),

  async list({
    limit,
    offset,
    after,
    workflow_id,
    status,
  }: PageArgs & { workflow_id?: string | undefined; status?: string | undefined }): Promise<RowPage<ScheduleView>> {
    const values: unknown[] = []
    const put = (value: unknown) => `$${values.push(value)}`
    const filters = ['true']
    if (workflow_id !== undefined) filters.push(`s.workflow_id = ${put(workflow_id)}`)
    if (status !== undefined) filters.push(`s.status = ${put(status)}`)
    const where = filters.join(' AND ')
    const {
      rows: [count],
    } = await sql.query<{ total: number }>(
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
