import { CANCELLED } from './queue/settle.ts'
import type { PageArgs, RowPage, ScheduleRow, ScheduleView } from './rows.ts'
import { EDITED_COLUMNS, INSERTED_COLUMNS, SCHEDULE_COLUMNS, selectColumns } from './schedule-columns.ts'
import type { Sql, SqlPool } from './sql.ts'

const COLUMNS = `${selectColumns(SCHEDULE_COLUMNS)}, c.last_success_at, coalesce(c.consecutive_failures, 0) AS consecutive_failures`
const FROM = `schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL LEFT JOIN schedule_outcomes c ON c.schedule_id = s.id`

/** PostgreSQL checks once more that it is JSON, and keeps it as it was written. */
const asWritten = (column: string): string => (column === 'input_value' || column === 'tweaks' ? '::json::text' : '')
const place = (column: string, i: number): string => `$${i + 1}${asWritten(column)}`
const valuesOf = (row: ScheduleRow, columns: (keyof ScheduleRow)[]) => columns.map((column) => row[column] ?? null)

export const findSchedule = async (sql: Sql, id: string): Promise<ScheduleView | null> =>
  (await sql.query<ScheduleView>(`SELECT ${COLUMNS} FROM ${FROM} WHERE s.id = $1`, [id])).rows[0] ?? null

/** False: the workflow does not exist, or was deleted meanwhile. */
export const insertSchedule = async (tx: Sql, row: ScheduleRow): Promise<boolean> => {
  const columns = INSERTED_COLUMNS
  const { rowCount } = await tx.query(
    `INSERT INTO schedules (${columns.join(', ')}) SELECT ${columns.map(place).join(', ')}
     FROM workflows w WHERE w.id = $${columns.indexOf('workflow_id') + 1} AND w.deleted_at IS NULL FOR KEY SHARE OF w`,
    valuesOf(row, columns),
  )
  return rowCount === 1
}

/** Whether a schedule can be given this workflow, which is not deleted before the transaction is over. */
export const lockWorkflow = async (tx: Sql, id: string): Promise<boolean> =>
  (await tx.query(`SELECT FROM workflows w WHERE w.id = $1 AND w.deleted_at IS NULL FOR SHARE OF w`, [id])).rowCount ===
  1

/** Writes a whole edited row; the caller holds its lock. */
export const updateSchedule = async (tx: Sql, row: ScheduleRow): Promise<void> => {
  const sets = EDITED_COLUMNS.map((column, i) => `${column} = ${place(column, i)}`)
  await tx.query(`UPDATE schedules SET ${sets.join(', ')} WHERE id = $${EDITED_COLUMNS.length + 1}`, [
    ...valuesOf(row, EDITED_COLUMNS),
    row.id,
  ])
}

/** Deletes a schedule and its ledger. Its pending tasks are cancelled, running ones finish; tasks stay, without a schedule. The caller holds the lock. */
export const removeSchedule = async (tx: Sql, id: string): Promise<void> => {
  await tx.query(`UPDATE tasks SET ${CANCELLED} WHERE schedule_id = $1 AND status = 'pending'`, [id])
  await tx.query(`SET LOCAL statement_timeout = '60s'`) // a long history has many rows
  await tx.query(`DELETE FROM schedules WHERE id = $1`, [id], { limitMs: 62_000 })
}

/** Counts failures in a row from 0 again, so that a schedule that was paused for them can be enabled. The caller holds the lock. */
export const resetFailures = async (tx: Sql, id: string): Promise<void> => {
  await tx.query(
    `UPDATE schedule_outcomes SET consecutive_failures = 0, flows_missing = 0 WHERE schedule_id = $1 AND consecutive_failures > 0`,
    [id],
  )
}

/** A schedule is paused when so many runs in a row failed because the server's own list of flows lacked its flow. */
const FLOWS_MISSING = 2
const FAILED_TOO_OFTEN = `s.status = 'active' AND c.consecutive_failures > 0 AND (c.consecutive_failures >= s.pause_after_failures OR c.flows_missing >= ${FLOWS_MISSING})`
/** The error of the run that failed last, among the newest 100 tasks of a schedule. */
const LAST_ERROR = `(SELECT t.error FROM (SELECT * FROM tasks t WHERE t.schedule_id = x.id ORDER BY t.id DESC LIMIT 100) t
  WHERE t.status = 'failed' AND t.trigger = 'schedule' ORDER BY t.finished_at DESC LIMIT 1)`

/**
 * Pauses the schedules whose runs failed as often in a row as they permit, or whose flow is gone; returns their ids. It reads the counters that
 * `settle` writes, in a transaction of its own, because schedules are locked before tasks and counters. Schedules that are locked are left for the next
 * time.
 */
const pauseFailing = async (sql: Sql): Promise<string[]> => {
  // Mostly there is none, and this reads without a lock.
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
