import type { Backfill, BackfillSchedule, Plan } from '@automagik-spark/core'
import { backfillSpan, chooseBackfill, DomainError, notFound, splitSpan } from '@automagik-spark/core'
import type { CoveringRow, Db, LockedSchedule, SpanPiece, StoredPlan } from '@automagik-spark/db'
import { coveringRows, lockSchedule, splitSpans, sqlNow, writeBackfill } from '@automagik-spark/db'
import { planOf } from './decidable.ts'
import type { Ids } from './ids.ts'

type Deps = { db: Db; ids: Ids; default_timeout: number }

/** The plan that a span was written with; a span without one gets the plan of today. */
const planOfSpan = (schedule: LockedSchedule, stored: StoredPlan | null): Plan => {
  if (!stored) return planOf(schedule)
  const at = (text: string | null) => (text ? new Date(text) : null)
  const { cron, ...plan } = stored
  const read = cron === undefined ? { read: 'old' as const } : {}
  return {
    ...planOf(schedule),
    ...plan,
    ...read,
    anchor: new Date(stored.anchor),
    start_at: at(stored.start_at),
    end_at: at(stored.end_at),
  }
}

/** The spans that hold a chosen due time, and the pieces that remain around it. */
const splitAround = (schedule: LockedSchedule, rows: CoveringRow[]): { starts: Date[]; pieces: SpanPiece[] } => {
  const spans = new Map<number, CoveringRow[]>()
  for (const row of rows)
    if (row.until) spans.set(row.scheduled_for.getTime(), [...(spans.get(row.scheduled_for.getTime()) ?? []), row])
  const split = [...spans.values()].map((inSpan) => {
    const { scheduled_for, until, decision, reason, decided_at, plan } = inSpan[0]!
    const rest = splitSpan(
      planOfSpan(schedule, plan),
      { scheduled_for, until: until ?? scheduled_for },
      inSpan.map((row) => row.due),
    )
    return { start: scheduled_for, pieces: rest.map((piece) => ({ ...piece, decision, reason, decided_at, plan })) }
  })
  return { starts: split.map(({ start }) => start), pieces: split.flatMap(({ pieces }) => pieces) }
}

/** Starts the due times of a past span that were not started. Locks the schedule, so that no due time is decided twice. */
export const makeBackfill =
  ({ db, ids, default_timeout }: Deps) =>
  async (id: string, { from, to, dry_run }: BackfillSchedule): Promise<Backfill> =>
    db.sql.transaction(async (tx) => {
      const schedule = await lockSchedule(tx, id)
      if (!schedule) throw notFound('Schedule')
      const now = await sqlNow(tx)
      const past = {
        plan: planOf(schedule),
        decided_until: schedule.decided_until,
        isOver: schedule.status === 'completed',
      }
      const { due, undecided } = backfillSpan(past, { from, to, now })
      const rows = new Map((await coveringRows(tx, id, due)).map((row) => [row.due.getTime(), row]))
      const chosen = chooseBackfill(due, (one) => rows.get(one.getTime())?.decision === 'started')
      const runs = chosen.map((one) => ({ due: one, task_id: ids.next() }))
      if (!dry_run && runs.length > 0) {
        if (schedule.source_status !== 'active')
          throw new DomainError('invalid', 'The source of its workflow is inactive: make it active before you backfill')
        const { starts, pieces } = splitAround(
          schedule,
          chosen.flatMap((one) => rows.get(one.getTime()) ?? []),
        )
        await splitSpans(tx, id, starts, pieces)
        await writeBackfill(tx, id, runs, now, default_timeout)
      }
      return {
        dry_run,
        count: runs.length,
        due_times: runs.map((run) => {
          const row = rows.get(run.due.getTime())
          return {
            scheduled_for: run.due,
            task_id: dry_run ? null : run.task_id,
            was: row?.decision ?? null,
            reason: row?.reason ?? null,
          }
        }),
        already_started: due.length - runs.length,
        undecided,
      }
    })
