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
import { type ChangeOptions, dataOf, type RequestOptions, type Send } from '../request.ts'

export const makeSchedules = (send: Send) => ({
  /**
   * Creates a schedule.
   *
   * @example
   * await spark.schedules.create({ workflow_id: id, schedule_type: 'cron', schedule_expr: '0 8 * * 1-5', timezone: 'Europe/Lisbon' })
   */
  create: (schedule: CreateSchedule, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'post', path: ['schedules'], body: schedule, ...options })),
  /** The schedules, newest first. */
  list: (query?: SchedulesListQuery, options?: RequestOptions) =>
    makeList<Schedule>(send, ['schedules'], query, options),
  /** The next due times of a schedule, and its description and warnings; nothing is stored. */
  preview: (schedule: SchedulesPreviewQuery, options?: RequestOptions) =>
    dataOf(send<SchedulePreview>({ method: 'get', path: ['schedules', 'preview'], query: schedule, ...options })),
  get: (id: string, options?: RequestOptions) =>
    dataOf(send<Schedule>({ method: 'get', path: ['schedules', id], ...options })),
  /** Replaces all options: a field that is left out gets its default, except workflow_id, type and expression, which are kept. The status stays. */
  replace: (id: string, schedule: ReplaceSchedule, options?: ChangeOptions) =>
    dataOf(send<Schedule>({ method: 'put', path: ['schedules', id], body: schedule, ...options })),
  /** Changes the given fields; null clears a field. */
  update: (id: string, changes: UpdateSchedule, options?: ChangeOptions) =>
    dataOf(send<Schedule>({ method: 'patch', path: ['schedules', id], body: changes, ...options })),
  /** Deletes a schedule and answers with it. Its pending tasks are cancelled, its running tasks finish. */
  delete: (id: string, options?: ChangeOptions) =>
    dataOf(send<Schedule>({ method: 'delete', path: ['schedules', id], ...options })),
  /** Resumes a paused schedule. Due times of the pause do not run. */
  enable: (id: string, options?: ChangeOptions) =>
    dataOf(send<Schedule>({ method: 'post', path: ['schedules', id, 'enable'], ...options })),
  /** Pauses a schedule; `reason` is shown as `paused_reason`. Pending tasks still run. */
  disable: (id: string, why: DisableSchedule = {}, options?: ChangeOptions) =>
    dataOf(send<Schedule>({ method: 'post', path: ['schedules', id, 'disable'], body: why, ...options })),
  /** Starts one run now, besides the planned times; answers with the pending task. */
  run: (id: string, options?: RequestOptions) =>
    dataOf(send<Task>({ method: 'post', path: ['schedules', id, 'run'], ...options })),
  /**
   * Runs the due times of a past span that have not started: `from` inclusive, `to` exclusive, at most 1000, oldest first. With
   * `dry_run` it only lists them.
   */
  backfill: (id: string, span: BackfillSchedule, options?: RequestOptions) =>
    dataOf(send<Backfill>({ method: 'post', path: ['schedules', id, 'backfill'], body: span, ...options })),
  /** The decision about each due time, newest first. */
  occurrences: (id: string, query?: SchedulesOccurrencesQuery, options?: RequestOptions) =>
    makeList<Occurrence>(send, ['schedules', id, 'occurrences'], query, options),
})
