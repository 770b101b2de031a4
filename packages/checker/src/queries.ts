import type { ScheduleRow, Sql } from '@automagik-spark/db'

// What the checker reads. No query writes, and each reads no more than it is asked about.

/** A schedule, with all that decides which due times must be in its ledger by now. */
export type CheckedSchedule = Pick<
  ScheduleRow,
  | 'id'
  | 'schedule_type'
  | 'schedule_expr'
  | 'timezone'
  | 'anchor'
  | 'start_at'
  | 'end_at'
  | 'overlap'
  | 'status'
  | 'decided_until'
  | 'next_due_at'
  | 'next_run_at'
  | 'created_at'
  | 'updated_at'
> & {
  /** Its source is active and up, so that due times are decided when they come. */
  is_served: boolean
}

export type CheckedOccurrence = {
  schedule_id: string
  scheduled_for: Date
  until: Date | null
  decided_at: Date
  decision: string
  reason: string | null
  count: number
  count_at_least: boolean
}

/** What is wrong, and the id of the row. */
export type Violation = { id: string; what: string }

export const schedulesToCheck = async (sql: Sql): Promise<CheckedSchedule[]> =>
  (
    await sql.query<CheckedSchedule>(
      `SELECT s.id, s.schedule_type, s.schedule_expr, s.timezone, s.anchor, s.start_at, s.end_at, s.overlap, s.status, s.decided_until, s.next_due_at, s.next_run_at,
         s.created_at, s.updated_at, src.status = 'active' AND (src.hold_from IS NULL OR src.hold_until IS NOT NULL) AS is_served
       FROM schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL JOIN sources src ON src.id = w.source_id AND src.deleted_at IS NULL
       ORDER BY s.id`,
    )
  ).rows

/** Ledger rows that end after `since`, oldest first. */
export const occurrencesSince = async (sql: Sql, since: Date): Promise<CheckedOccurrence[]> =>
  (
    await sql.query<CheckedOccurrence>(
      `SELECT schedule_id, scheduled_for, until, decided_at, decision, reason, count, count_at_least FROM occurrences
       WHERE coalesce(until, scheduled_for) > $1 ORDER BY schedule_id, scheduled_for`,
      [since],
    )
  ).rows

/** Ledger and tasks that disagree: a due time with two tasks, a task that no `started` row names, a row that names the task of another due time. */
export const ledgerMismatches = async (sql: Sql, since: Date): Promise<Violation[]> =>
  (
    await sql.query<Violation>(
      `SELECT schedule_id AS id, 'has ' || count(*) || ' tasks for ' || scheduled_for AS what FROM tasks
         WHERE trigger = 'schedule' AND schedule_id IS NOT NULL AND created_at > $1 GROUP BY schedule_id, scheduled_for HAVING count(*) > 1
       UNION ALL
       SELECT t.id, 'was made for ' || t.scheduled_for || ', and the ledger of its schedule has no started row that names it' FROM tasks t
         WHERE t.trigger = 'schedule' AND t.schedule_id IS NOT NULL AND t.created_at > $1
           AND NOT EXISTS (SELECT FROM occurrences o WHERE o.schedule_id = t.schedule_id AND o.scheduled_for = t.scheduled_for AND o.decision = 'started' AND o.task_id = t.id)
       UNION ALL
       SELECT o.task_id, 'is named by the ledger of schedule ' || o.schedule_id || ' for ' || o.scheduled_for || ', but belongs to another due time' FROM occurrences o JOIN tasks t ON t.id = o.task_id
         WHERE o.scheduled_for > $1 AND ((t.schedule_id IS NOT NULL AND t.schedule_id <> o.schedule_id) OR t.scheduled_for IS DISTINCT FROM o.scheduled_for OR o.decision <> 'started')`,
      [since],
    )
  ).rows

/** Running tasks whose lease has been over for longer than `seconds`: no worker took them over. */
export const overdueLeases = async (sql: Sql, seconds: number): Promise<Violation[]> =>
  (
    await sql.query<Violation>(
      `SELECT id, 'is running (' || phase || ') with a lease that was over at ' || lease_until AS what FROM tasks
       WHERE status = 'running' AND (lease_until IS NULL OR lease_until < spark_now() - $1 * interval '1 second') ORDER BY id`,
      [seconds],
    )
  ).rows

/** Tasks that have been ready for longer than `seconds`, with room at their source and no other run of their schedule: no worker claims them. */
export const unclaimedTasks = async (sql: Sql, seconds: number): Promise<Violation[]> =>
  (
    await sql.query<Violation>(
      `SELECT t.id, 'is ready since ' || t.ready_at || ', and nobody claims it' AS what
       FROM tasks t JOIN sources s ON s.id = t.source_id AND s.deleted_at IS NULL AND s.status = 'active' AND (s.hold_from IS NULL OR s.hold_until IS NOT NULL)
         JOIN workflows w ON w.id = t.workflow_id AND w.deleted_at IS NULL
       WHERE t.status = 'pending' AND greatest(t.ready_at, t.updated_at) < spark_now() - $1 * interval '1 second'
         AND (SELECT count(*) FROM tasks r WHERE r.source_id = s.id AND r.status = 'running') < s.max_concurrency
         AND NOT EXISTS (SELECT FROM tasks o WHERE o.serial_key = t.serial_key AND o.id <> t.id AND o.status IN ('pending', 'running')) ORDER BY t.id`,
      [seconds],
    )
  ).rows

/** Tasks whose status and other columns contradict each other. */
export const contradictions = async (sql: Sql, since: Date): Promise<Violation[]> =>
  (
    await sql.query<Violation>(
      `SELECT t.id, 'is ' || t.status || ' and ' || v.what AS what FROM tasks t CROSS JOIN LATERAL (VALUES
         (t.status IN ('completed', 'failed', 'cancelled') AND t.finished_at IS NULL, 'has no finished_at'),
         (t.status IN ('pending', 'running') AND t.finished_at IS NOT NULL, 'has a finished_at'),
         (t.status IN ('completed', 'failed', 'cancelled', 'pending') AND (t.lease_until IS NOT NULL OR t.phase IS NOT NULL), 'still has a lease or a phase'),
         (t.status = 'running' AND (t.token IS NULL OR t.worker_id IS NULL), 'has no token or no worker'),
         (t.status = 'completed' AND (t.tries < 1 OR t.token IS NULL OR t.started_at IS NULL), 'no attempt of it won'),
         (t.status = 'completed' AND (t.error IS NOT NULL OR t.error_code IS NOT NULL), 'has an error'),
         (t.status = 'failed' AND (t.error IS NULL OR t.error_code IS NULL), 'does not say why'),
         (t.finished_at < t.started_at, 'ended before it started'),
         (t.status <> 'completed' AND EXISTS (SELECT FROM task_outputs f WHERE f.task_id = t.id), 'has an answer')
       ) v(wrong, what) WHERE v.wrong AND t.updated_at > $1 ORDER BY t.id`,
      [since],
    )
  ).rows

/** Tokens of two claims: their tasks belong to two workers, or were claimed at two moments. */
export const sharedTokens = async (sql: Sql, since: Date): Promise<Violation[]> =>
  (
    await sql.query<Violation>(
      `SELECT token AS id, 'fences two claims: the tasks ' || string_agg(id::text, ', ' ORDER BY id) AS what FROM tasks
       WHERE token IS NOT NULL AND updated_at > $1 GROUP BY token HAVING count(DISTINCT worker_id) > 1 OR count(DISTINCT started_at) > 1 ORDER BY token`,
      [since],
    )
  ).rows

/** More running tasks than allowed: of a source over its limit, or two of a schedule that must not overlap. Manual runs may overlap. */
export const overLimits = async (sql: Sql): Promise<Violation[]> =>
  (
    await sql.query<Violation>(
      `SELECT s.id, 'has ' || count(*) || ' running tasks, and max_concurrency ' || s.max_concurrency AS what
         FROM tasks t JOIN sources s ON s.id = t.source_id WHERE t.status = 'running' GROUP BY s.id HAVING count(*) > s.max_concurrency
       UNION ALL
       SELECT serial_key, 'has ' || count(*) || ' running tasks, which must not overlap: ' || string_agg(id::text, ', ' ORDER BY id)
         FROM tasks WHERE status = 'running' AND serial_key IS NOT NULL AND trigger <> 'manual' GROUP BY serial_key HAVING count(*) > 1`,
    )
  ).rows

/** A task, to compare with the log of its flow server. */
export type CheckedTask = {
  id: string
  source_id: string
  status: string
  retry_on: 'safe' | 'failure' | 'unknown'
  retries_by_hand: number
}

export const tasksSince = async (sql: Sql, since: Date): Promise<CheckedTask[]> =>
  (
    await sql.query<CheckedTask>(
      `SELECT t.id, t.source_id, t.status, t.retry_on, (SELECT count(*)::int FROM task_events e WHERE e.task_id = t.id AND e.type = 'retry_requested') AS retries_by_hand
       FROM tasks t WHERE t.session_id IS NULL AND t.updated_at > $1 ORDER BY t.id`,
      [since],
    )
  ).rows

export const concurrencyLimits = async (sql: Sql): Promise<{ id: string; max_concurrency: number }[]> =>
  (
    await sql.query<{ id: string; max_concurrency: number }>(
      `SELECT id, max_concurrency FROM sources WHERE deleted_at IS NULL ORDER BY id`,
    )
  ).rows
