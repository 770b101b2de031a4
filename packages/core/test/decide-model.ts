import type { Decidable, World } from '../src/schedule/decide.ts'
import type { LedgerRow } from '../src/schedule/ledger.ts'
import { nextDue, startOf } from '../src/schedule/plan.ts'

/** One due time and what became of it. */
export type Verdict = { due: string; decision: LedgerRow['decision']; reason: LedgerRow['reason'] }

const text = (at: Date) => at.toISOString()

/** Every due time in (after, until], one by one. */
export const enumerate = (schedule: Decidable, after: Date | null, until: Date): Date[] => {
  const found: Date[] = []
  for (let due = nextDue(schedule.plan, after); due && due <= until; due = nextDue(schedule.plan, due)) found.push(due)
  return found
}

/** A ledger row as the due times that it stands for. */
export const expand = (schedule: Decidable, row: LedgerRow): Verdict[] => {
  const dues = enumerate(schedule, new Date(row.scheduled_for.getTime() - 1), row.until ?? row.scheduled_for)
  return dues.map((due) => ({ due: text(due), decision: row.decision, reason: row.reason }))
}

/** The four steps of the contract, due time by due time and as plainly as they are written. What `decide` must come to, however it gets there. */
export const model = (schedule: Decidable, world: World): Verdict[] => {
  const { plan, misfire, overlap, max_runs } = schedule
  const now = world.now.getTime()
  if (world.suspension && !world.suspension.until) return []
  const passed = enumerate(schedule, schedule.decided_until, world.now)
  const age = (due: Date) => now - startOf(plan, due).getTime()
  const candidates = passed.filter((due) => age(due) >= 0)
  const late = candidates.filter((due) => age(due) > 60_000)
  const onTime = candidates.filter((due) => age(due) <= 60_000)

  const window = schedule.catchup_window ?? (plan.schedule_type === 'one-time' ? 7 * 86400 : 86400)
  const alive = late.filter((due) => age(due) <= window * 1000)
  const catchUp =
    misfire === 'skip' ? [] : misfire === 'all' ? alive.slice(-100) : onTime.length > 0 ? [] : alive.slice(-1)

  const verdicts: Verdict[] = []
  let open = world.open.count
  let waiting = world.open.pending
  let runs = schedule.run_count
  const isOver = () => max_runs !== null && runs >= max_runs
  for (const due of passed) {
    if (isOver()) {
      verdicts.push({ due: text(due), decision: 'skipped', reason: 'ended' })
      continue
    }
    if (!candidates.includes(due)) continue
    if (late.includes(due) && !catchUp.includes(due)) {
      const start = startOf(plan, due)
      const down = world.suspension?.until && start >= world.suspension.from && start < world.suspension.until
      verdicts.push({ due: text(due), decision: 'missed', reason: down ? 'source_down' : 'misfire' })
      continue
    }
    const blocked = (overlap === 'skip' && open > 0) || (overlap === 'queue_one' && open > 1 && waiting > 0)
    if (blocked) {
      verdicts.push({ due: text(due), decision: 'skipped', reason: 'overlap' })
      continue
    }
    verdicts.push({ due: text(due), decision: 'started', reason: null })
    open++
    waiting++
    runs++
  }
  return verdicts
}
