import { randomUUID } from 'node:crypto'
import type { RetryOn } from '@automagik-spark/core'
import { patience } from '@automagik-spark/testing'
import { inject } from 'vitest'
import type { Db, SqlPool } from '../src/index.ts'
import { makeDb, makePool } from '../src/index.ts'
import { freshDatabase, slowSettings } from '../src/testing.ts'

/** A database of its own for a test file, with a source, a workflow and whatever a test adds. */
export const openTestDb = async (): Promise<{ url: string; db: Db; sql: SqlPool; close: () => Promise<void> }> => {
  const database = await freshDatabase(inject('postgresUrl'))
  const onError = () => undefined
  const settings = slowSettings(patience())
  const db = makeDb({ url: database.url, name: 'test', settings, onError })
  const sql = makePool({ url: database.url, name: 'test', max: 20, settings, onError })
  return {
    url: database.url,
    db,
    sql,
    async close() {
      await db.close()
      await sql.close()
      await database.drop()
    },
  }
}

export const addSource = async (sql: SqlPool, { max_concurrency = 40 } = {}): Promise<string> => {
  const id = randomUUID()
  await sql.query(
    `INSERT INTO sources (id, source_type, url, status, max_concurrency, created_at, updated_at) VALUES ($1, 'langflow', $2, 'active', $3, spark_now(), spark_now())`,
    [id, `http://${id}.test`, max_concurrency],
  )
  return id
}

export const addWorkflow = async (sql: SqlPool, source_id: string): Promise<string> => {
  const id = randomUUID()
  await sql.query(
    `INSERT INTO workflows (id, source_id, name, description, remote_flow_id, flow_type, graph_hash, is_component, liked, tags, warnings, created_at, updated_at)
     VALUES ($1, $2, 'echo', '', $3, 'flow', 'h', false, false, '[]', '[]', spark_now(), spark_now())`,
    [id, source_id, randomUUID()],
  )
  return id
}

/** Due `dueInSeconds` from now (negative: overdue). */
export const addSchedule = async (
  sql: SqlPool,
  workflow_id: string,
  { dueInSeconds = 0, overlap = 'skip' } = {},
): Promise<string> => {
  const id = randomUUID()
  await sql.query(
    `INSERT INTO schedules (id, workflow_id, schedule_type, schedule_expr, timezone, anchor, overlap, status, decided_until, next_due_at, next_run_at, created_at, updated_at)
     SELECT $1, $2, 'interval', '1m', 'UTC', t.at - interval '1 minute', $4, 'active', t.at - interval '1 minute', t.at, t.at, spark_now(), spark_now()
     FROM (SELECT date_trunc('second', spark_now()) + $3 * interval '1 second' AS at) t`,
    [id, workflow_id, dueInSeconds, overlap],
  )
  return id
}

type TaskOptions = {
  /** As for the runs of one schedule. */
  serial_key?: string | null
  priority?: number
  /** The due time. */
  dueInSeconds?: number | null
  /** Left out: when it is due. */
  readyInSeconds?: number
  max_retries?: number
  retry_on?: RetryOn
}

/** A pending task. */
export const addTask = async (sql: SqlPool, workflow_id: string, options: TaskOptions = {}): Promise<string> => {
  const {
    serial_key = null,
    priority = 0,
    dueInSeconds = null,
    readyInSeconds = dueInSeconds ?? -1,
    max_retries = 0,
    retry_on = 'safe',
  } = options
  const id = randomUUID()
  await sql.query(
    `INSERT INTO tasks (id, workflow_id, source_id, status, trigger, priority, serial_key, timeout, ready_at, scheduled_for, max_retries, retry_on, created_at, updated_at)
     SELECT $1, w.id, w.source_id, 'pending', CASE WHEN $4::uuid IS NULL THEN 'manual' ELSE 'schedule' END, $3, $4, 60, spark_now() + $5 * interval '1 second', spark_now() + $6 * interval '1 second', $7, $8, spark_now(), spark_now()
     FROM workflows w WHERE w.id = $2`,
    [id, workflow_id, priority, serial_key, readyInSeconds, dueInSeconds, max_retries, retry_on],
  )
  return id
}

/** Some statement of this database waits for a lock. */
export const isBlocked = async (sql: SqlPool): Promise<void> => {
  for (;;) {
    const { rows } = await sql.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    if (rows[0]!.n > 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

type TaskState = {
  status: string
  phase: string | null
  tries: number
  tries_before: number
  error: string | null
  error_code: string | null
  token: string | null
  crashes: number
  lease_until: Date | null
  ready_at: Date
  next_retry_at: Date | null
  started_at: Date | null
  finished_at: Date | null
}
export const taskRow = async (sql: SqlPool, id: string) =>
  (
    await sql.query<TaskState>(
      `SELECT status, phase, tries, tries_before, error, error_code, token, crashes, lease_until, ready_at, next_retry_at, started_at, finished_at
     FROM tasks WHERE id = $1`,
      [id],
    )
  ).rows[0]
