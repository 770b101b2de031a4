export { type Backoff, makeBackoff } from './backoff.ts'
export { type BoundedMap, makeBoundedMap } from './bounded-map.ts'
export type { Clock } from './clock.ts'
export { ceilToSecond, DAY, floorToSecond, HOUR, MINUTE, SECOND } from './clock.ts'
export type { Page, PageQuery } from './contract/common.ts'
export { DEFAULT_PAGE_SIZE, ErrorAnswer, Json, MAX_PAGE_SIZE, Text, Timestamp } from './contract/common.ts'
export type { Endpoint, Method, Tag } from './contract/endpoint.ts'
export { endpoint, etag } from './contract/endpoint.ts'
export { endpoints } from './contract/endpoints.ts'
export { getHealth, getReady, getServiceInfo, Health, Ready, ServiceInfo } from './contract/health.ts'
export {
  Backfill,
  BackfillSchedule,
  backfillSchedule,
  CreateSchedule,
  createSchedule,
  DEFAULT_PREVIEW_COUNT,
  deleteSchedule,
  disableSchedule,
  enableSchedule,
  getSchedule,
  listOccurrences,
  listSchedules,
  MAX_PREVIEW_COUNT,
  Misfire,
  Occurrence,
  Overlap,
  previewSchedule,
  ReplaceSchedule,
  replaceSchedule,
  runSchedule,
  Schedule,
  SchedulePreview,
  ScheduleStatus,
  ScheduleType,
  UpdateSchedule,
  updateSchedule,
} from './contract/schedules.ts'
export {
  CreateSource,
  createSource,
  DEFAULT_SOURCE_CONCURRENCY,
  deleteSource,
  getSource,
  listSources,
  replaceSource,
  Source,
  SourceStatus,
  SourceType,
  UpdateSource,
  updateSource,
  validateSource,
} from './contract/sources.ts'
export type { TaskQuery } from './contract/tasks.ts'
export {
  cancelTask,
  deleteTask,
  getTask,
  listTaskLogs,
  listTasks,
  ReplayTask,
  replayTask,
  RetryOn,
  retryTask,
  Task,
  TASK_EVENTS,
  TaskEvent,
  TaskStatus,
  Trigger,
} from './contract/tasks.ts'
export { listWorkers, Worker, WORKER_STALE_SECONDS } from './contract/workers.ts'
export type { SyncAll } from './contract/workflows.ts'
export {
  deleteWorkflow,
  FlowType,
  getRemoteFlow,
  getWorkflow,
  listRemoteFlows,
  listWorkflows,
  MAX_TIMEOUT,
  RemoteFlowItem,
  RunRequest,
  runWorkflow,
  syncWorkflow,
  Workflow,
  WorkflowItem,
} from './contract/workflows.ts'
export { decodeText, withUnixLineEnds } from './decode-text.ts'
export type { ErrorCode, FailureClass, FieldError } from './errors.ts'
export { ChangedError, DomainError, invalid, notFound, SourceError } from './errors.ts'
export { isObject } from './json/is-object.ts'
export type { JsonNode } from './json/node.ts'
export { jsonNode } from './json/node.ts'
export { prettyJson } from './json/pretty.ts'
export { elementsOf, membersOf, partOf, sliceAt } from './json/slice.ts'
export { JsonSource, USER_JSON, withSources, writeJson } from './json/source.ts'
export type { JsonText } from './json/text.ts'
export {
  asJsonText,
  asStringText,
  checkedJsonText,
  isObjectText,
  isStringText,
  jsonText,
  objectText,
  plainText,
  readJson,
} from './json/text.ts'
export { wellFormedJson } from './json/well-formed.ts'
export { backfillSpan, chooseBackfill, MAX_BACKFILL, splitSpan } from './schedule/backfill.ts'
export { isReadByOldOnly } from './schedule/cron/old-reader.ts'
export type { Decidable, Decision, World } from './schedule/decide.ts'
export { decide, defaultCatchupWindow } from './schedule/decide.ts'
export { describe, descriptionOf, warningsOf } from './schedule/describe.ts'
export type { LedgerRow } from './schedule/ledger.ts'
export { DECISIONS, REASONS } from './schedule/ledger.ts'
export type { Plan } from './schedule/plan.ts'
export { countDue, dueTimesBetween, nextDue, previousDue, SCHEDULE_TYPES, startOf } from './schedule/plan.ts'
export type { PreviewInput } from './schedule/preview.ts'
export { preview } from './schedule/preview.ts'
export type { Reread } from './schedule/reread.ts'
export { rereadCron } from './schedule/reread.ts'
export { pausedSpan, supersededSpan, whyOver } from './schedule/spans.ts'
export type { OptionsInput, PlanInput, ValidPlan } from './schedule/validate.ts'
export { validateOptions, validatePlan } from './schedule/validate.ts'
export { fileVariable, findSecret, MAX_SECRET_FILE_BYTES } from './secret-file.ts'
export { HIDDEN, hideForms, secretForms } from './secret-forms.ts'
export { singleFlight } from './single-flight.ts'
export type { TaskErrorCode } from './task/error-code.ts'
export { TASK_ERROR_CODES } from './task/error-code.ts'
export type { RetryableFailure, RetryPolicy } from './task/retry.ts'
export { MANUAL_RETRIES, MAX_RETRIES, nextRetryMs, SCHEDULED_RETRIES } from './task/retry.ts'
export { MAX_RETRY_DELAY_MS, RETRY_WINDOWS_MS, retryDelayMs } from './task/retry-delay.ts'
export { isFinished, TASK_EDGES, TASK_STATUSES } from './task/status.ts'
