import type {
  Backfill,
  BackfillSchedule,
  CreateSchedule,
  DisableSchedule,
  Occurrence,
  ReplaceSchedule,
  Schedule,
  SchedulePreview,
  SchedulesListQuery,
  SchedulesOccurrencesQuery,
  SchedulesPreviewQuery,
  Task,
  UpdateSchedule,
} from '../contract-types.ts'
import { makeList } from '../page.ts'
import { dataOf, type RequestOptions, type Send } from '../request.ts'

export const makeSchedules = (send: Send) => ({
  create: (schedule: CreateSchedule, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'post', path: ['schedules'], body: schedule, ...options })),
  list: (query?: SchedulesListQuery, options?: RequestOptions) =>
    makeList<Schedule>(send, ['schedules'], query, options),
  /** The due times that a schedule would have; nothing is stored. */
  preview: (schedule: SchedulesPreviewQuery, options?: RequestOptions) =>
    dataOf(send<SchedulePreview>({ method: 'get', path: ['schedules', 'preview'], query: schedule, ...options })),
  get: (id: string, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'get', path: ['schedules', id], ...options })),
  /** Left out: workflow_id, type and expression are kept, everything else gets its default; the status stays. */
  replace: (id: string, schedule: ReplaceSchedule, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'put', path: ['schedules', id], body: schedule, ...options })),
  /** Changes what is given. */
  update: (id: string, changes: UpdateSchedule, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'patch', path: ['schedules', id], body: changes, ...options })),
  /** Answers with the schedule. Pending tasks are cancelled, running ones finish. */
  delete: (id: string, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'delete', path: ['schedules', id], ...options })),
  enable: (id: string, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'post', path: ['schedules', id, 'enable'], ...options })),
  disable: (id: string, why: DisableSchedule = {}, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'post', path: ['schedules', id, 'disable'], body: why, ...options })),
  /** One run now, outside the plan; answers with the pending task. */
  run: (id: string, options?: RequestOptions) =>
    dataOf(send<Task>({ method: 'post', path: ['schedules', id, 'run'], ...options })),
  /** Runs what a past span has not started, up to 1000 due times, oldest first; with `dry_run` it only says which. */
  backfill: (id: string, span: BackfillSchedule, options?: RequestOptions) =>
    dataOf(send<Backfill>({ method: 'post', path: ['schedules', id, 'backfill'], body: span, ...options })),
  /** What was decided for each due time, newest first. */
  occurrences: (id: string, query?: SchedulesOccurrencesQuery, options?: RequestOptions) =>
    makeList<Occurrence>(send, ['schedules', id, 'occurrences'], query, options),
})
