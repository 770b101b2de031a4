export type { SparkOptions } from './client.ts'
export { Spark } from './client.ts'
export type {
  Backfill,
  BackfillSchedule,
  CreateSchedule,
  CreateSource,
  DisableSchedule,
  FlowType,
  Health,
  Misfire,
  Occurrence,
  Overlap,
  Ready,
  RemoteFlow,
  ReplaceSchedule,
  ReplayTask,
  RetryOn,
  RunRequest,
  Schedule,
  SchedulePreview,
  SchedulesListQuery,
  SchedulesOccurrencesQuery,
  SchedulesPreviewQuery,
  ScheduleStatus,
  ScheduleType,
  ServiceInfo,
  Source,
  SourceDeleted,
  SourcesListQuery,
  SourceType,
  SyncedFlows,
  Task,
  TaskEvent,
  TasksListQuery,
  TasksLogsQuery,
  TaskStatus,
  UpdateSchedule,
  UpdateSource,
  Worker,
  WorkersListQuery,
  Workflow,
  WorkflowDeleted,
  WorkflowItem,
  WorkflowsListQuery,
  WorkflowsRemoteGetQuery,
  WorkflowsRemoteListQuery,
  WorkflowsSyncQuery,
} from './contract-types.ts'
export type { FieldError } from './errors.ts'
export {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PermissionError,
  PreconditionFailedError,
  ServerError,
  SparkError,
  TimeoutError,
  UnprocessableError,
} from './errors.ts'
export { etagOf } from './etags.ts'
export { RawJson, stringifyJson } from './json.ts'
export type { List, Page } from './page.ts'
export type { ChangeOptions, Fetch, OnAnswer, RequestOptions } from './request.ts'
export type { WaitOptions } from './resources/tasks.ts'
export { isFinished, resultText } from './resources/tasks.ts'
export type { RemoteFlows, RunOptions } from './resources/workflows.ts'
