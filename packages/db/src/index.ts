export type { ReadAddress } from './address.ts'
export { readAddress, schemaOf } from './address.ts'
export type { CoveringRow, SpanPiece, StoredPlan } from './backfill.ts'
export { coveringRows, splitSpans, writeBackfill } from './backfill.ts'
export type { CheckedOccurrence, CheckedSchedule, CheckedTask, Wrong } from './checks.ts'
export {
  badEnds,
  checkedOccurrences,
  checkedSchedules,
  checkedTasks,
  concurrencyLimits,
  ledgerAndTasks,
  sharedTokens,
  staleLeases,
  tooManyRunning,
  unclaimed,
} from './checks.ts'
export { DatabaseError } from './database-error.ts'
export type { Db, DbOptions, HotDb } from './db.ts'
export { makeDb, makeHotDb } from './db.ts'
export type { Embedded, EmbeddedOptions } from './embedded.ts'
export { startEmbedded } from './embedded.ts'
export { hasDatabase } from './embedded/state.ts'
export type { Check, SeenDown } from './hot/check.ts'
export { checkedDown, checkedUp, checkNotMade, claimChecks, verdictSince } from './hot/check.ts'
export type { AskedTask, ClaimedTask, FlowTarget, SourceTarget } from './hot/claim.ts'
export { askedBy, claim, claimedBy, flowTargets, markAsking, markCalling, sourceTargets } from './hot/claim.ts'
export type { SourcesToTend } from './hot/hold.ts'
export { endOverdue, showUp, sourcesToTend, turnAway } from './hot/hold.ts'
export type { Asker, Held } from './hot/lease.ts'
export { markExpired, MAX_CRASHES, prolong, takeOver } from './hot/lease.ts'
export type { LedgerEntry, LockedSchedule, OpenTasks, ScheduleMove } from './hot/ledger.ts'
export {
  cancelOpen,
  countOpen,
  dueSeconds,
  lockDue,
  lockSchedule,
  moveSchedules,
  sqlNow,
  writeLedger,
} from './hot/ledger.ts'
export type { Settled, SettledRun, Settlement } from './hot/settle.ts'
export { addEvent, handBack, settle, SETTLE_BATCH, settledBy, settlementOf } from './hot/settle.ts'
export type { ToDo } from './hot/to-do.ts'
export { whatIsToDo } from './hot/to-do.ts'
export type { Unsent, UnsentTask } from './hot/unsent.ts'
export { giveBackUnsent, UNSENT_TRIES } from './hot/unsent.ts'
export type { Channel, Listener } from './listen.ts'
export { listen } from './listen.ts'
export type { MigrationStatus } from './migrate.ts'
export { migrate, migrationStatus } from './migrate.ts'
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
export type { NewRun } from './tasks.ts'
export { beat, WORKER_STALE_SECONDS } from './workers.ts'
export type { CheckedFlow, WorkflowSync } from './workflows.ts'
