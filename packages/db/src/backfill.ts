import type { OccurrenceRow } from './rows.ts'
import type { Sql } from './sql.ts'

/** What moved the times of a span when it was written, as the ledger keeps it. */
export type StoredPlan = {
  schedule_type: 'cron' | 'interval' | 'one-time'
  schedule_expr: string
  timezone: string
  anchor: string
  start_at: string | null
  end_at: string | null
  /** By which rule a cron was read; without it, the one of earlier releases. */
  cron?: 'debian'
}

/** The row of the ledger that a due time is in. */
export type CoveringRow = Pick<OccurrenceRow, 'scheduled_for' | 'until' | 'decision' | 'reason' | 'decided_at'> & {
  due: Date
  plan: StoredPlan | null
}

const iso = (at: Date | null) => (at ? at.toISOString() : null)

/** For each of these due times its row, where there is one. Rows do not overlap, so it is the last that begins no later. */
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

/** What is left of a span that is split: it says what the whole said. */
export type SpanPiece = Pick<
  OccurrenceRow,
  'scheduled_for' | 'until' | 'count' | 'count_at_least' | 'decision' | 'reason' | 'decided_at'
> & { plan: StoredPlan | null }

/** Puts pieces in the place of the spans that began at `starts`. The caller holds the schedule's lock. */
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
 * Makes the row of each due time `started: backfill`, whatever it said, unless it says `started` already, and a task for it. They run one at
 * a time, over all backfills of the schedule, and after everything else. Returns the due times that got their task.
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
  if (rows.length > 0) await tx.query(`SELECT pg_notify('spark_ready', '')`)
  return rows.map((row) => row.scheduled_for)
}
