import { z } from 'zod'
import { MAX_BACKFILL } from '../schedule/backfill.ts'
import { GRACE_MS, MAX_CATCHUP, MISFIRES, OVERLAPS } from '../schedule/decide.ts'
import { DECISIONS, REASONS } from '../schedule/ledger.ts'
import { SCHEDULE_TYPES } from '../schedule/plan.ts'
import { MAX_CATCHUP_WINDOW, MAX_JITTER } from '../schedule/validate.ts'
import { SCHEDULED_RETRIES } from '../task/retry.ts'
import {
  GivenTime,
  Id,
  IdParams,
  Json,
  oneOf,
  page,
  pageOf,
  SourceObject,
  Text,
  Timestamp,
  Uuid,
  wholeNumber,
} from './common.ts'
import { endpoint, etag, ifMatch, location } from './endpoint.ts'
import { RetryOn, Task } from './tasks.ts'
import { runOptions } from './workflows.ts'

export const ScheduleType = oneOf(SCHEDULE_TYPES).meta({ id: 'ScheduleType' })
export type ScheduleType = z.output<typeof ScheduleType>
/** The statuses that a client may set; `stopped` comes from old clients and behaves as paused. */
const SETTABLE_SCHEDULE_STATUSES = ['active', 'paused', 'stopped'] as const
const SCHEDULE_STATUSES = [...SETTABLE_SCHEDULE_STATUSES, 'completed'] as const
export const ScheduleStatus = oneOf(SCHEDULE_STATUSES).meta({ id: 'ScheduleStatus' })
export type ScheduleStatus = z.output<typeof ScheduleStatus>
export const Overlap = oneOf(OVERLAPS).meta({ id: 'Overlap' })
export type Overlap = z.output<typeof Overlap>
export const Misfire = oneOf(MISFIRES).meta({ id: 'Misfire' })
export type Misfire = z.output<typeof Misfire>

const expression = Text.trim().min(1, 'must not be empty').max(256, 'must have at most 256 characters')
/** Seconds. Every mistake gets the same message, which says what may be written. */
const seconds = (most: number, what: string) => {
  const message = `must be a whole number of seconds from 0 to ${most} (${what})`
  return z.int(message).min(0, message).max(most, message)
}
const failures = 'must be a whole number from 1 to 1000000, or null for never'
const timezone = Text.min(1, 'must be an IANA name such as Europe/Lisbon').max(
  64,
  'must be an IANA name such as Europe/Lisbon',
)

/** The fields of a request; create gives each a default, PATCH none. */
const given = {
  name: Text.trim().min(1, 'must not be empty').max(200, 'must have at most 200 characters').nullable(),
  timezone: timezone.describe('IANA name'),
  input_value: Json.nullable().describe('the input of every run; null for none'),
  session_id: runOptions.session_id.nullable(),
  tweaks: runOptions.tweaks.nullable(),
  overlap: Overlap.describe(
    'what happens when an earlier run is not finished: `skip` it, `queue_all` or `queue_one` behind it, `cancel_previous`, or `allow` both; `queue_one` skips due times while one waits',
  ),
  misfire: Misfire.describe(
    `what happens to due times that are more than ${GRACE_MS / 1000} s late: the \`last\` one runs, \`skip\` all, or run \`all\` (the newest ${MAX_CATCHUP}; with overlap \`queue_all\` or \`allow\`)`,
  ),
  catchup_window: seconds(MAX_CATCHUP_WINDOW, 'a year')
    .nullable()
    .describe(
      'for how many seconds a late due time may still run; null for the default: a day, for one-time schedules seven days',
    ),
  jitter: seconds(MAX_JITTER, 'a day').describe(
    'starts each due time up to this many seconds later; the same due time always has the same delay',
  ),
  start_at: GivenTime.nullable().describe('no due time before it (inclusive)'),
  end_at: GivenTime.nullable().describe('no due time at or after it'),
  max_runs: z
    .int('must be a whole number')
    .min(1, 'must be 1 or more')
    .max(1_000_000_000, 'must be at most 1000000000')
    .nullable(),
  pause_after_failures: z
    .int(failures)
    .min(1, failures)
    .max(1_000_000, failures)
    .nullable()
    .describe('pauses the schedule when this many of its runs in a row have failed after all retries; null for never'),
  max_retries: runOptions.max_retries,
  retry_on: runOptions.retry_on,
  timeout: runOptions.timeout.nullable(),
}
const defaults = {
  name: given.name.default(null),
  timezone: given.timezone.default('UTC'),
  input_value: given.input_value.default(null),
  session_id: given.session_id.default(null),
  tweaks: given.tweaks.default(null),
  overlap: given.overlap.default('skip'),
  misfire: given.misfire.default('last'),
  catchup_window: given.catchup_window.default(null),
  jitter: given.jitter.default(0),
  start_at: given.start_at.default(null),
  end_at: given.end_at.default(null),
  max_runs: given.max_runs.default(null),
  pause_after_failures: given.pause_after_failures.default(null),
  max_retries: given.max_retries.default(SCHEDULED_RETRIES),
  retry_on: given.retry_on.default('safe'),
  timeout: given.timeout.default(null),
}
const moves = {
  schedule_type: ScheduleType,
  schedule_expr: expression.describe('cron: `0 8 * * *`; interval: `15m`; one-time: an ISO 8601 time, or `now`'),
}

export const Schedule = z
  .object({
    id: Uuid,
    workflow_id: Uuid,
    name: z.string().nullable(),
    schedule_type: ScheduleType,
    schedule_expr: z.string(),
    timezone: z.string(),
    input_value: z.unknown(),
    session_id: z.string().nullable(),
    tweaks: SourceObject.nullable(),
    status: ScheduleStatus,
    paused_reason: z.string().nullable(),
    next_run_at: Timestamp.nullable().describe('when the next due time starts, after its jitter'),
    next_due_at: Timestamp.nullable().describe('the next due time'),
    last_run_at: Timestamp.nullable(),
    last_success_at: Timestamp.nullable(),
    consecutive_failures: z.int(),
    run_count: z.int(),
    overlap: Overlap,
    misfire: Misfire,
    catchup_window: z.int().describe('seconds'),
    jitter: z.int().describe('seconds'),
    start_at: Timestamp.nullable(),
    end_at: Timestamp.nullable(),
    max_runs: z.int().nullable(),
    pause_after_failures: z.int().nullable(),
    max_retries: z.int(),
    retry_on: RetryOn,
    timeout: z.int().nullable(),
    description: z.string().describe('the schedule in words'),
    warnings: z.array(z.string()).describe('what may surprise you about it, each a sentence'),
    created_at: Timestamp,
    updated_at: Timestamp,
  })
  .meta({ id: 'Schedule' })
export type Schedule = z.output<typeof Schedule>

const example = {
  schedule_type: 'cron',
  schedule_expr: '0 8 * * 1-5',
  timezone: 'Europe/Lisbon',
  input_value: 'Good morning',
  max_retries: 5,
  retry_on: 'failure',
}
export const CreateSchedule = z
  .strictObject({ workflow_id: Id, ...moves, ...defaults })
  .meta({ id: 'CreateSchedule', examples: [{ workflow_id: '019aa000-0000-7000-8000-000000000000', ...example }] })
export type CreateSchedule = z.output<typeof CreateSchedule>
/** Old clients leave out workflow_id, type and expression, so these are then kept. */
export const ReplaceSchedule = z
  .strictObject({
    workflow_id: Id.optional(),
    schedule_type: moves.schedule_type.optional(),
    schedule_expr: moves.schedule_expr.optional(),
    ...defaults,
  })
  .meta({ id: 'ReplaceSchedule', examples: [example] })
export type ReplaceSchedule = z.output<typeof ReplaceSchedule>
export const UpdateSchedule = z
  .strictObject({
    workflow_id: Id,
    ...moves,
    ...given,
    status: oneOf(SETTABLE_SCHEDULE_STATUSES),
  })
  .partial()
  .meta({ id: 'UpdateSchedule', examples: [{ schedule_expr: '0 9 * * 1-5' }] })
export type UpdateSchedule = z.output<typeof UpdateSchedule>

export const Occurrence = z
  .object({
    scheduled_for: Timestamp,
    until: Timestamp.nullable().describe('the last due time of a span, inclusive; null for a single due time'),
    decided_at: Timestamp,
    decision: z.enum(DECISIONS),
    reason: z.enum(REASONS).nullable(),
    count: z.int().describe('due times in this row'),
    count_at_least: z.boolean().describe('`count` is a lower bound'),
    task_id: Uuid.nullable(),
  })
  .meta({ id: 'Occurrence' })
export type Occurrence = z.output<typeof Occurrence>

const common = { tag: 'Schedules' } as const

export const createSchedule = endpoint({
  ...common,
  id: 'schedules_create',
  method: 'post',
  path: '/schedules',
  summary: 'Create a schedule',
  body: CreateSchedule,
  status: 201,
  response: Schedule,
  answerHeaders: { ...location, ...etag },
})
export const listSchedules = endpoint({
  ...common,
  id: 'schedules_list',
  method: 'get',
  path: '/schedules',
  summary: 'List the schedules, newest first',
  query: z.strictObject({ ...page, workflow_id: Id.optional(), status: ScheduleStatus.optional() }),
  status: 200,
  response: pageOf(Schedule, 'SchedulePage'),
})
export const SchedulePreview = z
  .object({
    description: z.string().describe('the schedule in words'),
    warnings: z.array(z.string()).describe('what may surprise you about it, each a sentence'),
    next_runs: z.array(
      z.object({ at: Timestamp, local: z.string().describe('on the clock of the time zone, with its offset') }),
    ),
  })
  .meta({ id: 'SchedulePreview' })
export type SchedulePreview = z.output<typeof SchedulePreview>
export const MAX_PREVIEW_COUNT = 100
export const DEFAULT_PREVIEW_COUNT = 10
export const previewSchedule = endpoint({
  ...common,
  id: 'schedules_preview',
  method: 'get',
  path: '/schedules/preview',
  summary: 'Preview a schedule; nothing is stored',
  description: 'The due times of a schedule that is created now, or at `from`. An interval counts from then.',
  queryExample: { schedule_type: 'cron', schedule_expr: '0 8 * * 1-5' },
  query: z.strictObject({
    ...moves,
    timezone: defaults.timezone,
    count: wholeNumber(1, MAX_PREVIEW_COUNT).default(DEFAULT_PREVIEW_COUNT),
    from: GivenTime.optional().describe('no due time before it; left out: now'),
  }),
  status: 200,
  response: SchedulePreview,
})
export const getSchedule = endpoint({
  ...common,
  id: 'schedules_get',
  method: 'get',
  path: '/schedules/{id}',
  summary: 'Get a schedule',
  params: IdParams,
  status: 200,
  response: Schedule,
  answerHeaders: etag,
})
export const replaceSchedule = endpoint({
  ...common,
  id: 'schedules_replace',
  method: 'put',
  path: '/schedules/{id}',
  summary: 'Replace a schedule',
  description:
    'Of the fields that are left out, workflow_id, type and expression are kept; all others get their default. The status stays.',
  params: IdParams,
  body: ReplaceSchedule,
  status: 200,
  response: Schedule,
  requestHeaders: ifMatch,
  answerHeaders: etag,
})
export const updateSchedule = endpoint({
  ...common,
  id: 'schedules_update',
  method: 'patch',
  path: '/schedules/{id}',
  summary: 'Change the fields that are given',
  params: IdParams,
  body: UpdateSchedule,
  status: 200,
  response: Schedule,
  requestHeaders: ifMatch,
  answerHeaders: etag,
})
export const deleteSchedule = endpoint({
  ...common,
  id: 'schedules_delete',
  method: 'delete',
  path: '/schedules/{id}',
  summary: 'Delete a schedule',
  description:
    'Answers with the schedule. Its pending tasks are cancelled, running ones finish. Its tasks stay, with `schedule_id` null.',
  params: IdParams,
  status: 200,
  response: Schedule,
  requestHeaders: ifMatch,
})
export const enableSchedule = endpoint({
  ...common,
  id: 'schedules_enable',
  method: 'post',
  path: '/schedules/{id}/enable',
  summary: 'Enable a schedule',
  params: IdParams,
  emptyBody: true,
  status: 200,
  response: Schedule,
  requestHeaders: ifMatch,
  answerHeaders: etag,
})
export const disableSchedule = endpoint({
  ...common,
  id: 'schedules_disable',
  method: 'post',
  path: '/schedules/{id}/disable',
  summary: 'Pause a schedule',
  params: IdParams,
  emptyBody: true,
  body: z
    .strictObject({ reason: Text.max(500, 'must have at most 500 characters').nullish() })
    .meta({ id: 'DisableSchedule', examples: [{ reason: 'the flow is being changed' }] }),
  status: 200,
  response: Schedule,
  requestHeaders: ifMatch,
  answerHeaders: etag,
})
export const runSchedule = endpoint({
  ...common,
  id: 'schedules_run',
  method: 'post',
  path: '/schedules/{id}/run',
  summary: 'Run a schedule once now, outside its plan',
  params: IdParams,
  emptyBody: true,
  status: 202,
  response: Task,
  answerHeaders: location,
})
export const BackfillSchedule = z
  .strictObject({
    from: GivenTime.describe('the first second of the span'),
    to: GivenTime.describe('the end of the span, exclusive'),
    dry_run: z.boolean('must be true or false').default(false).describe('only list what would start'),
  })
  .meta({
    id: 'BackfillSchedule',
    examples: [{ from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z', dry_run: true }],
  })
export type BackfillSchedule = z.output<typeof BackfillSchedule>
export const Backfill = z
  .object({
    dry_run: z.boolean(),
    count: z.int().describe('how many due times start'),
    due_times: z
      .array(
        z.object({
          scheduled_for: Timestamp,
          task_id: Uuid.nullable().describe('null in a dry run'),
          was: z.enum(DECISIONS).nullable().describe('the decision in the ledger before; null: none'),
          reason: z.enum(REASONS).nullable(),
        }),
      )
      .describe('oldest first'),
    already_started: z.int().describe('due times of the span that are not started, since they started before'),
    undecided: z
      .object({ scheduled_for: Timestamp, until: Timestamp.nullable(), count: z.int(), count_at_least: z.boolean() })
      .nullable()
      .describe('due times of the span that are not started, since the schedule itself has still to decide them'),
  })
  .meta({ id: 'Backfill' })
export type Backfill = z.output<typeof Backfill>
export const backfillSchedule = endpoint({
  ...common,
  id: 'schedules_backfill',
  method: 'post',
  path: '/schedules/{id}/backfill',
  summary: 'Run the due times of a past span that did not run',
  description: `Every due time in [from, to) that has not started becomes a run, up to ${MAX_BACKFILL}, oldest first, one at a time and after everything else. Its row in the ledger becomes \`started\`, reason \`backfill\`. 202; with \`dry_run\` 200, and nothing starts.`,
  params: IdParams,
  body: BackfillSchedule,
  status: 202,
  alsoStatus: [200],
  response: Backfill,
})
export const listOccurrences = endpoint({
  ...common,
  id: 'schedules_occurrences',
  method: 'get',
  path: '/schedules/{id}/occurrences',
  summary: 'List what was decided about each due time, newest first',
  params: IdParams,
  query: z.strictObject({ ...page }),
  status: 200,
  response: pageOf(Occurrence, 'OccurrencePage'),
})
