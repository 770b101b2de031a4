import { NOTIFY_BATCH, notifySql } from '../notify.ts'
import type { ScheduleRow } from '../rows.ts'
import { SCHEDULE_COLUMNS, selectColumns } from '../schedule-columns.ts'
import type { Sql } from '../sql.ts'
import { iso } from '../sql.ts'
import { DOWN, SUSPENDED } from './circuit-breaker.ts'
import { CANCELLED, wholeSecond } from './settle.ts'

/** A schedule whose row is locked, with what the decider must know of its source. */
export type LockedSchedule = ScheduleRow & {
  source_status: 'active' | 'inactive'
  /** Its source is down or inactive: its due times wait. */
  suspended: boolean
  hold_from: Date | null
  hold_until: Date | null
}

/** One row for the ledger; a `started` one has the id of the task to make. */
export type LedgerEntry = {
  schedule_id: string
  scheduled_for: Date
  until: Date | null
  count: number
  count_at_least: boolean
  decision: 'started' | 'skipped' | 'missed' | 'superseded'
  reason: string | null
  task_id: string | null
  /** A later run of the same decision replaces this one: its task is made as cancelled. */
  cancelled?: boolean
  /** When its task may start: the due time, jitter included. */
  ready_at: Date | null
}

/** Where a schedule stands after a decision. */
export type ScheduleMove = {
  id: string
  decided_until: Date | null
  next_due_at: Date | null
  next_run_at: Date | null
  run_count: number
  status: ScheduleRow['status']
  paused_reason: string | null
  started: boolean
}

/** In the log of a task that `cancel_previous` cancelled. */
const REPLACED = 'cancelled by its schedule: the next due time came (overlap: cancel_previous)'

/** The plan of the schedule at this moment: a span that is split later is counted by it, not by a newer plan. */
const PLAN = `(SELECT jsonb_build_object('schedule_type', s.schedule_type, 'schedule_expr', s.schedule_expr, 'timezone', s.timezone, 'anchor', s.anchor,
  'start_at', s.start_at, 'end_at', s.end_at, 'cron', 'debian') FROM schedules s WHERE s.id = d.schedule_id)`

const LOCKED_COLUMNS = `${selectColumns(SCHEDULE_COLUMNS)}, src.status AS source_status, ${SUSPENDED('src')} AS suspended, src.hold_from, src.hold_until`
const FROM_LIVING = `schedules s
  JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL
  JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL`

/** Schedules to decide now. Those of suspended sources wait. */
export const DUE = `${FROM_LIVING} WHERE s.status = 'active' AND s.next_run_at <= spark_now() AND NOT ${SUSPENDED('src')}`

/** Locks schedules that are due, oldest first; skips those that another process has locked, which decides them. */
export const lockDue = async (tx: Sql, limit: number): Promise<LockedSchedule[]> =>
  (
    await tx.query<LockedSchedule>(
      `SELECT ${LOCKED_COLUMNS} FROM ${DUE}
       ORDER BY s.next_run_at, s.id LIMIT $1 FOR NO KEY UPDATE OF s SKIP LOCKED`,
      [limit],
    )
  ).rows

/** Locks one schedule, waiting for whoever has it. */
export const lockSchedule = async (tx: Sql, id: string): Promise<LockedSchedule | null> =>
  (
    await tx.query<LockedSchedule>(
      `SELECT ${LOCKED_COLUMNS} FROM ${FROM_LIVING} WHERE s.id = $1 FOR NO KEY UPDATE OF s`,
      [id],
    )
  ).rows[0] ?? null

/** PostgreSQL's time, by which every decision is made. */
export const sqlNow = async (sql: Sql): Promise<Date> =>
  (await sql.query<{ now: Date }>('SELECT spark_now() AS now')).rows[0]!.now

export type OpenTasks = { schedule_id: string; open: number; pending: number }

/**
 * Tasks of these schedules that are not over, with those that wait for their next try: scheduled runs, and manual ones from `/schedules/{id}/run`.
 * Manual runs never wait behind another run, so they are not counted as pending.
 */
export const countOpen = async (tx: Sql, schedule_ids: string[]): Promise<OpenTasks[]> =>
  (
    await tx.query<OpenTasks>(
      // A lateral query for each id: for many ids at once the planner walks all open tasks.
      `SELECT d.id AS schedule_id, o.open, o.pending FROM unnest($1::uuid[]) AS d(id) CROSS JOIN LATERAL (
         SELECT count(*)::int AS open, (count(*) FILTER (WHERE status = 'pending' AND trigger = 'schedule'))::int AS pending
         FROM tasks WHERE schedule_id = d.id AND status IN ('pending', 'running') AND trigger IN ('schedule', 'manual')
       ) o WHERE o.open > 0`,
      [schedule_ids],
    )
  ).rows

/**
 * Writes decisions: the ledger rows, and the task of each `started` row that was really inserted. A row that exists already wins, so that a due time
 * starts at most one task, whoever decides it. Returns the ids of the tasks that were made, with the cancelled ones.
 */
export const writeLedger = async (
  tx: Sql,
  entries: LedgerEntry[],
  now: Date,
  default_timeout: number,
): Promise<string[]> => {
  if (entries.length === 0) return []
  const { rows } = await tx.query<{ id: string }>(
    `WITH d AS (
       SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::int[], $5::bool[], $6::text[], $7::text[], $8::uuid[], $9::timestamptz[], $12::bool[])
         AS d(schedule_id, scheduled_for, until, count, count_at_least, decision, reason, task_id, ready_at, cancelled)
     ), o AS (
       INSERT INTO occurrences (schedule_id, scheduled_for, until, decided_at, decision, reason, count, count_at_least, task_id, plan)
       SELECT schedule_id, scheduled_for, until, $10::timestamptz, decision, reason, count, count_at_least, task_id, CASE WHEN until IS NOT NULL THEN ${PLAN} END FROM d
       ON CONFLICT (schedule_id, scheduled_for) DO NOTHING
       RETURNING schedule_id, scheduled_for, decision, task_id
     ), t AS (
       INSERT INTO tasks (id, workflow_id, source_id, schedule_id, status, trigger, priority, serial_key, scheduled_for,
         input, session_id, tweaks, timeout, max_retries, retry_on, ready_at, finished_at, created_at, updated_at)
       SELECT o.task_id, s.workflow_id, w.source_id, s.id, CASE WHEN d.cancelled THEN 'cancelled' ELSE 'pending' END, 'schedule', 1, CASE WHEN s.overlap = 'allow' THEN NULL ELSE s.id END, o.scheduled_for,
         s.input_value, s.session_id, s.tweaks, coalesce(s.timeout, $11), s.max_retries, s.retry_on, d.ready_at, CASE WHEN d.cancelled THEN $10::timestamptz END, $10::timestamptz, $10::timestamptz
       FROM o JOIN d USING (schedule_id, scheduled_for) JOIN schedules s ON s.id = o.schedule_id JOIN workflows w ON w.id = s.workflow_id
       WHERE o.decision = 'started'
       RETURNING id, status
     ), e AS (INSERT INTO task_events (task_id, at, type, message, try) SELECT id, $10::timestamptz, 'note', '${REPLACED}', 0 FROM t WHERE status = 'cancelled')
     SELECT id FROM t`,
    [
      entries.map((e) => e.schedule_id),
      entries.map((e) => iso(e.scheduled_for)),
      entries.map((e) => iso(e.until)),
      entries.map((e) => e.count),
      entries.map((e) => e.count_at_least),
      entries.map((e) => e.decision),
      entries.map((e) => e.reason),
      entries.map((e) => e.task_id),
      entries.map((e) => iso(e.ready_at)),
      iso(now),
      default_timeout,
      entries.map((e) => e.cancelled ?? false),
    ],
  )
  return rows.map((row) => row.id)
}

/**
 * Cancels the scheduled runs of these schedules that are not over, because the next due time has come: pending ones at once, running ones by asking
 * their worker. Manual runs go on. The schedules are locked, so no task of theirs is made meanwhile.
 */
export const cancelOpen = async (tx: Sql, schedule_ids: string[]): Promise<void> => {
  const { rows: open } = await tx.query<{ id: string; status: string }>(
    `SELECT id, status FROM tasks WHERE schedule_id = ANY ($1::uuid[]) AND trigger = 'schedule' AND status IN ('pending', 'running') AND cancel_requested_at IS NULL
     ORDER BY id FOR NO KEY UPDATE`,
    [schedule_ids],
  )
  if (open.length === 0) return
  const [pending, running] = ['pending', 'running'].map((status) =>
    open.filter((task) => task.status === status).map((task) => task.id),
  ) as [string[], string[]]
  await tx.query(`UPDATE tasks SET cancel_requested_at = spark_now(), ${CANCELLED} WHERE id = ANY ($1::uuid[])`, [
    pending,
  ])
  await tx.query(
    `UPDATE tasks SET cancel_requested_at = spark_now(), updated_at = spark_now() WHERE id = ANY ($1::uuid[])`,
    [running],
  )
  await tx.query(
    `INSERT INTO task_events (task_id, at, type, message, try) SELECT id, spark_now(), 'note', '${REPLACED}', tries FROM tasks WHERE id = ANY ($1::uuid[])`,
    [open.map((task) => task.id)],
  )
  for (const [channel, ids] of [
    ['spark_done', pending],
    ['spark_cancel', running],
  ] as const) {
    for (let from = 0; from < ids.length; from += NOTIFY_BATCH)
      await tx.query(`SELECT ${notifySql(channel, '$1')}`, [ids.slice(from, from + NOTIFY_BATCH).join(',')])
  }
}

/** Writes where locked schedules stand after a decision. */
export const moveSchedules = async (tx: Sql, moves: ScheduleMove[], now: Date): Promise<void> => {
  await tx.query(
    `UPDATE schedules s SET decided_until = m.decided_until, next_due_at = m.next_due_at, next_run_at = m.next_run_at, run_count = m.run_count,
       status = m.status, paused_reason = m.paused_reason, last_run_at = CASE WHEN m.started THEN $9::timestamptz ELSE s.last_run_at END
     FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::timestamptz[], $5::int[], $6::text[], $7::text[], $8::bool[])
       AS m(id, decided_until, next_due_at, next_run_at, run_count, status, paused_reason, started)
     WHERE s.id = m.id`,
    [
      moves.map((m) => m.id),
      moves.map((m) => iso(m.decided_until)),
      moves.map((m) => iso(m.next_due_at)),
      moves.map((m) => iso(m.next_run_at)),
      moves.map((m) => m.run_count),
      moves.map((m) => m.status),
      moves.map((m) => m.paused_reason),
      moves.map((m) => m.started),
      iso(now),
    ],
  )
}

/** The seconds in [from, to) that need a wake-up: due times, retries, and checks of sources that are down. */
export const dueSeconds = async (sql: Sql, from: Date, to: Date): Promise<Date[]> =>
  (
    await sql.query<{ at: Date }>(
      `SELECT next_run_at AS at FROM schedules WHERE status = 'active' AND next_run_at >= $1 AND next_run_at < $2
       UNION SELECT next_retry_at FROM tasks WHERE status = 'pending' AND next_retry_at >= $1 AND next_retry_at < $2
       UNION SELECT v.at FROM sources s, LATERAL (VALUES (${wholeSecond('s.check_at')})) v(at)
         WHERE s.deleted_at IS NULL AND ${DOWN('s')} AND v.at >= $1 AND v.at < $2
       ORDER BY at LIMIT 5000`,
      [iso(from), iso(to)],
    )
  ).rows.map((row) => row.at)
