import {
  DEFAULT_PREVIEW_COUNT,
  MAX_BACKFILL,
  MAX_PREVIEW_COUNT,
  Misfire,
  Overlap,
  SCHEDULED_RETRIES,
  ScheduleStatus,
  ScheduleType,
  UpdateSchedule as UpdateScheduleSchema,
} from '@automagik-spark/core'
import type {
  Backfill,
  CreateSchedule,
  Occurrence,
  Schedule,
  SchedulePreview,
  SchedulesListQuery,
  UpdateSchedule,
} from '@automagik-spark/sdk'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CommandContext, JsonOption, ListOptions } from '../command-context.ts'
import { previewDelete } from '../delete-preview.ts'
import { usage } from '../errors.ts'
import {
  addCommand,
  addGroup,
  addInputOptions,
  addListOptions,
  addRetryOptions,
  addRunTimeoutOption,
  addYesOption,
  given,
  type InputOptions,
  jsonObject,
  readInput,
  type RetryOptions,
  wholeNumber,
} from '../options.ts'
import type { Column } from '../table.ts'

type Clearable = { [K in keyof UpdateSchedule]-?: null extends UpdateSchedule[K] ? K : never }[keyof UpdateSchedule]
const CLEARABLE = Object.entries(UpdateScheduleSchema.shape)
  .filter(([, field]) => field.safeParse(null).success)
  .map(([name]) => name as Clearable) // the types of the SDK are generated from this schema

const columns: Array<Column<Schedule>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'NAME', value: ({ name }) => name, flexible: true },
  { header: 'SCHEDULE', value: ({ description }) => description, flexible: true },
  { header: 'STATUS', value: ({ status }) => status },
  { header: 'NEXT RUN', value: ({ next_run_at }) => next_run_at },
  { header: 'LAST RUN', value: ({ last_run_at }) => last_run_at },
]
const previewColumns: Array<Column<SchedulePreview['next_runs'][number]>> = [
  { header: 'AT', value: ({ at }) => at },
  { header: 'LOCAL', value: ({ local }) => local },
]
const backfillColumns: Array<Column<Backfill['due_times'][number]>> = [
  { header: 'DUE', value: ({ scheduled_for }) => scheduled_for },
  { header: 'WAS', value: ({ was, reason }) => (was && reason ? `${was} (${reason})` : (was ?? 'not there')) },
  { header: 'TASK', value: ({ task_id }) => task_id },
]
const occurrenceColumns: Array<Column<Occurrence>> = [
  { header: 'DUE', value: ({ scheduled_for }) => scheduled_for },
  { header: 'UNTIL', value: ({ until }) => until },
  { header: 'DECISION', value: ({ decision }) => decision },
  { header: 'REASON', value: ({ reason }) => reason },
  { header: 'COUNT', value: ({ count, count_at_least }) => (count_at_least ? `${count} or more` : count) },
  { header: 'DECIDED', value: ({ decided_at }) => decided_at },
  { header: 'TASK', value: ({ task_id }) => task_id },
]

type When = { cron?: string; every?: string; at?: string; type?: Schedule['schedule_type']; expr?: string }
type FieldOptions = JsonOption &
  When &
  InputOptions &
  RetryOptions & {
    name?: string
    timezone?: string
    session?: string
    tweaks?: Record<string, unknown>
    overlap?: Schedule['overlap']
    misfire?: Schedule['misfire']
    catchupWindow?: number
    jitter?: number
    startAt?: string
    endAt?: string
    maxRuns?: number
    pauseAfterFailures?: number
    timeout?: number
  }
type PreviewOptions = JsonOption & When & { timezone?: string; count?: number; from?: string }

/** Type and expression from the options; empty when no option gives them. */
const whenOf = ({ cron, every, at, type, expr }: When): Pick<UpdateSchedule, 'schedule_type' | 'schedule_expr'> => {
  const shortForms = [
    ['cron', cron],
    ['interval', every],
    ['one-time', at],
  ] as const
  const chosen = shortForms.filter(([, value]) => value !== undefined)
  if (chosen.length + (type !== undefined || expr !== undefined ? 1 : 0) > 1)
    throw usage('Give one of --cron, --every, --at, or --type with --expr.')
  const [shortForm] = chosen
  return shortForm
    ? { schedule_type: shortForm[0], schedule_expr: shortForm[1] }
    : given({ schedule_type: type, schedule_expr: expr })
}

const SAY_WHEN = 'Say when: with --cron, --every or --at (or --type and --expr).'

const addWhenOptions = (command: Command): Command =>
  command
    .option('--cron <expression>', "a cron expression, such as '0 8 * * *'")
    .option('--every <interval>', 'an interval: 30s, 15m, 2h, 1d')
    .option('--at <time>', "run once, at an ISO 8601 time or 'now'")
    .addOption(new Option('--type <type>', 'schedule_type of the API, with --expr').choices(ScheduleType.options))
    .option('--expr <expression>', 'schedule_expr of the API, with --type')
    .option('--timezone <name>', 'IANA time zone of --cron, and of --at without an offset (default: UTC)')

const addPlanOptions = (command: Command): Command =>
  addInputOptions(addWhenOptions(command).option('--input <text>', 'the input of every run'))
    .option('--name <name>', 'name of the schedule')
    .option('--session <id>', 'the conversation at the flow server (default: a new one for each run)')
    .option('--tweaks <json>', "changes to the flow's components", jsonObject)
    .addOption(
      new Option('--overlap <what>', 'what to do while the previous run is not finished (default: skip)').choices(
        Overlap.options,
      ),
    )
    .addOption(
      new Option('--misfire <what>', 'which late due times still run after an outage (default: last)').choices(
        Misfire.options,
      ),
    )
    .option(
      '--catchup-window <seconds>',
      'how late a due time may still run (default: 1 day; --at: 7 days)',
      wholeNumber(0),
    )
    .option('--jitter <seconds>', 'delay the start of each due time by up to this many seconds', wholeNumber(0))
    .option('--start-at <time>', 'no due time before this time: ISO 8601 with Z or an offset')
    .option('--end-at <time>', 'no due time at or after this time')
    .option('--max-runs <n>', 'complete the schedule after this many runs', wholeNumber(1))
    .option('--pause-after-failures <n>', 'pause the schedule after this many failed runs in a row', wholeNumber(1))

const addFieldOptions = (command: Command): Command =>
  addRunTimeoutOption(addRetryOptions(addPlanOptions(command), `${SCHEDULED_RETRIES} for a new schedule`))

const addToClear = (field: string, fields: Clearable[] = []): Clearable[] => {
  const known = CLEARABLE.find((one) => one === field)
  if (!known) throw new InvalidArgumentError(`It must be one of ${CLEARABLE.join(', ')}.`)
  return [...fields, known]
}

export const addSchedules = (
  program: Command,
  { io, out, spark, request, list, show, confirm }: CommandContext,
): void => {
  const group = addGroup(
    program,
    'schedules',
    'run workflows on a schedule',
    "automagik-spark schedules create --workflow 0199a1b2-0000-7000-8000-000000000002 --every 15m --input 'hi'",
  )

  const fieldsOf = async (options: FieldOptions) =>
    given({
      name: options.name,
      timezone: options.timezone,
      input_value: await readInput(options, io),
      session_id: options.session,
      tweaks: options.tweaks,
      overlap: options.overlap,
      misfire: options.misfire,
      catchup_window: options.catchupWindow,
      jitter: options.jitter,
      start_at: options.startAt,
      end_at: options.endAt,
      max_runs: options.maxRuns,
      pause_after_failures: options.pauseAfterFailures,
      max_retries: options.maxRetries,
      retry_on: options.retryOn,
      timeout: options.timeout,
    })

  addFieldOptions(
    addCommand(group, 'create', 'create a schedule', [
      "automagik-spark schedules create --workflow 0199a1b2-0000-7000-8000-000000000002 --cron '0 8 * * *' --timezone Europe/Lisbon --input 'hi'",
      "automagik-spark schedules create --workflow 0199a1b2-0000-7000-8000-000000000002 --every 15m --input 'hi'",
      "automagik-spark schedules create --workflow 0199a1b2-0000-7000-8000-000000000002 --at now --input 'hi'",
      "automagik-spark schedules create --workflow 0199a1b2-0000-7000-8000-000000000002 --cron '@hourly' --overlap queue_all --misfire all --jitter 60",
    ]).requiredOption('--workflow <id>', 'the workflow to run'),
  ).action(async (options: FieldOptions & { workflow: string }) => {
    const { schedule_type, schedule_expr } = whenOf(options)
    if (!schedule_type || !schedule_expr) throw usage(SAY_WHEN)
    const schedule: CreateSchedule = {
      workflow_id: options.workflow,
      schedule_type,
      schedule_expr,
      ...(await fieldsOf(options)),
    }
    show(await spark().schedules.create(schedule, request()), options, { said: 'Created.' })
  })

  addWhenOptions(
    addCommand(group, 'preview', 'show the next times and the warnings of a schedule; nothing is stored', [
      "automagik-spark schedules preview --cron '0 8 * * 1-5' --timezone Europe/Lisbon",
      "automagik-spark schedules preview --cron '30 1 * * *' --timezone Europe/Lisbon --from 2026-10-24T00:00:00Z --count 3",
    ]),
  )
    .option(
      '--count <n>',
      `how many times to show, up to ${MAX_PREVIEW_COUNT} (default: ${DEFAULT_PREVIEW_COUNT})`,
      wholeNumber(1),
    )
    .option('--from <time>', 'only times from here on: ISO 8601 with Z or an offset')
    .action(async (options: PreviewOptions) => {
      const { schedule_type, schedule_expr } = whenOf(options)
      if (!schedule_type || !schedule_expr) throw usage(SAY_WHEN)
      const fields = given({ timezone: options.timezone, count: options.count, from: options.from })
      const preview = await spark().schedules.preview({ schedule_type, schedule_expr, ...fields }, request())
      if (options.json) return out.json(preview)
      out.note(preview.description)
      for (const warning of preview.warnings) out.note(`Note: ${warning}`)
      if (preview.next_runs.length === 0) return out.note('No due time ahead.')
      await out.table(previewColumns, preview.next_runs)
    })

  addListOptions(
    addCommand(group, 'list', 'list the schedules, newest first', ['automagik-spark schedules list --status active']),
  )
    .option('--workflow <id>', 'only schedules of this workflow')
    .addOption(new Option('--status <status>', 'only schedules with this status').choices(ScheduleStatus.options))
    .action(
      ({ workflow, status, ...options }: ListOptions & { workflow?: string; status?: SchedulesListQuery['status'] }) =>
        list(
          (query) => spark().schedules.list({ ...query, workflow_id: workflow, status }, request()),
          columns,
          options,
          'No schedules. Create one: automagik-spark schedules create --help',
        ),
    )

  addCommand(group, 'get <id>', 'show a schedule', [
    'automagik-spark schedules get 0199a1b2-0000-7000-8000-000000000004',
  ]).action(async (id: string, options: JsonOption) => show(await spark().schedules.get(id, request()), options))

  addFieldOptions(
    addCommand(group, 'update <id>', 'change the given fields', [
      'automagik-spark schedules update 0199a1b2-0000-7000-8000-000000000004 --every 30m',
      'automagik-spark schedules update 0199a1b2-0000-7000-8000-000000000004 --clear end_at --clear max_runs',
    ]).option('--workflow <id>', 'the workflow to run'),
  )
    .option('--clear <field>', `set a field to null; may be repeated: ${CLEARABLE.join(', ')}`, addToClear)
    .action(async (id: string, options: FieldOptions & { workflow?: string; clear?: Clearable[] }) => {
      const cleared: Partial<Record<Clearable, null>> = {}
      for (const field of options.clear ?? []) cleared[field] = null
      const changes: UpdateSchedule = {
        ...given({ workflow_id: options.workflow }),
        ...whenOf(options),
        ...(await fieldsOf(options)),
      }
      const both = Object.keys(cleared).filter((field) => field in changes)
      if (both.length > 0) throw usage(`Either give ${both.join(', ')} or clear it.`)
      if (Object.keys(changes).length + Object.keys(cleared).length === 0)
        throw usage('Nothing to change was given. See: automagik-spark schedules update --help')
      show(await spark().schedules.update(id, { ...changes, ...cleared }, request()), options, { said: 'Changed.' })
    })

  addCommand(group, 'enable <id>', 'resume after a pause; due times of the pause do not run', [
    'automagik-spark schedules enable 0199a1b2-0000-7000-8000-000000000004',
  ]).action(async (id: string, options: JsonOption) =>
    show(await spark().schedules.enable(id, request()), options, { said: 'Enabled.' }),
  )

  addCommand(group, 'disable <id>', 'pause a schedule', [
    'automagik-spark schedules disable 0199a1b2-0000-7000-8000-000000000004 --reason holidays',
  ])
    .option('--reason <text>', 'why, shown as paused_reason')
    .action(async (id: string, options: JsonOption & { reason?: string }) =>
      show(await spark().schedules.disable(id, given({ reason: options.reason }), request()), options, {
        said: 'Paused.',
      }),
    )

  addCommand(group, 'run <id>', 'run once now, besides the planned times', [
    'automagik-spark schedules run 0199a1b2-0000-7000-8000-000000000004',
  ]).action(async (id: string, options: JsonOption) => {
    const task = await spark().schedules.run(id, request())
    show(task, options, { said: `Started. Wait for its end: automagik-spark tasks wait ${task.id}` })
  })

  addCommand(
    group,
    'backfill <id>',
    `run the due times of a past span that have not run, up to ${MAX_BACKFILL}, oldest first`,
    [
      'automagik-spark schedules backfill 0199a1b2-0000-7000-8000-000000000004 --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z --dry-run',
      'automagik-spark schedules backfill 0199a1b2-0000-7000-8000-000000000004 --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z',
    ],
  )
    .requiredOption('--from <time>', 'the first second of the span: ISO 8601 with Z or an offset')
    .requiredOption('--to <time>', 'the end of the span, exclusive')
    .option('--dry-run', 'only show what would start')
    .action(async (id: string, options: JsonOption & { from: string; to: string; dryRun?: true }) => {
      const span = given({ from: options.from, to: options.to, dry_run: options.dryRun })
      const backfill = await spark().schedules.backfill(id, span, request())
      if (options.json) return out.json(backfill)
      const { dry_run, count, already_started, undecided } = backfill
      if (count > 0) await out.table(backfillColumns, backfill.due_times)
      out.note(dry_run ? `${count} would start.` : `${count} started: they run one at a time, after everything else.`)
      if (already_started > 0) out.note(`${already_started} had started before and stay as they are.`)
      if (undecided)
        out.note(
          `${undecided.count}${undecided.count_at_least ? ' or more' : ''} from ${undecided.scheduled_for} on ${undecided.count === 1 ? 'is' : 'are'} still to be decided by the schedule, and left alone.`,
        )
    })

  addListOptions(
    addCommand(group, 'occurrences <id>', 'show what was decided for each due time, newest first', [
      'automagik-spark schedules occurrences 0199a1b2-0000-7000-8000-000000000004 --limit 10',
    ]),
  ).action((id: string, options: ListOptions) =>
    list(
      (query) => spark().schedules.occurrences(id, query, request()),
      occurrenceColumns,
      options,
      'Nothing was due yet.',
    ),
  )

  addYesOption(
    addCommand(group, 'delete <id>', 'delete a schedule; pending tasks are cancelled, running ones finish', [
      'automagik-spark schedules delete 0199a1b2-0000-7000-8000-000000000004 --yes',
    ]),
  ).action(async (id: string, options: JsonOption & { yes?: true }) => {
    await confirm(options.yes, previewDelete.schedule, id)
    const schedule = await spark().schedules.delete(id, request())
    if (options.json) out.json(schedule)
    else out.note('Deleted.')
  })
}
