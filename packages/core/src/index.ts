export { ceilToSecond, DAY, floorToSecond, HOUR, MINUTE, SECOND } from './clock.ts'
export type { Clock } from './clock.ts'
export { ErrorAnswer, Json, Text, Timestamp } from './contract/common.ts'
export type { Page, PageQuery } from './contract/common.ts'
export { endpoint } from './contract/endpoint.ts'
export type { Endpoint, Method, Tag } from './contract/endpoint.ts'
export { endpoints } from './contract/endpoints.ts'
export {
  Backfill, backfillSchedule, BackfillSchedule, createSchedule, CreateSchedule, DECISIONS, deleteSchedule, disableSchedule, enableSchedule, getSchedule, listOccurrences, listSchedules, Misfire, Occurrence, Overlap, previewSchedule, REASONS,
  replaceSchedule, ReplaceSchedule, runSchedule, Schedule, SCHEDULE_TYPES, SchedulePreview, ScheduleStatus, ScheduleType, updateSchedule, UpdateSchedule,
} from './contract/schedules.ts'
export { getHealth, getReady, getServiceInfo, Health, Ready, ServiceInfo } from './contract/service.ts'
export {
  createSource, CreateSource, deleteSource, getSource, listSources, replaceSource, Source, SourceStatus, SourceType, updateSource, UpdateSource, validateSource,
} from './contract/sources.ts'
export {
  cancelTask, deleteTask, getTask, listTaskLogs, listTasks, replayTask, ReplayTask, RetryOn, retryTask, Task, TASK_EVENTS, TaskEvent, TaskStatus, Trigger,
} from './contract/tasks.ts'
export type { TaskQuery } from './contract/tasks.ts'
export { listWorkers, Worker } from './contract/workers.ts'
export {
  deleteWorkflow, FlowType, getRemoteFlow, getWorkflow, listRemoteFlows, listWorkflows, RemoteFlowItem, RunRequest, runWorkflow, syncWorkflow, Workflow, WorkflowItem,
} from './contract/workflows.ts'
export type { SyncAll } from './contract/workflows.ts'
export { DomainError, invalid, notFound, SourceError } from './errors.ts'
export type { ErrorCode, FailureClass, FieldError } from './errors.ts'
export { uuidV7 } from './ids.ts'
export { MAX_RETRY_DELAY_MS, RETRY_WINDOWS_MS, retryDelayMs } from './task/backoff.ts'
export { dueTimesByClock } from './oracle.ts'
export type { OraclePlan } from './oracle.ts'
export { TASK_ERROR_CODES } from './task/error-code.ts'
export type { TaskErrorCode } from './task/error-code.ts'
export { MANUAL_RETRIES, MAX_RETRIES, nextRetryMs, SCHEDULED_RETRIES } from './task/retry.ts'
export type { RetryableFailure, RetryPolicy } from './task/retry.ts'
export { isFinished, TASK_EDGES, TASK_STATUSES } from './task/status.ts'
export { checkOptions, checkPlan } from './schedule/check.ts'
export type { CheckedPlan, OptionsInput, PlanInput } from './schedule/check.ts'
export { backfillSpan, chooseBackfill, splitSpan } from './schedule/backfill.ts'
export { decide, defaultCatchupWindow } from './schedule/decide.ts'
export type { Decidable, Decision, LedgerRow, World } from './schedule/decide.ts'
export { describe, descriptionOf } from './schedule/describe.ts'
export { nextDue, startOf } from './schedule/plan.ts'
export type { Plan } from './schedule/plan.ts'
export { preview } from './schedule/preview.ts'
export type { PreviewInput } from './schedule/preview.ts'
export { pausedSpan, supersededSpan, whyOver } from './schedule/spans.ts'
