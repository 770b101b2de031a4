import type { Decision, World } from '@automagik-spark/core'
import { startOf } from '@automagik-spark/core'
import type { LedgerEntry, LockedSchedule, OpenTasks, ScheduleMove, Sql } from '@automagik-spark/db'
import { cancelOpen, moveSchedules, notifyReady, writeLedger } from '@automagik-spark/db'
import { planOf } from './decidable.ts'
import type { Ids } from './ids.ts'

/** What a decision writes for one locked schedule. */
export type Outcome = { entries: LedgerEntry[]; move: ScheduleMove; cancelsOpen: boolean }

export const worldOf = (schedule: LockedSchedule, open: OpenTasks | undefined, now: Date): World => ({
  now,
  open: { count: open?.open ?? 0, pending: open?.pending ?? 0 },
  suspension: schedule.hold_from ? { from: schedule.hold_from, until: schedule.hold_until } : null,
})

const entriesOf = (schedule: LockedSchedule, decision: Decision, ids: Ids): LedgerEntry[] => {
  const cancelled = new Set(decision.cancel_started.map((due) => due.getTime()))
  return decision.rows.map((row) => ({
    ...row,
    schedule_id: schedule.id,
    task_id: row.decision === 'started' ? ids.next() : null,
    cancelled: row.decision === 'started' && cancelled.has(row.scheduled_for.getTime()),
    ready_at: row.decision === 'started' ? startOf(planOf(schedule), row.scheduled_for) : null,
  }))
}

/** The state of the schedule after a decision. A next time that is not later than the last one is a bug and throws: it would loop. */
const moveOf = (schedule: LockedSchedule, decision: Decision): ScheduleMove => {
  if (decision.next_due_at && decision.decided_until && decision.next_due_at <= decision.decided_until) {
    throw new RangeError(
      `the next due time ${decision.next_due_at.toISOString()} is not after ${decision.decided_until.toISOString()}`,
    )
  }
  return {
    id: schedule.id,
    decided_until: decision.decided_until,
    next_due_at: decision.next_due_at,
    next_run_at: decision.status === 'active' ? decision.next_run_at : null,
    run_count: decision.run_count,
    status: decision.status,
    paused_reason: schedule.paused_reason,
    started: decision.rows.some((row) => row.decision === 'started'),
  }
}

export const outcomeOf = (schedule: LockedSchedule, decision: Decision, ids: Ids): Outcome => ({
  entries: entriesOf(schedule, decision, ids),
  move: moveOf(schedule, decision),
  cancelsOpen: decision.cancel_open,
})

/** Writes decisions in the transaction that holds the locks of their schedules, and announces their tasks. Returns how many tasks were made. */
export const writeOutcomes = async (
  tx: Sql,
  outcomes: Outcome[],
  now: Date,
  default_timeout: number,
): Promise<number> => {
  // Before the new tasks are written, which must not be cancelled.
  const cancelling = outcomes.filter((outcome) => outcome.cancelsOpen).map((outcome) => outcome.move.id)
  if (cancelling.length > 0) await cancelOpen(tx, cancelling)
  const made = await writeLedger(
    tx,
    outcomes.flatMap((outcome) => outcome.entries),
    now,
    default_timeout,
  )
  await moveSchedules(
    tx,
    outcomes.map((outcome) => outcome.move),
    now,
  )
  if (made.length > 0) await notifyReady(tx)
  return made.length
}
