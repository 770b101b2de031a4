import type {
  Backfill,
  BackfillSchedule,
  CreateSchedule,
  CreateSource,
  deleteSource,
  deleteWorkflow,
  disableSchedule,
  getRemoteFlow,
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
  previewSchedule,
  Ready,
  RemoteFlowItem,
  ReplaceSchedule,
  ReplayTask,
  RetryOn,
  RunRequest,
  runWorkflow,
  Schedule,
  SchedulePreview,
  ServiceInfo,
  Source,
  syncWorkflow,
  Task,
  TaskEvent,
  UpdateSchedule,
  UpdateSource,
  Worker,
  Workflow,
  WorkflowItem,
} from '@automagik-spark/core'
import { endpoints } from '@automagik-spark/core'
import { expect, expectTypeOf, it } from 'vitest'
import type { z } from 'zod'
import { printTypes } from '../scripts/print-types.ts'
import type * as types from './contract-types.ts'
import type { Page } from './page.ts'

type Flag = '0' | '1' | 'true' | 'false'
/** A query as a caller of the SDK writes it: flags are booleans and numbers are numbers, which are text on the wire. */
type Called<Q> = {
  [K in keyof Q]: K extends 'limit' | 'offset' | 'count'
    ? number | undefined
    : [Q[K]] extends [Flag | undefined]
      ? boolean | undefined
      : Q[K]
}

it('the committed types are what the contract prints', async () => {
  await expect(printTypes(endpoints)).toMatchFileSnapshot('./contract-types.ts')
})

// The type checker proves this; running it proves nothing more.
it('the committed types equal what the schemas take and give', () => {
  expectTypeOf<types.CreateSchedule>().toEqualTypeOf<z.input<typeof CreateSchedule>>()
  expectTypeOf<types.ReplaceSchedule>().toEqualTypeOf<z.input<typeof ReplaceSchedule>>()
  expectTypeOf<types.UpdateSchedule>().toEqualTypeOf<z.input<typeof UpdateSchedule>>()
  expectTypeOf<types.DisableSchedule>().toEqualTypeOf<z.input<typeof disableSchedule.body>>()
  expectTypeOf<types.Schedule>().toEqualTypeOf<z.input<typeof Schedule>>()
  expectTypeOf<types.BackfillSchedule>().toEqualTypeOf<z.input<typeof BackfillSchedule>>()
  expectTypeOf<types.Backfill>().toEqualTypeOf<z.input<typeof Backfill>>()
  expectTypeOf<types.SchedulePreview>().toEqualTypeOf<z.input<typeof SchedulePreview>>()
  expectTypeOf<types.Occurrence>().toEqualTypeOf<z.input<typeof Occurrence>>()
  expectTypeOf<types.CreateSource>().toEqualTypeOf<z.input<typeof CreateSource>>()
  expectTypeOf<types.UpdateSource>().toEqualTypeOf<z.input<typeof UpdateSource>>()
  expectTypeOf<types.Source>().toEqualTypeOf<z.input<typeof Source>>()
  expectTypeOf<types.SourceDeleted>().toEqualTypeOf<z.input<typeof deleteSource.response>>()
  expectTypeOf<types.Workflow>().toEqualTypeOf<z.input<typeof Workflow>>()
  expectTypeOf<types.WorkflowItem>().toEqualTypeOf<z.input<typeof WorkflowItem>>()
  expectTypeOf<types.RemoteFlow>().toEqualTypeOf<z.input<typeof RemoteFlowItem>>()
  expectTypeOf<types.Workflow | types.SyncedFlows>().toEqualTypeOf<z.input<typeof syncWorkflow.response>>()
  expectTypeOf<types.WorkflowDeleted>().toEqualTypeOf<z.input<typeof deleteWorkflow.response>>()
  expectTypeOf<types.RunRequest>().toEqualTypeOf<z.input<typeof RunRequest>>()
  expectTypeOf<types.ReplayTask>().toEqualTypeOf<z.input<typeof ReplayTask>>()
  expectTypeOf<types.RetryOn>().toEqualTypeOf<z.input<typeof RetryOn>>()
  expectTypeOf<types.Task>().toEqualTypeOf<z.input<typeof Task>>()
  expectTypeOf<types.TaskEvent>().toEqualTypeOf<z.input<typeof TaskEvent>>()
  expectTypeOf<types.Worker>().toEqualTypeOf<z.input<typeof Worker>>()
  expectTypeOf<types.Health>().toEqualTypeOf<z.input<typeof Health>>()
  expectTypeOf<types.Ready>().toEqualTypeOf<z.input<typeof Ready>>()
  expectTypeOf<types.ServiceInfo>().toEqualTypeOf<z.input<typeof ServiceInfo>>()

  expectTypeOf<types.SourcesListQuery>().toEqualTypeOf<Called<z.input<typeof listSources.query>>>()
  expectTypeOf<types.WorkflowsListQuery>().toEqualTypeOf<Called<z.input<typeof listWorkflows.query>>>()
  expectTypeOf<types.WorkflowsRemoteListQuery>().toEqualTypeOf<Called<z.input<typeof listRemoteFlows.query>>>()
  expectTypeOf<types.WorkflowsRemoteGetQuery>().toEqualTypeOf<Called<z.input<typeof getRemoteFlow.query>>>()
  expectTypeOf<types.WorkflowsSyncQuery>().toEqualTypeOf<Called<z.input<typeof syncWorkflow.query>>>()
  expectTypeOf<types.WorkflowsRunQuery>().toEqualTypeOf<Called<z.input<typeof runWorkflow.query>>>()
  expectTypeOf<types.TasksListQuery>().toEqualTypeOf<Called<z.input<typeof listTasks.query>>>()
  expectTypeOf<types.TasksLogsQuery>().toEqualTypeOf<Called<z.input<typeof listTaskLogs.query>>>()
  expectTypeOf<types.SchedulesListQuery>().toEqualTypeOf<Called<z.input<typeof listSchedules.query>>>()
  expectTypeOf<types.SchedulesPreviewQuery>().toEqualTypeOf<Called<z.input<typeof previewSchedule.query>>>()
  expectTypeOf<types.SchedulesOccurrencesQuery>().toEqualTypeOf<Called<z.input<typeof listOccurrences.query>>>()
  expectTypeOf<types.WorkersListQuery>().toEqualTypeOf<Called<z.input<typeof listWorkers.query>>>()
})

it('a page of the client is a page of the contract', () => {
  expectTypeOf<types.TaskPage>().toEqualTypeOf<Page<types.Task>>()
  expectTypeOf<types.SourcePage>().toEqualTypeOf<Page<types.Source>>()
})
