import { notifyReady } from './notify.ts'
import type { OccurrenceRow } from './rows.ts'
import type { Sql } from './sql.ts'
import { iso } from './sql.ts'

/** The plan that made the due times of a span, as the ledger keeps it. */
export type StoredPlan = {
  schedule_type: 'cron' | 'interval' | 'one-time'
  schedule_expr: string
  timezone: string
  anchor: string
  start_at: string | null
  end_at: string | null
  /** By which rules the cron is read; without it, by those of earlier releases. */
  cron?: 'debian'
}

/** The row of the ledger that covers a due time. */
export type CoveringRow = Pick<OccurrenceRow, 'scheduled_for' | 'until' | 'decision' | 'reason' | 'decided_at'> & {
  due: Date
  plan: StoredPlan | null
}

/** The row of each of these due times, if there is one. Rows do not overlap, so it is the last row that begins at or before the due time. */
export const coveringRows = async (tx: Sql, schedule_id: string, due: Date[]): Promise<CoveringRow[]> =>
  (
    await tx.query<CoveringRow>(
      `SELECT d.due, o.scheduled_for, o.until, o.decision, o.reason, o.decided_at, o.plan
       FROM unnest($2::timestamptz[]) AS d(due)
       CROSS JOIN LATERAL (SELECT * FROM occurrences o WHERE o.schedule_id = $1 AND o.scheduled_for <= d.due ORDER BY o.scheduled_for DESC LIMIT 1) o
       WHERE coalesce(o.until, o.scheduled_for) >= d.due`,
      [schedule_id, due.map(iso)],
    )
  ).rows

/** A part of a span that is split; it has the decision and the reason of the whole. */
export type SpanPiece = Pick<
  OccurrenceRow,
  'scheduled_for' | 'until' | 'count' | 'count_at_least' | 'decision' | 'reason' | 'decided_at'
> & { plan: StoredPlan | null }

/** Replaces the spans that begin at `starts` by their pieces. The caller holds the schedule's lock. */
export const splitSpans = async (tx: Sql, schedule_id: string, starts: Date[], pieces: SpanPiece[]): Promise<void> => {
  if (starts.length === 0) return
  await tx.query(`DELETE FROM occurrences WHERE schedule_id = $1 AND scheduled_for = ANY ($2::timestamptz[])`, [
    schedule_id,
    starts.map(iso),
  ])
  await tx.query(
    `INSERT INTO occurrences (schedule_id, scheduled_for, until, count, count_at_least, decision, reason, decided_at, plan)
     SELECT $1, p.* FROM unnest($2::timestamptz[], $3::timestamptz[], $4::int[], $5::bool[], $6::text[], $7::text[], $8::timestamptz[], $9::jsonb[]) p`,
    [
      schedule_id,
      pieces.map((p) => iso(p.scheduled_for)),
      pieces.map((p) => iso(p.until)),
      pieces.map((p) => p.count),
      pieces.map((p) => p.count_at_least),
      pieces.map((p) => p.decision),
      pieces.map((p) => p.reason),
      pieces.map((p) => iso(p.decided_at)),
      pieces.map((p) => p.until && p.plan && JSON.stringify(p.plan)),
    ],
  )
}

/**
 * Makes each due time `started: backfill` in the ledger, with a task, unless it is `started` already. Of all backfills of a schedule one task runs at a
 * time, and after every other task. Returns the due times that got a task.
 */
export const writeBackfill = async (
  tx: Sql,
  schedule_id: string,
  runs: { due: Date; task_id: string }[],
  now: Date,
  default_timeout: number,
): Promise<Date[]> => {
  const { rows } = await tx.query<{ scheduled_for: Date }>(
    `WITH o AS (
       INSERT INTO occurrences AS o (schedule_id, scheduled_for, decided_at, decision, reason, task_id)
       SELECT $1, r.due, $4::timestamptz, 'started', 'backfill', r.task_id FROM unnest($2::timestamptz[], $3::uuid[]) AS r(due, task_id)
       ON CONFLICT (schedule_id, scheduled_for) DO UPDATE SET decision = 'started', reason = 'backfill', task_id = excluded.task_id, decided_at = excluded.decided_at
         WHERE o.decision <> 'started'
       RETURNING o.scheduled_for, o.task_id
     )
     INSERT INTO tasks (id, workflow_id, source_id, schedule_id, status, trigger, priority, serial_key, scheduled_for,
       input, session_id, tweaks, timeout, max_retries, retry_on, ready_at, created_at, updated_at)
     SELECT o.task_id, s.workflow_id, w.source_id, s.id, 'pending', 'backfill', 2, md5('backfill:' || s.id)::uuid, o.scheduled_for,
       s.input_value, s.session_id, s.tweaks, coalesce(s.timeout, $5), s.max_retries, s.retry_on, $4::timestamptz, $4::timestamptz, $4::timestamptz
     FROM o JOIN schedules s ON s.id = $1 JOIN workflows w ON w.id = s.workflow_id
     RETURNING scheduled_for`,
    [schedule_id, runs.map((r) => iso(r.due)), runs.map((r) => r.task_id), iso(now), default_timeout],
  )
  if (rows.length > 0) await notifyReady(tx)
  return rows.map((row) => row.scheduled_for)
}
