import { TaskStatus, Trigger } from '@automagik-spark/core'
import { resultText, type Task, type TaskEvent, type TasksListQuery } from '@automagik-spark/sdk'
import { type Command, Option } from 'commander'
import type { CommandContext, JsonOption, ListOptions } from '../command-context.ts'
import { previewDelete } from '../delete-preview.ts'
import { follow, showResult } from '../follow.ts'
import {
  addCommand,
  addGroup,
  addInputOptions,
  addListOptions,
  addYesOption,
  given,
  type InputOptions,
  readInput,
  wholeNumber,
} from '../options.ts'
import type { Column } from '../table.ts'

const durationOf = ({ started_at, finished_at }: Task): string | null =>
  started_at && finished_at ? `${((Date.parse(finished_at) - Date.parse(started_at)) / 1000).toFixed(1)} s` : null

const columns: Array<Column<Task>> = [
  { header: 'ID', value: ({ id }) => id },
  { header: 'STATUS', value: ({ status }) => status },
  { header: 'TRIGGER', value: ({ trigger }) => trigger },
  { header: 'CREATED', value: ({ created_at }) => created_at },
  { header: 'TOOK', value: durationOf },
  { header: 'RESULT', value: (task) => task.error ?? resultText(task), flexible: true },
]
const logColumns: Array<Column<TaskEvent>> = [
  { header: 'AT', value: ({ at }) => at },
  { header: 'TRY', value: (event) => event.try },
  { header: 'EVENT', value: ({ type }) => type },
  { header: 'MESSAGE', value: ({ message }) => message, flexible: true },
]

type FilterOptions = ListOptions & {
  workflow?: string
  schedule?: string
  status?: Task['status']
  trigger?: Task['trigger']
  after?: string
  before?: string
}

export const addTasks = (program: Command, context: CommandContext): void => {
  const { io, out, spark, request, list, show, confirm } = context
  const group = addGroup(
    program,
    'tasks',
    'list, show, cancel and repeat runs',
    'automagik-spark tasks list --status failed',
  )

  addListOptions(
    addCommand(group, 'list', 'list the runs, newest first', [
      'automagik-spark tasks list --status failed --after 2026-01-31T00:00:00Z',
    ]),
  )
    .option('--workflow <id>', 'only runs of this workflow')
    .option('--schedule <id>', 'only runs of this schedule')
    .addOption(new Option('--status <status>', 'only runs with this status').choices(TaskStatus.options))
    .addOption(new Option('--trigger <trigger>', 'only runs with this trigger').choices(Trigger.options))
    .option('--after <time>', 'created at or after this time: ISO 8601 with Z or an offset')
    .option('--before <time>', 'created before this time')
    .action(({ workflow, schedule, status, trigger, after, before, ...options }: FilterOptions) => {
      const filters: TasksListQuery = {
        workflow_id: workflow,
        schedule_id: schedule,
        status,
        trigger,
        created_after: after,
        created_before: before,
      }
      return list((query) => spark().tasks.list({ ...query, ...filters }, request()), columns, options, 'No tasks.')
    })

  addCommand(group, 'get <id>', 'show a run', [
    'automagik-spark tasks get 0199a1b2-0000-7000-8000-000000000003',
  ]).action(async (id: string, options: JsonOption) => show(await spark().tasks.get(id, request()), options))

  addCommand(group, 'wait <id>', 'wait until a run is finished and print its answer', [
    'automagik-spark tasks wait 0199a1b2-0000-7000-8000-000000000003 --timeout 60',
  ])
    .option('--timeout <seconds>', 'stop waiting after this time; the run continues', wholeNumber(1))
    .action(async (id: string, options: JsonOption & { timeout?: number }) =>
      showResult(context, await follow(context, id, { timeoutS: options.timeout, withoutWorker: 'wait' }), options),
    )

  addListOptions(
    addCommand(group, 'logs <id>', 'show what happened to a run, oldest first', [
      'automagik-spark tasks logs 0199a1b2-0000-7000-8000-000000000003',
    ]),
  ).action((id: string, options: ListOptions) =>
    list((query) => spark().tasks.logs(id, query, request()), logColumns, options, 'No events yet.'),
  )

  addCommand(group, 'cancel <id>', 'cancel a pending run, ask a running one to stop', [
    'automagik-spark tasks cancel 0199a1b2-0000-7000-8000-000000000003',
  ]).action(async (id: string, options: JsonOption) => {
    const task = await spark().tasks.cancel(id, request())
    show(task, options, {
      said:
        task.status === 'cancelled'
          ? 'Cancelled.'
          : `Asked to stop. Wait for its end: automagik-spark tasks wait ${task.id}`,
    })
  })

  addCommand(group, 'retry <id>', 'try a failed or cancelled run again, as the same task', [
    'automagik-spark tasks retry 0199a1b2-0000-7000-8000-000000000003',
  ]).action(async (id: string, options: JsonOption) => {
    const task = await spark().tasks.retry(id, request())
    show(task, options, { said: `Pending again. Wait for its end: automagik-spark tasks wait ${task.id}` })
  })

  addInputOptions(
    addCommand(group, 'replay <id> [input]', 'run it again as a new task, with the same input or another', [
      'automagik-spark tasks replay 0199a1b2-0000-7000-8000-000000000003',
      'automagik-spark tasks replay 0199a1b2-0000-7000-8000-000000000003 "Hello again"',
    ]),
  ).action(async (id: string, input: string | undefined, options: JsonOption & Omit<InputOptions, 'input'>) => {
    const input_value = await readInput(
      given({ input, jsonInput: options.jsonInput, inputFile: options.inputFile }),
      io,
    )
    const task = await spark().tasks.replay(id, given({ input_value }), request())
    show(task, options, { said: `Started as a new task. Wait for its end: automagik-spark tasks wait ${task.id}` })
  })

  addYesOption(
    addCommand(group, 'delete <id>', 'delete a run; a running one is asked to stop', [
      'automagik-spark tasks delete 0199a1b2-0000-7000-8000-000000000003 --yes',
    ]),
  ).action(async (id: string, options: JsonOption & { yes?: true }) => {
    await confirm(options.yes, previewDelete.task, id)
    const task = await spark().tasks.delete(id, request())
    if (options.json) out.json(task)
    else out.note('Deleted.')
  })
}
