export { Spark } from './client.ts'
export type { SparkOptions } from './client.ts'
export type {
  CreateSchedule,
  CreateSource,
  DisableSchedule,
  FlowType,
  Health,
  Occurrence,
  Overlap,
  Ready,
  RemoteFlow,
  ReplaceSchedule,
  ReplayTask,
  RetryOn,
  RunRequest,
  Schedule,
  SchedulesListQuery,
  SchedulesOccurrencesQuery,
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
export type { FieldError } from './errors.ts'
export type { List, Page } from './page.ts'
export type { Fetch, RequestOptions } from './request.ts'
export { isFinished, resultText } from './resources/tasks.ts'
export type { WaitOptions } from './resources/tasks.ts'
export type { RemoteFlows, RunOptions } from './resources/workflows.ts'
