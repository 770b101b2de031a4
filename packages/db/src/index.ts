export type { ReadAddress } from './address.ts'
export { readAddress, schemaOf } from './address.ts'
export type { CoveringRow, SpanPiece, StoredPlan } from './backfill.ts'
export { coveringRows, splitSpans, writeBackfill } from './backfill.ts'
export type { Db, DbOptions, HotDb } from './db.ts'
export { makeDb, makeHotDb } from './db.ts'
export type { Channel, Listener } from './listen.ts'
export { listen } from './listen.ts'
export type { MigrationStatus } from './migrate.ts'
export { migrate, migrationStatus } from './migrate.ts'
export type { SourcesToTend } from './queue/circuit-breaker.ts'
export { endOverdue, showUp, sourcesToTend, turnAway } from './queue/circuit-breaker.ts'
export type { AskedTask, ClaimedTask, FlowTarget, SourceTarget } from './queue/claim.ts'
export { askedBy, claim, claimedBy, flowTargets, markAsking, markCalling, sourceTargets } from './queue/claim.ts'
export type { Check, SeenDown } from './queue/health-check.ts'
export { checkedDown, checkedUp, checkNotMade, claimChecks, verdictSince } from './queue/health-check.ts'
export type { Asker, Held } from './queue/lease.ts'
export { markExpired, MAX_CRASHES, prolong, takeOver } from './queue/lease.ts'
export type { LedgerEntry, LockedSchedule, OpenTasks, ScheduleMove } from './queue/ledger.ts'
export {
  cancelOpen,
  countOpen,
  dueSeconds,
  lockDue,
  lockSchedule,
  moveSchedules,
  sqlNow,
  writeLedger,
} from './queue/ledger.ts'
export type { Settled, SettledRun, Settlement } from './queue/settle.ts'
export { addEvent, handBack, settle, SETTLE_BATCH, settledBy, settlementOf } from './queue/settle.ts'
export type { ToDo } from './queue/to-do.ts'
export { whatIsToDo } from './queue/to-do.ts'
export type { Unsent, UnsentTask } from './queue/unsent.ts'
export { giveBackUnsent, UNSENT_TRIES } from './queue/unsent.ts'
export type { RereadRow, UnreadRow } from './reread.ts'
export { findUnread, writeReread } from './reread.ts'
export type {
  JsonRow,
  OccurrenceRow,
  PageArgs,
  RowPage,
  ScheduleRow,
  ScheduleView,
  SourceRow,
  TaskEventRow,
  TaskRow,
  WorkerRow,
  WorkflowRow,
  WorkflowView,
} from './rows.ts'
export {
  findSchedule,
  forgetFailures,
  holdWorkflow,
  insertSchedule,
  removeSchedule,
  updateSchedule,
} from './schedules.ts'
export type { SourceChange } from './sources.ts'
export type { PoolOptions, Sql, SqlPool } from './sql.ts'
export { makePool } from './sql.ts'
export { storableJson, storableText } from './storable.ts'
export type { NewRun } from './tasks.ts'
export { beat, WORKER_STALE_SECONDS } from './workers.ts'
export type { CheckedFlow, WorkflowSync } from './workflows.ts'
