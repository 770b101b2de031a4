export type { ReadAddress } from './address.ts'
export { readAddress, schemaOf } from './address.ts'
export type { CoveringRow, SpanPiece, StoredPlan } from './backfill.ts'
export { coveringRows, splitSpans, writeBackfill } from './backfill.ts'
export type { Db, DbOptions } from './db.ts'
export { makeDb } from './db.ts'
export { migrate, migrationStatus } from './migrate.ts'
export type { MigrationStatus } from './migration-history.ts'
export type { Channel, Listener } from './notify.ts'
export { idsIn, listen, notifyDue, notifyReady } from './notify.ts'
export type { SourceWork } from './queue/circuit-breaker.ts'
export { failManualRuns, failOverdue, findSourceWork, showReachedAsUp } from './queue/circuit-breaker.ts'
export type { ClaimedTask, FlowTarget, LostCall, SourceTarget } from './queue/claim.ts'
export {
  claim,
  claimedBy,
  flowTargets,
  lostCallsOf,
  markCalling,
  markRecovering,
  sourceTargets,
} from './queue/claim.ts'
export type { QueueDb } from './queue/connections.ts'
export { makeQueueDb } from './queue/connections.ts'
export { endLeases, existingTasks } from './queue/end-leases.ts'
export type { DownReport, HealthCheck } from './queue/health-check.ts'
export { claimHealthChecks, healthSince, recordDown, recordNotChecked, recordUp } from './queue/health-check.ts'
export type { KeptLease, Recoverer } from './queue/lease.ts'
export { markExpired, MAX_CRASHES, prolongLeases, takeOver } from './queue/lease.ts'
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
export { addEvent, releaseTasks, settle, SETTLE_BATCH, settledBy, settlementOf } from './queue/settle.ts'
export type { ToDo } from './queue/to-do.ts'
export { findToDo } from './queue/to-do.ts'
export type { Unsent, UnsentTask } from './queue/unsent.ts'
export { releaseUnsent, UNSENT_TRIES } from './queue/unsent.ts'
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
  insertSchedule,
  lockWorkflow,
  removeSchedule,
  resetFailures,
  updateSchedule,
} from './schedules.ts'
export type { SourceChange, Versions } from './sources.ts'
export type { PoolOptions, Sql, SqlPool } from './sql.ts'
export { makePool } from './sql.ts'
export { storableJson, storableText } from './storable.ts'
export type { NewRun } from './tasks.ts'
export { writeHeartbeat } from './workers.ts'
export type { FlowToValidate, WorkflowSync } from './workflows.ts'
