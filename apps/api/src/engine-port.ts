import type {
  Backfill,
  BackfillSchedule,
  CreateSchedule,
  CreateSource,
  Health,
  listOccurrences,
  listRemoteFlows,
  listSchedules,
  listSources,
  listTaskLogs,
  listTasks,
  listWorkers,
  listWorkflows,
  Occurrence,
  Page,
  previewSchedule,
  Ready,
  RemoteFlowItem,
  ReplaceSchedule,
  ReplayTask,
  RunRequest,
  Schedule,
  SchedulePreview,
  Source,
  SyncAll,
  syncWorkflow,
  Task,
  TaskEvent,
  UpdateSchedule,
  UpdateSource,
  Worker,
  Workflow,
  WorkflowItem,
} from '@automagik-spark/core'
import type { z } from 'zod'
import type { JsonText } from './http/handle.ts'

type Query<E extends { query: z.ZodType }> = z.output<E['query']>
type SourceUrl = { source_url?: string | undefined }

/** What the routes need of the engine: a use case per call of the contract. Failures come as `DomainError`. */
export type ApiEngine = {
  sources: {
    create(input: CreateSource): Promise<Source>
    list(query: Query<typeof listSources>): Promise<Page<Source>>
    get(id: string): Promise<Source>
    update(id: string, patch: UpdateSource): Promise<Source>
    validate(id: string): Promise<Source>
    remove(id: string): Promise<void>
  }
  workflows: {
    list(query: Query<typeof listWorkflows>): Promise<Page<WorkflowItem> | JsonText>
    remoteList(
      query: Query<typeof listRemoteFlows>,
      signal?: AbortSignal,
    ): Promise<{ flows: RemoteFlowItem[]; unreachable: string[] }>
    remoteGet(flow_id: string, query: SourceUrl): Promise<RemoteFlowItem>
    sync(
      flow_id: string,
      query: Query<typeof syncWorkflow>,
      signal?: AbortSignal,
    ): Promise<{ created: boolean; workflow: Workflow } | SyncAll>
    get(id: string): Promise<Workflow>
    remove(id: string): Promise<void>
    /**
     * `signal` ends the waiting, never the run: when it fires, the answer is the task as it is. `wait_seconds` limits it;
     * `cut_short` says that this limit was reached.
     */
    run(
      id: string,
      request: RunRequest,
      options: { wait: boolean; wait_seconds?: number; signal?: AbortSignal },
    ): Promise<{ task: Task; finished: boolean; cut_short?: boolean }>
  }
  tasks: {
    list(query: Query<typeof listTasks>): Promise<Page<Task> | JsonText>
    get(id: string): Promise<Task | JsonText>
    remove(id: string): Promise<Task>
    cancel(id: string): Promise<{ task: Task; done: boolean }>
    retry(id: string): Promise<Task>
    replay(id: string, input: ReplayTask): Promise<Task>
    logs(id: string, query: Query<typeof listTaskLogs>): Promise<Page<TaskEvent>>
  }
  schedules: {
    create(input: CreateSchedule): Promise<Schedule>
    list(query: Query<typeof listSchedules>): Promise<Page<Schedule>>
    preview(input: Query<typeof previewSchedule>): SchedulePreview
    get(id: string): Promise<Schedule>
    replace(id: string, input: ReplaceSchedule): Promise<Schedule>
    update(id: string, patch: UpdateSchedule): Promise<Schedule>
    remove(id: string): Promise<Schedule>
    enable(id: string): Promise<Schedule>
    disable(id: string, reason: string | null): Promise<Schedule>
    run(id: string): Promise<Task>
    backfill(id: string, input: BackfillSchedule): Promise<Backfill>
    occurrences(id: string, query: Query<typeof listOccurrences>): Promise<Page<Occurrence>>
  }
  workers: { list(query: Query<typeof listWorkers>): Promise<Page<Worker>> }
  health: {
    /** From what the process knows already: no store is asked. */
    report(): Health
    ready(): Ready
    /** Notes what failed a request, for `/health`. Why PostgreSQL could not do it, as a sentence; null: it is a bug. */
    noteFailure(error: unknown): string | null
  }
}
