import type { JsonText, RetryOn, TaskQuery } from '@automagik-spark/core'
import { Task } from '@automagik-spark/core'
import { jsonColumns } from './json-columns.ts'
import { notifyReady, notifySql } from './notify.ts'
import { CANCELLED } from './queue/settle.ts'
import type { JsonRow, PageArgs, RowPage, TaskEventRow, TaskRow } from './rows.ts'
import type { Sql, SqlPool } from './sql.ts'

const PLAIN = `t.id, t.workflow_id, t.schedule_id, t.status, t.trigger, t.scheduled_for, t.input, t.error, t.error_code, t.tries, t.max_retries, t.retry_on,
  t.timeout, t.next_retry_at, t.cancel_requested_at, t.started_at, t.finished_at, t.replay_of, t.created_at, t.updated_at`
/** The fields of the contract's `Task` that are not columns, as the engine's `toTask` makes them. */
const SHOWN = {
  input_data: `(CASE WHEN t.input LIKE '{%' THEN t.input ELSE '{"value":' || coalesce(t.input, 'null') || '}' END)::json`,
  output_data: 't.output::json',
}
const IN_LISTS = jsonColumns(Task.shape, 't', SHOWN)
const ALONE = jsonColumns(Task.shape, 't', { ...SHOWN, output_data: 'coalesce(f.output, t.output)::json' })
/** Tasks of a deleted workflow are gone for every reader, although their rows are purged later. There are few such workflows at a time. */
const VISIBLE = `t.workflow_id NOT IN (SELECT id FROM workflows WHERE deleted_at IS NOT NULL)`

/** A manual run. */
export type NewRun = {
  id: string
  workflow_id: string
  schedule_id: string | null
  input: JsonText | null
  session_id: string | null
  tweaks: JsonText | null
  timeout: number
  max_retries: number
  retry_on: RetryOn
}

/** Inserts runs and notifies the workers; returns the tasks of those whose workflow exists and whose source is active. */
const insertRuns = async (sql: Sql, runs: NewRun[]): Promise<TaskRow[]> =>
  (
    await sql.query<TaskRow>(
      `WITH i AS (
         INSERT INTO tasks AS t (id, workflow_id, source_id, schedule_id, serial_key, trigger, priority, input, session_id, tweaks, timeout,
           max_retries, retry_on, ready_at, created_at, updated_at, status)
         SELECT r.id, w.id, w.source_id, r.schedule_id, r.schedule_id, 'manual', 0, r.input::json::text, r.session_id, r.tweaks::json::text, r.timeout,
           r.max_retries, r.retry_on, now.at, now.at, now.at, 'pending'
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int[], $8::int[], $9::text[])
           AS r(id, workflow_id, schedule_id, input, session_id, tweaks, timeout, max_retries, retry_on)
         JOIN workflows w ON w.id = r.workflow_id AND w.deleted_at IS NULL
         JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL AND src.status = 'active'
         CROSS JOIN (SELECT spark_now() AS at) now
         RETURNING ${PLAIN}, t.output
       ) SELECT i.* FROM i, (SELECT ${notifySql('spark_ready')}) n`,
      [
        runs.map((r) => r.id),
        runs.map((r) => r.workflow_id),
        runs.map((r) => r.schedule_id),
        runs.map((r) => r.input),
        runs.map((r) => r.session_id),
        runs.map((r) => r.tweaks),
        runs.map((r) => r.timeout),
        runs.map((r) => r.max_retries),
        runs.map((r) => r.retry_on),
      ],
    )
  ).rows

export const makeTasks = (sql: SqlPool) => ({
  insertRuns: (runs: NewRun[]) => insertRuns(sql, runs),

  async find(id: string): Promise<TaskRow | null> {
    const { rows } = await sql.query<TaskRow>(
      `SELECT ${PLAIN}, coalesce(f.output, t.output) AS output FROM tasks t LEFT JOIN task_outputs f ON f.task_id = t.id WHERE t.id = $1 AND ${VISIBLE}`,
      [id],
    )
    return rows[0] ?? null
  },

  /** The JSON of core's `Task`, made by PostgreSQL so that a large answer is not parsed and written again. */
  async findJson(id: string): Promise<JsonRow | null> {
    const { rows } = await sql.query<JsonRow>(
      `SELECT t.id, row_to_json(r)::text AS json_text FROM tasks t LEFT JOIN task_outputs f ON f.task_id = t.id CROSS JOIN LATERAL (SELECT ${ALONE}) r
       WHERE t.id = $1 AND ${VISIBLE}`,
      [id],
    )
    return rows[0] ?? null
  },

  /** Several tasks at once, for the requests that wait for them; also those of deleted workflows. */
  async findMany(ids: string[]): Promise<TaskRow[]> {
    return (
      await sql.query<TaskRow>(
        `SELECT ${PLAIN}, coalesce(f.output, t.output) AS output FROM tasks t LEFT JOIN task_outputs f ON f.task_id = t.id WHERE t.id = ANY ($1::uuid[])`,
        [ids],
      )
    ).rows
  },

  /** The newest first, each as the JSON of core's `Task`. */
  async list(query: PageArgs & Omit<TaskQuery, 'limit' | 'offset' | 'cursor'>): Promise<RowPage<JsonRow>> {
    const values: unknown[] = []
    const put = (value: unknown) => `$${values.push(value)}`
    const filters = ['true']
    for (const column of ['workflow_id', 'schedule_id', 'status', 'trigger'] as const) {
      if (query[column] !== undefined) filters.push(`t.${column} = ${put(query[column])}`)
    }
    if (query.created_after !== undefined) filters.push(`t.created_at > ${put(query.created_after)}`)
    if (query.created_before !== undefined) filters.push(`t.created_at < ${put(query.created_before)}`)
    const where = filters.join(' AND ')
    // All tasks minus the hidden ones: testing each row for VISIBLE takes half as long again, and twice as long with a filter.
    const counting = sql.query<{ total: number }>(
      `SELECT ((SELECT count(*) FROM tasks t WHERE ${where})
         - (SELECT count(*) FROM workflows w JOIN tasks t ON t.workflow_id = w.id WHERE w.deleted_at IS NOT NULL AND ${where}))::int AS total`,
      [...values],
    )
    const page = query.after ? `${where} AND ${VISIBLE} AND t.id < ${put(query.after)}` : `${where} AND ${VISIBLE}`
    // The page first, then its JSON, so that none is made of rows that are only sorted or skipped.
    const reading = sql.query<JsonRow>(
      `SELECT t.id, row_to_json(r)::text AS json_text FROM (
         SELECT * FROM tasks t WHERE ${page} ORDER BY t.id DESC LIMIT ${put(query.limit + 1)} OFFSET ${put(query.after ? 0 : query.offset)}
       ) t CROSS JOIN LATERAL (SELECT ${IN_LISTS}) r ORDER BY t.id DESC`,
      values,
    )
    const [count, { rows }] = await Promise.all([counting, reading])
    return { rows: rows.slice(0, query.limit), total: count.rows[0]?.total ?? 0, has_more: rows.length > query.limit }
  },

  /** Deletes a task and returns it as it was. The worker of a running one is told to stop it. */
  async remove(id: string): Promise<TaskRow | null> {
    return sql.transaction(async (tx) => {
      const { rows } = await tx.query<TaskRow>(
        `SELECT ${PLAIN}, coalesce(f.output, t.output) AS output FROM tasks t LEFT JOIN task_outputs f ON f.task_id = t.id
         WHERE t.id = $1 AND ${VISIBLE} FOR UPDATE OF t`,
        [id],
      )
      if (!rows[0]) return null
      await tx.query(`DELETE FROM tasks WHERE id = $1`, [id])
      await tx.query(
        `SELECT ${notifySql('spark_cancel', '$1')}, ${notifySql('spark_done', '$1')}, ${notifySql('spark_ready')}`,
        [id],
      )
      return rows[0]
    })
  },

  /** Cancels a pending task at once, and asks the worker of a running one to stop it. Returns the status it had; null: there is no such task. */
  async cancel(id: string): Promise<TaskRow['status'] | null> {
    return sql.transaction(async (tx) => {
      const { rows } = await tx.query<{ status: TaskRow['status']; tries: number }>(
        `SELECT t.status, t.tries FROM tasks t WHERE t.id = $1 AND ${VISIBLE} FOR UPDATE OF t`,
        [id],
      )
      const task = rows[0]
      if (!task) return null
      if (task.status === 'pending') {
        await tx.query(`UPDATE tasks SET cancel_requested_at = spark_now(), ${CANCELLED} WHERE id = $1`, [id])
        await tx.query(`SELECT ${notifySql('spark_done', '$1')}, ${notifySql('spark_ready')}`, [id])
      } else if (task.status === 'running') {
        await tx.query(
          `UPDATE tasks SET cancel_requested_at = coalesce(cancel_requested_at, spark_now()), updated_at = spark_now() WHERE id = $1`,
          [id],
        )
        await tx.query(`SELECT ${notifySql('spark_cancel', '$1')}`, [id])
      }
      return task.status
    })
  },

  /**
   * Makes a failed or cancelled task pending again, with a fresh `max_retries`; its log keeps how it ended before. `was`: the status that it had; `row`:
   * the task, if that status permitted a retry. `'inactive'`: its source is inactive. Null: there is no such task.
   */
  async retry(id: string): Promise<{ was: TaskRow['status']; row: TaskRow | null } | 'inactive' | null> {
    return sql.transaction(async (tx) => {
      const { rows } = await tx.query<{ status: TaskRow['status']; source_status: string }>(
        `SELECT t.status, src.status AS source_status FROM tasks t JOIN sources src ON src.id = t.source_id WHERE t.id = $1 AND ${VISIBLE} FOR NO KEY UPDATE OF t`,
        [id],
      )
      const task = rows[0]
      if (!task) return null
      if (task.status !== 'failed' && task.status !== 'cancelled') return { was: task.status, row: null }
      if (task.source_status !== 'active') return 'inactive'
      await tx.query(
        `INSERT INTO task_events (task_id, at, type, message, try)
         SELECT t.id, v.at, v.type, v.message, t.tries
         FROM tasks t, LATERAL (VALUES
           (1, t.started_at, 'attempt_started', 'attempt ' || t.tries || ' started'),
           (2, t.cancel_requested_at, 'cancel_requested', 'a cancel was requested'),
           (3, t.finished_at, t.status, CASE WHEN t.status = 'failed' THEN coalesce(t.error, 'failed') ELSE 'cancelled' END),
           (4, spark_now(), 'retry_requested', CASE WHEN t.error_code = 'outcome_unknown'
             THEN 'to be tried again by hand; what became of the last call is unknown, so the flow may run twice' ELSE 'to be tried again by hand' END)
         ) v(n, at, type, message)
         WHERE t.id = $1 AND v.at IS NOT NULL ORDER BY v.n`,
        [id],
      )
      const { rows: pending } = await tx.query<TaskRow>(
        `UPDATE tasks t SET status = 'pending', tries_before = tries, retried_by_hand = true, unsent = 0, crashes = 0, token = NULL, worker_id = NULL, error = NULL, error_code = NULL, output = NULL,
           cancel_requested_at = NULL, started_at = NULL, finished_at = NULL, ready_at = spark_now(), updated_at = spark_now() WHERE id = $1 RETURNING ${PLAIN}, t.output`,
        [id],
      )
      await notifyReady(tx)
      return { was: task.status, row: pending[0]! }
    })
  },

  /** What a replay with another input is validated against. */
  async forReplay(id: string): Promise<{ workflow_id: string; tweaks: JsonText | null } | null> {
    const { rows } = await sql.query<{ workflow_id: string; tweaks: JsonText | null }>(
      `SELECT t.workflow_id, t.tweaks FROM tasks t WHERE t.id = $1 AND ${VISIBLE}`,
      [id],
    )
    return rows[0] ?? null
  },

  /** Makes a new task with the options of a task, and its input or another one. Null: there is no such task, or its source is not active. */
  async replay(id: string, replay: { id: string; input: { value: JsonText | null } | null }): Promise<TaskRow | null> {
    const { rows } = await sql.query<TaskRow>(
      `WITH i AS (
         INSERT INTO tasks AS t (id, workflow_id, source_id, schedule_id, trigger, priority, input, session_id, tweaks, timeout,
           max_retries, retry_on, replay_of, ready_at, created_at, updated_at, status)
         SELECT $2, t.workflow_id, t.source_id, t.schedule_id, 'replay', 0, CASE WHEN $3 THEN $4::json::text ELSE t.input END, t.session_id, t.tweaks, t.timeout,
           t.max_retries, t.retry_on, t.id, now.at, now.at, now.at, 'pending'
         FROM tasks t JOIN sources src ON src.id = t.source_id AND src.status = 'active' CROSS JOIN (SELECT spark_now() AS at) now
         WHERE t.id = $1 AND ${VISIBLE}
         RETURNING ${PLAIN}, t.output
       ) SELECT i.* FROM i, (SELECT ${notifySql('spark_ready')}) n`,
      [id, replay.id, replay.input !== null, replay.input?.value ?? null],
    )
    return rows[0] ?? null
  },

  async events(task_id: string): Promise<TaskEventRow[]> {
    return (
      await sql.query<TaskEventRow>(
        `SELECT at, type, message, try FROM task_events WHERE task_id = $1 ORDER BY id LIMIT 10000`,
        [task_id],
      )
    ).rows
  },

  /** Deletes the rows of deleted sources and workflows, a batch at a time; true when some are left. */
  async purgeHidden(limit: number): Promise<boolean> {
    const { rowCount } = await sql.query(
      `DELETE FROM tasks WHERE id = ANY (ARRAY(SELECT t.id FROM workflows w JOIN tasks t ON t.workflow_id = w.id
         WHERE w.deleted_at IS NOT NULL AND t.status <> 'running' LIMIT $1))`,
      [limit],
    )
    if (rowCount === limit) return true
    await sql.query(
      `DELETE FROM workflows w WHERE w.deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM tasks t WHERE t.workflow_id = w.id)`,
    )
    await sql.query(
      `DELETE FROM sources s WHERE s.deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM workflows w WHERE w.source_id = s.id)`,
    )
    return false
  },
})
